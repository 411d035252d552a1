"""What a recipe comes to, before anything runs."""

import json
from pathlib import Path

import pytest

from fdd_lightning.artefacts.results import IDENTITY
from fdd_lightning.runs.plan import Plan, slug
from fdd_lightning.runs.recipe import Entry, read_recipe
from tests.fakes import write_mnist
from tests.tiny import write_recipe


@pytest.fixture
def plan(workdir):
    def make(**changes):
        return Plan(read_recipe(write_recipe(Path("r.yaml"), **changes)), Path("runs/tiny"))

    return make


def column(plan, *keys):
    return [tuple(cell.identity[key] for key in keys) for cell in plan.rows]


def test_rows_stand_in_the_recipes_order(plan):
    made = plan(methods=["random", "dm"], weightings=["fairdd", "vanilla"], ipcs=[2, 1])
    assert column(made, "method", "weighting", "ipc") == [
        ("random", "fairdd", 2),
        ("random", "fairdd", 1),
        ("random", "vanilla", 2),
        ("random", "vanilla", 1),
        ("dm", "fairdd", 2),
        ("dm", "fairdd", 1),
        ("dm", "vanilla", 2),
        ("dm", "vanilla", 1),
    ]


def test_a_plain_weighting_stands_before_its_variants(plan):
    made = plan(weightings=[{"name": "kde", "lr_images": 2.0}, {"name": "vanilla", "lr_images": 3.0}, "kde", "vanilla"])
    rows = [(cell.identity["weighting"], cell.identity["settings"].get("lr_images")) for cell in made.rows]
    assert rows == [("kde", None), ("kde", 2.0), ("vanilla", None), ("vanilla", 3.0)]


def test_methods_may_have_weightings_ipcs_and_leaves_of_their_own(plan):
    made = plan(
        methods=[{"name": "random", "weightings": ["fairdd"], "ipcs": [3]}, {"name": "dm", "lr_images": 2.0}],
        ipcs=[1],
    )
    assert column(made, "method", "weighting", "ipc") == [("random", "fairdd", 3), ("dm", "vanilla", 1)]
    shared = {"iterations": 2, "surrogate.network.width": 4}
    assert column(made, "settings") == [({},), ({**shared, "lr_images": 2.0},)]


def test_identity_has_every_key_and_the_settings_of_every_stage(plan):
    made = plan(
        data={"name": "colored_digits", "conflict_ratio": 0.2, "seed": 3},
        weightings=[{"name": "kde", "weighting.cap": 2.0, "lr_images": 10.0}],
        distill_seeds=[0, 5],
        eval={"count": 4, "preset": "quick", "lr": 0.1, "networks": [{"name": "convnet", "width": 8}]},
    )
    (cell,) = made.rows
    assert set(cell.identity) == set(IDENTITY)
    assert cell.identity == {
        "dataset": "colored_digits",
        "method": "dm",
        "variant": "published",
        "weighting": "kde",
        "ipc": 1,
        "conflict_ratio": 0.2,
        "network": "convnet",
        "train_on": "synthetic",
        "trainer": "erm",
        "settings": {
            "seed": 3,
            "encoder": "supcon_small",
            "steps": 2,
            "network.width": 4,
            "iterations": 2,
            "surrogate.network.width": 4,
            "lr_images": 10.0,
            "weighting.cap": 2.0,
        },
        "preset": "quick",
        "distill_seeds": [0, 5],
        "eval_networks": 4,
        "eval_seeds": None,
        "eval_settings": {"lr": 0.1, "network.width": 8},
    }
    assert json.loads(json.dumps(cell.identity)) == cell.identity


def test_an_encoder_is_trained_once_and_only_where_it_is_needed(plan):
    made = plan(methods=["random", "dm"], weightings=["vanilla", "kde"], distill_seeds=[0, 1])
    kinds = [stage.kind for stage in made.stages()]
    assert kinds.count("fit") == 1
    assert kinds.count("distill") == kinds.count("eval") == 8
    for cell in made.rows:
        needs = cell.identity["weighting"] == "kde"
        assert any(stage.kind == "fit" for stage in cell.stages()) == needs
    order = [stage.folder.path for stage in made.stages()]
    for stage in made.stages():
        for before in stage.inputs.values():
            assert order.index(before.folder.path) < order.index(stage.folder.path)


def seeds_of(plan, kind):
    """The seeds of the stages of a kind by their folders."""
    stages = [stage for stage in plan.stages() if stage.kind == kind]
    return {stage.folder.path.name: stage.config["model"]["init_args"]["seed"] for stage in stages}


def test_evaluation_seeds_are_the_same_for_all_sets(plan):
    grid = {"methods": ["full", "dm"], "distill_seeds": [0, 7]}
    plain = plan(**grid)
    assert column(plain, "eval_seeds", "eval_networks") == [(None, 2)] * 2
    evaluation = {"count": 2, "epochs": 2, "networks": [{"name": "convnet", "width": 4}], "seeds": [3, 0]}
    made = plan(**grid, eval=evaluation)
    assert column(made, "distill_seeds", "eval_seeds", "eval_networks") == [([], [3, 0], 4), ([0, 7], [3, 0], 4)]
    whole, dm = made.rows
    assert [stage.config["model"]["init_args"]["seed"] for stage in dm.evaluations] == [3, 0, 3, 0]
    assert [stage.inputs["synthetic"].title[-22:] for stage in dm.evaluations][::2] == [
        f"seed {seed}, colored_digits" for seed in (0, 7)
    ]
    assert [stage.folder.path.name for stage in whole.evaluations] == [f"convnet+width=4-erm-seed{n}" for n in (3, 0)]
    assert [stage.kind for stage in made.stages()].count("distill") == 2, "sets are made once"


def test_an_encoder_of_each_sets_own(plan):
    grid = {"weightings": ["vanilla", "kde"], "distill_seeds": [0, 7]}
    small = {"encoder": "supcon_small", "steps": 2, "network.width": 4}
    one, own = plan(**grid, fit=small), plan(**grid, fit={**small, "seed": "per_set"})
    assert seeds_of(one, "fit") == {"colored_digits-encoder": 0}
    assert seeds_of(own, "fit") == {f"colored_digits-encoder-seed{seed}": seed for seed in (0, 7)}
    for evaluation in own.rows[1].evaluations:
        made = evaluation.inputs["synthetic"]
        seeds = [stage.config["model"]["init_args"]["seed"] for stage in (made, made.inputs["encoder"])]
        assert len(set(seeds)) == 1
    plain, kde = (row.identity["settings"] for row in one.rows)
    assert [row.identity["settings"] for row in own.rows] == [plain, {**kde, "encoder.seed": "per_set"}]


def test_everything_that_is_fitted_may_be_each_sets_own(plan):
    mtt = {"name": "mtt", "student_steps": 2, "max_start": 1}
    grid = {"methods": [mtt], "weightings": ["kde"], "distill_seeds": [0, 7], "distill": None}
    tiny = {"encoder": "supcon_small", "steps": 2, "experts.count": 1, "experts.epochs": 2}
    made = plan(**grid, fit={**tiny, "seed": "per_set"})
    assert sorted(seeds_of(made, "fit").values()) == [0, 0, 7, 7]
    (row,) = made.rows
    settings = row.identity["settings"]
    assert [settings[f"{kind}.seed"] for kind in ("encoder", "experts")] == ["per_set"] * 2
    for stage in row.evaluations:
        experts = stage.inputs["synthetic"].inputs["experts"]
        assert experts.config["model"]["init_args"]["seed"] == stage.config["model"]["init_args"]["seed"]
        assert experts.inputs["encoder"].folder.path.name.endswith(experts.folder.path.name[-1])
    made = plan(**{**grid, "weightings": ["vanilla"]}, fit={**tiny, "experts.seed": "per_set"})
    assert sorted(seeds_of(made, "fit").values()) == [0, 7]
    made = plan(**grid, fit={**tiny, "experts.seed": "per_set"})
    assert sorted(seeds_of(made, "fit").values()) == [0, 0, 7], "one encoder, experts of each set's own"


def test_seeds_of_the_encoder_are_rows(plan):
    methods = ["dm", {"name": "dm", "fit.seed": 3}, {"name": "dm", "fit.seed": "per_set"}]
    made = plan(methods=methods, weightings=["kde"], distill_seeds=[0, 1])
    assert [row.identity["settings"].get("encoder.seed") for row in made.rows] == [None, 3, "per_set"]
    assert sorted(seeds_of(made, "fit").values()) == [0, 0, 1, 3]


def test_the_whole_grid(plan):
    made = plan(
        data=["colored_digits"],
        ratios=[0.1, None],
        methods=["random", "dm"],
        weightings=["vanilla", "kde"],
        ipcs=[1, 2],
        distill_seeds=[0, 1],
        fit={"encoder": "supcon_small", "seed": "per_set"},
        eval={"networks": ["convnet", "mlp"], "trainers": ["erm", "lff"], "seeds": [0, 1], "count": 3},
    )
    assert len(made.rows) == 2**6
    assert all(len(row.evaluations) == 4 and row.identity["eval_networks"] == 6 for row in made.rows)
    kinds = [stage.kind for stage in made.stages()]
    assert [kinds.count(kind) for kind in ("fit", "distill", "eval")] == [2 * 2, 2 * 2**4, 4 * 2**6]


@pytest.mark.parametrize(("gpu", "name"), [(True, "supcon"), (False, "supcon_small")])
def test_the_encoder_of_a_recipe_that_names_none_is_one_for_the_machine(plan, monkeypatch, gpu, name):
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    made = plan(weightings=["kde"], fit={})
    (fitted,) = {id(stage): stage for stage in made.stages() if stage.kind == "fit"}.values()
    assert fitted.config["model"]["init_args"]["preset"] == name
    assert [*made.notes] == ([] if gpu else ["encoder"])
    if not gpu:
        assert "fit.encoder says another" in made.notes["encoder"]
        assert made.rows[0].identity["settings"]["encoder"] == name
    assert not plan(weightings=["vanilla"], fit={"steps": 3}).notes, "nothing reads an encoder"
    assert not plan(weightings=["kde"], fit={"encoder": "supcon"}).notes


def test_every_data_set_has_an_encoder_of_its_own(plan):
    made = plan(data=["colored_digits", {"name": "colored_digits", "conflict_ratio": None}], weightings=["kde"])
    assert column(made, "dataset", "conflict_ratio") == [("colored_digits", 0.1), ("colored_digits", None)]
    assert [stage.kind for stage in made.stages()].count("fit") == 2


@pytest.mark.parametrize(
    "weightings", [["kde"], ["vanilla", {"name": "vanilla", "lr_images": 2.0}], ["fairdd", "vanilla"]]
)
def test_the_whole_set_is_one_row(plan, weightings):
    made = plan(methods=["full", "dm"], weightings=weightings, ipcs=[1, 2], distill_seeds=[0, 1])
    first = made.rows[0].identity
    assert [cell.identity["method"] for cell in made.rows].count("full") == 1
    assert (first["weighting"], first["ipc"], first["train_on"]) == ("vanilla", None, "real")
    assert [stage.kind for stage in made.rows[0].stages()] == ["eval"]


def test_networks_and_trainers_multiply_rows(plan):
    made = plan(eval={"networks": ["mlp", {"name": "convnet", "width": 4}], "count": 1, "epochs": 1})
    assert column(made, "network") == [("mlp",), ("convnet",)]
    assert [stage.kind for stage in made.stages()] == ["distill", "eval", "eval"]


def test_real_sets_are_planned_without_being_there(plan):
    made = plan(data=["cmnist_fg", "colored_digits"])
    first, second = made.rows
    assert "FDD_DATA" in (first.data.missing or "")
    assert second.data.missing is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"distill": {"iteration": 3}}, ["distill.iteration: no such option", "dm"]),
        ({"distill": {"iterations": "many"}}, ["distill.iterations: expected int, not 'many'"]),
        ({"distill": {"surrogate.network.widht": 3}}, ["distill.surrogate.network.widht: no such option"]),
        ({"methods": [{"name": "dm", "lr_image": 1.0}]}, ["distill.lr_image: no such option"]),
        ({"weightings": [{"name": "kde", "weighting.normalizer": "cap"}]}, ["distill.weighting.normalizer"]),
        ({"weightings": ["nowhere.Mine"]}, ["distill.weighting", "nowhere.Mine"]),
        ({"fit": {"step": 3}, "weightings": ["kde"]}, ["fit.step: no such option"]),
        ({"fit": {"step": 3}}, ["fit.step: no such option"]),
        ({"fit": {"encoder": "big"}, "weightings": ["kde"]}, ["fit.encoder 'big' is not in configs/encoder"]),
        ({"fit": {"seed": "x"}}, ["fit.seed: expected int, not 'x'"]),
        ({"eval": {"counts": 3}}, ["eval.counts: no such option"]),
        ({"eval": {"preset": "fast"}}, ["eval.preset 'fast' is not in configs/eval: choose one of"]),
        ({"eval": {"networks": [{"name": "convnet", "widht": 3}]}}, ["eval.network.widht: no such option"]),
        ({"data": {"name": "colored_digits", "ratio": 3}}, ["data.ratio: no such option"]),
        (
            {"data": {"name": "colored_digits", "conflict_ratio": 3}},
            ["conflict_ratio must be at least 0 and at most 1"],
        ),
        ({"data": "nowhere.Data"}, ["nowhere.Data"]),
        ({"distill": {"seed": 3}}, ["distill.seed: say it by distill_seeds"]),
        ({"distill": {"images_per_class": 3}}, ["distill.images_per_class: say it by ipcs"]),
        ({"methods": [{"name": "dm", "weighting": "x"}]}, ["distill.weighting: say it by weightings"]),
        ({"eval": {"network": "x"}}, ["eval.network: say it by eval.networks"]),
        ({"eval": {"seed": 1}}, ["eval.seed: say it by eval.seeds"]),
        ({"methods": [{"name": "dm", "eval.seeds": [1]}]}, ["eval.seeds: say it by eval.seeds of the recipe"]),
        ({"fit": {"seed": "per_seed"}}, ["fit.seed: expected int, not 'per_seed'"]),
        ({"fit": {"experts.seed": "per_set"}}, ["fit.experts.seed: no method of the recipe needs experts"]),
        (
            {"methods": ["mtt"], "weightings": ["kde"], "distill": {}, "fit": {"seed": "per_set", "experts.seed": 0}},
            ["fit.experts.seed: say per_set here too"],
        ),
        ({"data": "bffhq", "ratios": [0.1]}, ["bffhq: data.conflict_ratio: no such option"]),
        ({"methods": ["random"], "distill": {"iteration": 3}}, ["distill.iteration: no method of the recipe takes it"]),
        ({"weightings": ["vanilla", "vanilla"]}, ["two rows are the same"]),
        (
            {"weightings": ["vanilla", {"name": "vanilla", "lr_images": 1.0}]},
            ["two rows are the same", "lr_images=1.0"],
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_each_mistake_is_one_line(workdir, refused, changes, told):
    write_recipe(Path("r.yaml"), **changes)
    line = refused("run", "r.yaml", "--dry-run")
    assert [text for text in told if text not in line] == []
    assert not Path("runs").exists()


def test_data_sets_are_named_by_what_tells_them_apart(plan):
    """All other arguments stand in each row's settings."""
    one = plan(data={"name": "colored_digits", "seed": 2, "conflict_ratio": 0.2})
    assert {stage.folder.path.parts[3] for stage in one.stages()} == {"colored_digits"}
    data = [{"name": "colored_digits", "seed": 2, "conflict_ratio": ratio} for ratio in (0.2, 0.3)]
    two = plan(data=[*data, {"name": "colored_digits", "seed": 2}])
    assert {stage.folder.path.parts[3] for stage in two.stages()} == {
        "colored_digits+conflict_ratio=0.2",
        "colored_digits+conflict_ratio=0.3",
        "colored_digits",
    }


def test_folder_names_tell_variants_apart_and_stay_short():
    assert slug(Entry("dm", {"lr_images": 2.0})) == "dm+lr_images=2.0"
    assert slug(Entry("dm", {"b": 1, "a": 2})) == slug(Entry("dm", {"a": 2, "b": 1})) == "dm+a=2+b=1"
    assert slug(Entry("my.package.Mine")) == "Mine"
    assert slug(Entry("path/to/mine.yaml")) == "mine"
    long = [slug(Entry("dm", {"surrogate.network": "x" * 300, "lr_images": lr})) for lr in (1, 2)]
    assert long[0] != long[1]
    assert max(map(len, long)) < 125


# What `--dry-run` shows.


def test_a_dry_run_needs_no_data_and_writes_nothing_but_the_plan(fdd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    write_recipe(Path("r.yaml"), data=["colored_digits", "cmnist"], weightings=["vanilla", "kde"])
    said = fdd("run", "r.yaml", "--dry-run", "--plan=deep/plan.json")
    assert (said.code, said.err) == (0, "")
    assert "4 rows, 10 stages" in said.out
    assert said.out.count("(data missing)") == 2
    assert "missing: data root 'data' does not exist" in said.out
    assert "whose time cannot be told" in said.out
    assert "data/CMNIST" not in said.out
    rows = json.loads(Path("deep/plan.json").read_text())
    assert [(row["dataset"], row["weighting"]) for row in rows] == [
        ("colored_digits", "vanilla"),
        ("colored_digits", "kde"),
        ("cmnist", "vanilla"),
        ("cmnist", "kde"),
    ]
    assert all(set(row) == set(IDENTITY) for row in rows)
    assert not Path("runs").exists()


def test_missing_data_are_one_line_before_anything_runs(refused, workdir):
    write_recipe(Path("r.yaml"), data=["colored_digits", "cmnist"])
    assert "FDD_DATA" in refused("run", "r.yaml")
    assert not Path("runs").exists()


def test_data_that_are_there_are_not_missing(fdd, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_DATA", str(write_mnist(tmp_path / "root")))
    write_recipe(Path("r.yaml"), data=["cmnist_fg"])
    said = fdd("run", "r.yaml", "--dry-run")
    assert said.code == 0
    assert "missing" not in said.out


def test_data_sets_and_methods_may_have_settings_of_whole_stages(plan):
    made = plan(
        data=[
            "colored_digits",
            {"name": "colored_digits", "conflict_ratio": 0.3, "fit.steps": 5, "distill": {"lr_images": 7.0}},
        ],
        methods=["dm", {"name": "dm", "lr_images": 3.0, "eval.epochs": 4}],
        weightings=["kde"],
    )
    first, second, third, fourth = (cell.evaluations[0] for cell in made.rows)

    def of(evaluation):
        made = evaluation.inputs["synthetic"]
        models = [stage.config["model"]["init_args"] for stage in (made.inputs["encoder"], made, evaluation)]
        return models[0]["steps"], models[1]["lr_images"], models[2]["epochs"]

    assert [of(stage) for stage in (first, second, third, fourth)] == [
        (2, 1.0, 2),
        (2, 3.0, 4),
        (5, 7.0, 2),
        (5, 3.0, 4),
    ]
    assert len({stage.folder.path for stage in (first, second, third, fourth)}) == 4


def test_data_sets_may_have_methods_of_their_own(plan):
    made = plan(data=["colored_digits", {"name": "colored_digits", "conflict_ratio": 0.3, "methods": ["random"]}])
    assert column(made, "conflict_ratio", "method") == [(0.1, "dm"), (0.3, "random")]
    alone = plan(data=[{"name": "colored_digits", "methods": ["random"]}], methods=None, distill=None)
    assert column(alone, "method") == [("random",)]
