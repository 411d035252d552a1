"""Recipes as they are read."""

from pathlib import Path

import pytest
import yaml

from fdd_lightning.errors import ConfigError
from fdd_lightning.runs.recipe import Entry, flatten, read_recipe
from tests.tiny import RECIPE, write_recipe


def read(tmp_path, **changes):
    return read_recipe(write_recipe(tmp_path / "r.yaml", **changes))


def test_defaults(tmp_path):
    file = tmp_path / "r.yaml"
    file.write_text("{name: x, data: colored_digits, methods: dm}")
    recipe = read_recipe(file)
    assert recipe.data == (Entry("colored_digits"),)
    assert recipe.methods == (Entry("dm"),)
    assert recipe.weightings == (Entry("vanilla"),)
    assert (recipe.ipcs, recipe.distill_seeds) == ((10,), (0,))
    assert (recipe.networks, recipe.trainers) == ((Entry("convnet"),), (Entry("erm"),))
    assert (recipe.fit, recipe.distill, recipe.eval) == ({}, {}, {})


def test_entries_and_leaves(tmp_path):
    recipe = read(
        tmp_path,
        data=["colored_digits", {"name": "colored_digits", "conflict_ratio": 0.05}, {"class_path": "my.Data"}],
        methods=["random", {"name": "dm", "lr_images": 2.0, "weightings": ["kde"], "ipcs": [1, 2]}],
        weightings=[
            "vanilla",
            {"name": "kde", "weighting": {"normaliser": "cap"}},
            {"class_path": "my.Own", "init_args": {"first": 2}, "lr_images": 3.0},
        ],
        distill={"surrogate": {"network": {"class_path": "my.Net", "init_args": {"width": 4}}}, "iterations": 3},
        eval={"networks": ["mlp", {"name": "convnet", "width": 8}], "trainers": "erm", "count": 2},
    )
    assert recipe.data[1:] == (Entry("colored_digits", {"conflict_ratio": 0.05}), Entry("my.Data"))
    assert recipe.methods[1] == Entry("dm", {"lr_images": 2.0}, (Entry("kde"),), (1, 2))
    assert recipe.weightings[1:] == (
        Entry("kde", {"weighting.normaliser": "cap"}),
        Entry("my.Own", {"weighting.first": 2, "lr_images": 3.0}),
    )
    assert recipe.distill == {
        "surrogate.network": "my.Net",
        "surrogate.network.width": 4,
        "iterations": 3,
    }
    assert recipe.networks == (Entry("mlp"), Entry("convnet", {"width": 8}))
    assert recipe.eval == {"count": 2}


def test_ratios_are_data_sets(tmp_path):
    both = [
        "colored_digits",
        {"name": "cmnist", "conflict_ratio": 0.3},
        {"name": "cmnist", "ratios": [None], "seed": 2},
    ]
    recipe = read(tmp_path, data=both, ratios=[0.01, 0.05, None])
    assert [(entry.name, entry.leaves) for entry in recipe.data] == [
        *(("colored_digits", {"conflict_ratio": ratio}) for ratio in (0.01, 0.05, None)),
        ("cmnist", {"conflict_ratio": 0.3}),
        ("cmnist", {"seed": 2, "conflict_ratio": None}),
    ]
    assert read(tmp_path, data=["colored_digits"]).data == (Entry("colored_digits"),)


def test_seeds_of_the_evaluation(tmp_path):
    recipe = read(tmp_path, eval={"seeds": [0, 4], "count": 2})
    assert (recipe.eval_seeds, recipe.eval) == ((0, 4), {"count": 2})
    assert read(tmp_path).eval_seeds is None


def test_flatten_keeps_empty_mappings_and_lists():
    assert flatten({"a": {}, "b": [1, {"c": 2}], "d": {"e": None}}, "") == {"a": {}, "b": [1, {"c": 2}], "d.e": None}


def test_recipes_are_found_in_the_menu_and_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("quickstart", "quickstart.yaml", "recipes/quickstart", "configs/recipes/quickstart.yaml"):
        assert read_recipe(name).name == "quickstart"
    write_recipe(tmp_path / "quickstart.yaml", name="own")
    assert read_recipe("quickstart.yaml").name == "own"  # the user's own file comes first


def test_a_method_of_ones_own_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("model: {}")
    assert read(tmp_path, methods=["mine.yaml"]).methods == (Entry("mine.yaml"),)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weighting": ["kde"]}, ["weighting: is no key of a recipe", "weightings"]),
        ({3: 4}, ["3: is no key"]),
        ({"name": None}, ["name: is missing"]),
        ({"data": None}, ["data: is missing"]),
        ({"methods": None}, ["methods: is missing"]),
        ({"name": "a/b"}, ["name: 'a/b' is no name for a folder"]),
        ({"name": ".."}, ["name: '..'"]),
        ({"name": ""}, ["name: ''"]),
        ({"data": "colored_digit"}, ["data: 'colored_digit' is not in configs/data", "colored_digits"]),
        ({"data": []}, ["data: is empty"]),
        ({"data": 3}, ["data: 3 is neither a name nor a mapping"]),
        ({"data": {"conflict_ratio": 0.1}}, ["data: {'conflict_ratio': 0.1} is neither"]),
        ({"data": {"name": "cmnist", "class_path": "a.B"}}, ["is neither"]),
        ({"methods": ["dn"]}, ["methods: 'dn' is not in configs/method", "dm", "full", "random"]),
        ({"methods": ["nowhere.yaml"]}, ["methods: 'nowhere.yaml'"]),
        ({"methods": [{"name": "dm", "weightings": ["kd"]}]}, ["methods.weightings: 'kd'"]),
        ({"methods": [{"name": "dm", "weightings": []}]}, ["methods.weightings: is empty"]),
        ({"methods": [{"name": "dm", "ipcs": [0]}]}, ["methods.ipcs: [0]"]),
        ({"weightings": ["fairddd"]}, ["weightings: 'fairddd' is not in configs/weighting", "fairdd"]),
        ({"ipcs": ["ten"]}, ["ipcs: ['ten'] is not a list of whole numbers of at least 1"]),
        ({"ipcs": [1.5]}, ["ipcs: [1.5]"]),
        ({"ipcs": [True]}, ["ipcs: [True]"]),
        ({"ipcs": []}, ["ipcs: []"]),
        ({"ipcs": [1, 1]}, ["ipcs: [1, 1] names a number twice"]),
        ({"distill_seeds": [-1]}, ["distill_seeds: [-1]", "at least 0"]),
        ({"ratios": ["few"]}, ["ratios: ['few'] is not a list of numbers, or null"]),
        ({"ratios": []}, ["ratios: []"]),
        ({"ratios": [True]}, ["ratios: [True]"]),
        ({"data": {"name": "cmnist", "ratios": [0.1, 0.1]}}, ["data.ratios: [0.1, 0.1] names a ratio twice"]),
        ({"data": {"name": "cmnist", "ratios": 0.1, "conflict_ratio": 0.2}}, ["data: cmnist has both"]),
        ({"eval": {"seeds": []}}, ["eval.seeds: []"]),
        ({"eval": {"seeds": [0, 0]}}, ["eval.seeds: [0, 0] names a number twice"]),
        ({"fit": [1]}, ["fit: is no mapping"]),
        ({"distill": "x"}, ["distill: is no mapping"]),
        ({"eval": [3]}, ["eval: is no mapping"]),
        ({"eval": {"networks": ["convnat"]}}, ["eval.networks: 'convnat'", "convnet"]),
        ({"eval": {"trainers": ["erm2"]}}, ["eval.trainers: 'erm2'"]),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_each_mistake_names_file_and_key(tmp_path, changes, told):
    content = {key: value for key, value in {**RECIPE, **changes}.items() if value is not None}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigError) as caught:
        read_recipe(tmp_path / "r.yaml")
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"{tmp_path / 'r.yaml'}: ")
    assert [text for text in told if text not in line] == []


@pytest.mark.parametrize("text", ["", "just words", "[a, b]", "name: [", "a: b: c", "\x00"])
def test_what_is_no_recipe(tmp_path, text):
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"r\.yaml"):
        read_recipe(tmp_path / "r.yaml")


def test_a_recipe_that_is_not_there_names_those_that_are():
    with pytest.raises(ConfigError, match=r"'quikstart' does not exist: .*quickstart"):
        read_recipe("quikstart")


def test_a_misspelt_recipe_is_told_those_that_are_near():
    with pytest.raises(ConfigError, match=r"'cui_table9_cpu' does not exist: .* such as cui_table\d_cpu, "):
        read_recipe("cui_table9_cpu")
