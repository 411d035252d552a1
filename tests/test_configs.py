"""Every file of the menu is used."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml

from fdd_lightning import SyntheticSet
from fdd_lightning.algorithms import Algorithm
from fdd_lightning.configuration.choices import build, import_class
from fdd_lightning.configuration.menu import find, read_yaml
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.networks import Network
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from fdd_lightning.utils.paths import CONFIGS
from tests.tiny import FIT, QUIET, SELECT
from tests.written_rows import written_rows


def menu(kind):
    files = [p.relative_to(CONFIGS / kind).with_suffix("") for p in (CONFIGS / kind).rglob("*.yaml")]
    return sorted(file.as_posix() for file in files if not file.name.startswith("_"))


def content(kind, name):
    return find(kind, name)


def small(kind, name):
    """What makes a network of the menu quick."""
    spec = content(kind, name)
    return (spec.get("init_args") or {}).keys() & {"width", "heads"}


def test_the_menu_has_no_other_kinds():
    assert {p.name for p in CONFIGS.iterdir() if p.is_dir()} == {
        "data",
        "encoder",
        "eval",
        "experts",
        "method",
        "network",
        "recipes",
        "trainer",
        "weighting",
    }


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda p: p.relative_to(CONFIGS).as_posix())
def test_every_file_says_what_it_is_for(path):
    assert path.read_text().startswith("# ")


@pytest.mark.parametrize("name", menu("data"))
def test_data(workdir, name):
    spec = content("data", name)
    cls = import_class(spec["class_path"])
    assert issubclass(cls, BaseDataModule)
    data = cls(**(spec.get("init_args") or {}))
    assert data.name == name
    assert data.image_shape[0] in (1, 3)
    if name in ("folder", "grey_folder"):  # classes are the user's own
        assert ("path" if name == "folder" else "root") in str(data.missing)
    else:
        assert data.num_classes == len(data.class_names)
    assert (data.missing is None) == (name == "colored_digits")


@pytest.mark.parametrize("name", menu("data"))
def test_data_at_the_command_line(fdd, name):
    for stage in ("fit", "distill", "eval"):
        printed = fdd(stage, f"--config=data/{name}", "--print_config")
        assert yaml.safe_load(printed.out)["data"]["class_path"] == content("data", name)["class_path"]


@pytest.fixture(scope="module")
def files(digits_cache, tmp_path_factory):
    """An encoder and a set."""
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        from fdd_lightning.__main__ import main

        assert main([*FIT, f"--output={folder / 'fit'}"]) == 0
        assert main([*SELECT, f"--output={folder / 'set'}"]) == 0
    return folder / "fit" / "encoder.safetensors", folder / "set" / "synthetic.safetensors"


@pytest.mark.parametrize("weighting", menu("weighting"))
@pytest.mark.parametrize("method", menu("method"))
def test_methods_and_weightings(fdd, files, method, weighting):
    args = [f"--config=method/{method}", f"--config=weighting/{weighting}", "--config=data/colored_digits", *QUIET]
    known = content("method", method)["init_args"]
    if known["method"] == "mtt":
        pytest.skip("needs trained experts: tests/modules/test_trajectory_matching.py")
    if "surrogate" in known:
        args += ["--trainer.max_steps=2", "--model.surrogate.network.width=4"]
    if "features" in known:
        args += ["--model.features.epochs=1", "--model.features.network.width=4"]
    said = fdd("distill", *args, f"--encoder={files[0]}", "--model.images_per_class=1", "--output=x")
    if method == "kcenter" and weighting != "vanilla":
        assert said.code == 2
        assert f"kcenter does not take weighting {weighting}: " in said.err
        return
    assert said.code == 0, said.err
    made = SyntheticSet.load("x/synthetic.safetensors")
    assert (made.metadata["method"], made.metadata["weighting"]) == (known["method"], weighting)
    assert not {k for k in made.metadata["settings"] if k.startswith("weighting")}
    assert made.metadata["ipc"] == 1
    assert len(made) % 10 == 0


@pytest.mark.parametrize("name", menu("encoder"))
def test_encoders(fdd, name):
    if name == "supcon_lars":
        pytest.importorskip("pl_bolts", reason="needs the extra `bolts`")
    args = ["--model.steps=2", "--model.network.width=4", *QUIET]
    said = fdd("fit", f"--config=encoder/{name}", *args, "--output=x")
    assert said.code == 0, said.err
    assert content("encoder", name)["init_args"]["preset"] == name
    assert Path("x/encoder.safetensors").exists()


@pytest.mark.parametrize("name", menu("network"))
def test_networks(fdd, files, name):
    spec = content("network", name)
    assert issubclass(import_class(spec["class_path"]), Network)
    network = build(spec)(10, (3, 32, 32))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    args = [f"--model.network={CONFIGS / 'network' / name}.yaml", "--model.count=1", "--trainer.max_steps=2", *QUIET]
    args += [f"--model.network.{key}=4" for key in small("network", name)]
    said = fdd("eval", *args, "--trainer.limit_test_batches=2", f"--synthetic={files[1]}", "--output=x")
    assert said.code == 0, said.err
    assert written_rows("x/results.json")[0]["network"] == name


@pytest.mark.parametrize("name", menu("trainer"))
def test_trainers(fdd, files, name):
    spec = content("trainer", name)
    cls = import_class(spec["class_path"])
    assert issubclass(cls, Algorithm)
    assert cls.name == name
    args = [f"--model.learner={CONFIGS / 'trainer' / name}.yaml", "--model.count=1", "--trainer.max_steps=2", *QUIET]
    args += ["--model.network.width=4", "--output=x"]
    args += [] if cls.needs_groups else [f"--synthetic={files[1]}"]
    args += ["--model.learner.encoder.width=4"] if "encoder" in (spec["init_args"] or {}) else []
    said = fdd("eval", *args)
    assert said.code == 0, said.err
    row = written_rows("x/results.json")[0]
    assert row["trainer"] == name
    own = {k: v for k, v in row["eval_settings"].items() if k.startswith("learner")}
    assert own == ({"learner.encoder.width": 4} if "encoder" in spec["init_args"] else {})


@pytest.mark.parametrize("name", menu("eval"))
def test_presets_of_the_evaluation(fdd, files, name):
    args = [f"--model.preset={name}", "--model.count=1", "--model.network.width=4", "--trainer.max_steps=2", *QUIET]
    said = fdd("eval", *args, "--trainer.limit_test_batches=2", f"--synthetic={files[1]}", "--output=x")
    assert said.code == 0, said.err
    row = written_rows("x/results.json")[0]
    shortened = {"trainer.max_steps": 2, "trainer.limit_test_batches": 2}
    assert (row["preset"], row["eval_settings"]) == (name, {"network.width": 4, **shortened})


@pytest.mark.parametrize("name", menu("recipes"))
def test_recipes_can_be_planned(workdir, name):
    recipe = read_recipe(name)
    assert recipe.name == Path(name).name
    # The other data sets of a recipe differ in their ratio; one is enough to read every leaf.
    one = replace(recipe, data=recipe.data[:1], ipcs=recipe.ipcs[:1], distill_seeds=recipe.distill_seeds[:1])
    plan = Plan(one, Path("runs") / recipe.name)
    distils = any(method.name != "full" for method in recipe.methods)
    assert len(plan.stages()) >= len(plan.rows) + distils
    assert len(plan.rows) >= 2
    for entry in recipe.data:
        assert entry.name in menu("data")


def test_the_quickstart_runs(fdd):
    """As it is, but for the number of steps."""
    recipe = read_yaml(CONFIGS / "recipes" / "quickstart.yaml")
    recipe["distill"] = {"iterations": 1, "surrogate.network.width": 4}
    recipe["fit"]["steps"] = 1
    recipe["eval"] = {"count": 1, "epochs": 1, "networks": [{"name": "convnet", "width": 4}]}
    Path("r.yaml").write_text(yaml.safe_dump(recipe))
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    rows = written_rows("runs/quickstart/results.json")
    plain = [(r["method"], r["weighting"]) for r in rows]
    assert [plain.count(("random", w)) for w in ("vanilla", "fairdd", "vote", "kde")] == [1, 1, 1, 1]
    assert {w for m, w in plain if m == "dm"} == {"vanilla", "kde", "fairdd", "barycenter", "vote"}


def test_published_figures_stand_in_one_place():
    """They are in report/published.csv, beside the rows of a report, and not once more in comments."""
    for path in (CONFIGS / "recipes" / "paper").glob("*.yaml"):
        text = path.read_text()
        assert "+-" not in text, path
        assert "docs/presets.md" in text or "The paper's" in text, path
