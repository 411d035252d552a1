"""Experts and trajectory matching from the command line and from a recipe."""

import json
import signal
from pathlib import Path

import pytest
import yaml

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.experts import ExpertFolder
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from tests.processes import Process
from tests.tiny import DISTILL, EVAL, FIT, QUIET, write_recipe
from tests.written_rows import written_rows

EXPERTS = {"network.width": 2, "network.depth": 2, "count": 2, "epochs": 3, "batch_size": 700}  # two steps an epoch
MATCHING = {"student_steps": 2, "max_start": 2}
TRAIN = ("fit", "--config=experts/mtt", *(f"--model.{k}={v}" for k, v in EXPERTS.items()), *QUIET)
MATCH = (
    "distill",
    "--config=method/mtt",
    *(f"--model.{k}={v}" for k, v in MATCHING.items()),
    "--model.iterations=12",
    "--model.images_per_class=1",
    *QUIET,
)
RECIPE = {
    "methods": ["mtt"],
    "weightings": ["vanilla", "kde", "barycenter"],
    "fit": {"encoder": "supcon_small", "steps": 2, "network.width": 4, "experts": EXPERTS},
    "distill": {"iterations": 2, **MATCHING},
}


@pytest.fixture(scope="module")
def experts(digits_cache, tmp_path_factory):
    """Plain experts."""
    folder = tmp_path_factory.mktemp("experts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        from fdd_lightning.__main__ import main

        assert main([*TRAIN, f"--output={folder}"]) == 0
    return folder


# The stages.


def test_from_experts_to_figures(fdd, experts):
    said = fdd(*MATCH, f"--experts={experts}", "--output=set")
    assert (said.code, said.err) == (0, "")
    made = SyntheticSet.load("set/synthetic.safetensors")
    assert (made.metadata["method"], made.metadata["weighting"]) == ("mtt", "vanilla")
    assert made.metadata["settings"] == {
        **{f"experts.{key}": value for key, value in EXPERTS.items()},
        **MATCHING,
        "iterations": 12,
    }
    assert said.out.startswith("distill: set/synthetic.safetensors, step size 0.")
    said = fdd(*EVAL, "--synthetic=set/synthetic.safetensors", "--output=x")
    assert said.code == 0, said.err
    assert "learned step size" in said.out
    (row,) = written_rows("x/results.json")
    assert row["eval_settings"]["lr"] == "learned"
    given = fdd(*EVAL, "--model.lr=0.01", "--synthetic=set/synthetic.safetensors", "--output=y")
    assert "learned step size" not in given.out
    assert written_rows("y/results.json")[0]["eval_settings"]["lr"] == 0.01


def test_what_the_experts_stage_leaves(fdd, experts):
    assert {p.name for p in experts.iterdir()} == {"config.yaml", "experts", "last.ckpt", "stage.json"}
    assert sorted(p.name for p in (experts / "experts").iterdir()) == ["0000.safetensors", "0001.safetensors"]
    said = fdd(*TRAIN, f"--output={experts}")
    assert said.out == f"finished: fit in {experts}\n"
    assert fdd(*TRAIN, "--output=again").out.startswith("fit: again/experts, 2 experts, test accuracy 0.")
    for name in ("0000.safetensors", "0001.safetensors"):
        assert Path("again/experts", name).read_bytes() == (experts / "experts" / name).read_bytes()
    Path("again/experts/0001.safetensors").unlink()  # a lost one is made again
    assert "finished" not in fdd(*TRAIN, "--output=again").out
    assert Path("again/experts/0001.safetensors").exists()


def test_experts_may_be_named_by_either_folder(fdd, experts):
    assert fdd(*MATCH, f"--experts={experts}", "--output=x").code == 0
    assert fdd(*MATCH, f"--experts={experts / 'experts'}", "--output=x").out == "finished: distill in x\n"


def test_other_experts_are_other_work(fdd, experts):
    assert fdd(*TRAIN, "--model.seed=1", "--output=other").code == 0
    assert fdd(*MATCH, f"--experts={experts}", "--output=x").code == 0
    first = Path("x/synthetic.safetensors").read_bytes()
    assert "finished" not in fdd(*MATCH, "--experts=other", "--output=x").out
    assert Path("x/synthetic.safetensors").read_bytes() != first


def test_a_class_does_not_inherit_what_another_was_by_default(fdd):
    """The default of `fdd fit` is SupCon with a ResNet18, that of its data the coloured digits."""
    said = yaml.safe_load(fdd("fit", "--model=Experts", "--data=CMNIST", "--print_config").out)
    network = said["model"]["init_args"]["network"]
    assert network["class_path"] == "fdd_lightning.networks.ConvNet"
    assert network["init_args"]["norm"] == "instance"
    assert said["data"]["init_args"]["conflict_ratio"] == 0.05
    said = yaml.safe_load(fdd("distill", "--model=TrajectoryMatching", "--print_config").out)
    assert said["model"]["init_args"]["method"] == "mtt"
    assert said["model"]["init_args"]["lr_images"] == 100.0


@pytest.fixture
def stage(request, experts):
    """A stage's command, and the files of its artefact."""
    if request.param == "fit":
        return "fit", TRAIN, [f"experts/000{n}.safetensors" for n in range(2)]
    return "distill", (*MATCH, f"--experts={experts}"), ["synthetic.safetensors"]


@pytest.mark.parametrize("stage", ["fit", "distill"], indirect=True)
def test_killed_and_started_again(stage, workdir, tmp_path):
    """Experts: in the middle of the second one."""
    kind, args, files = stage
    whole = Process([*args, "--output=whole"], tmp_path / "whole")
    assert whole.join() == 0, whole.err
    killed = Process([*args, "--output=cut"], tmp_path / "killed", pause_at=10)
    killed.wait_until_paused()
    assert killed.signal(signal.SIGKILL) == -signal.SIGKILL
    assert not (Path("cut") / files[0]).exists()
    again = Process([*args, "--output=cut"], tmp_path / "again")
    assert again.join() == 0
    assert again.err == f"resuming {kind} at step 9\n"
    for file in files:
        assert (Path("cut") / file).read_bytes() == (Path("whole") / file).read_bytes()
    assert not Path("cut/experts.part").exists()


# What is refused.


def test_missing_and_misnamed_experts(refused, experts):
    assert "mtt reads expert trajectories: train them with `fdd fit" in refused(*MATCH)
    assert "--experts nowhere: no such file" in refused(*MATCH, "--experts=nowhere")
    Path("empty").mkdir()
    assert "experts empty holds no experts" in refused(*MATCH, "--experts=empty")
    told = refused(*MATCH, f"--experts={experts}", "--model.max_start=3")
    assert "need experts of 4 epochs" in told
    assert not Path("runs").exists()


def test_an_expert_cut_short(refused, experts):
    Path("e").mkdir()
    for file in (experts / "experts").iterdir():
        Path("e", file.name).write_bytes(file.read_bytes()[:-9])
    assert "e/0000.safetensors is cut short" in refused(*MATCH, "--experts=e")


def test_experts_of_another_kind(fdd, refused, experts):
    told = refused(*MATCH, f"--experts={experts}", "--config=weighting/barycenter")
    assert "trained with weighting Vanilla, and Barycenter is set here" in told
    told = refused(*MATCH, f"--experts={experts}", "--data.seed=1")
    assert "were trained on other images than these of colored_digits" in told
    assert fdd(*TRAIN, "--model.network.width=3", "--model.count=1", "--output=other").code == 0
    Path("other/experts/0000.safetensors").rename("other/experts/0002.safetensors")
    for file in (experts / "experts").iterdir():
        Path("other/experts", file.name).write_bytes(file.read_bytes())
    told = refused(*MATCH, "--experts=other/experts")
    assert "0002.safetensors differs from 0000.safetensors in network" in told


@pytest.mark.parametrize("args", [TRAIN, MATCH], ids=["fit", "distill"])
def test_fairdd_names_the_alternative(refused, experts, args):
    flag = () if args is TRAIN else (f"--experts={experts}",)
    told = refused(*args, *flag, "--config=weighting/fairdd")
    assert "does not take weighting fairdd: experts see one mix of images" in told
    assert "take barycenter" in told


def test_experts_that_need_an_encoder(refused, fdd):
    assert "--encoder DIR/encoder.safetensors" in refused(*TRAIN, "--config=weighting/kde")
    assert fdd(*FIT, "--output=enc").code == 0
    said = fdd(*TRAIN, "--config=weighting/kde", "--encoder=enc/encoder.safetensors", "--output=e")
    assert (said.code, said.err) == (0, "")
    assert ExpertFolder("e").header["weighting"]["class_path"].endswith("KDE")
    said = fdd(*MATCH, "--config=weighting/kde", "--experts=e", "--output=x")
    assert (said.code, said.err) == (0, "")
    assert SyntheticSet.load("x/synthetic.safetensors").metadata["weighting"] == "kde"


def test_an_encoder_as_experts_and_experts_for_others(fdd, refused, experts):
    assert fdd(*FIT, "--output=enc").code == 0
    assert "enc/encoder.safetensors holds an encoder, not an expert" in refused(*MATCH, "--experts=enc")
    assert fdd(*DISTILL, f"--experts={experts}", "--output=x").code == 0  # not looked at


# Recipes.


@pytest.fixture
def plan(workdir):
    def make(**changes):
        return Plan(read_recipe(write_recipe(Path("r.yaml"), **{**RECIPE, **changes})), Path("runs/tiny"))

    return make


def test_experts_are_trained_once_for_each_weighting(plan):
    made = plan(ipcs=[1, 2], distill_seeds=[0, 1])
    folders = [stage.folder.path.name for stage in made.stages() if stage.kind == "fit"]
    assert folders == [
        "colored_digits-experts-vanilla",
        "colored_digits-encoder",
        "colored_digits-experts-kde",
        "colored_digits-experts-barycenter",
    ]
    by_name = {stage.folder.path.name: stage for stage in made.stages()}
    assert set(by_name["colored_digits-experts-kde"].inputs) == {"encoder"}
    assert not by_name["colored_digits-experts-barycenter"].inputs
    for stage in made.stages():
        if stage.kind == "distill":
            assert set(stage.inputs) == {"experts"}
    order = [stage.folder.path for stage in made.stages()]
    for stage in made.stages():
        assert all(order.index(before.folder.path) < order.index(stage.folder.path) for before in stage.inputs.values())


def test_variants_of_a_weighting_have_experts_of_their_own(plan):
    entries = ["kde", {"name": "kde", "weighting.variance": 0.2}, {"name": "kde", "lr_images": 1.0}]
    made = plan(weightings=entries)
    assert sum(stage.kind == "fit" for stage in made.stages()) == 3  # an encoder, and two kinds of experts
    assert [cell.identity["settings"].get("weighting.variance") for cell in made.rows] == [None, 0.2, None]
    trained = [stage.config["model"]["init_args"] for stage in made.stages() if "experts" in stage.folder.path.name]
    assert sorted(spec["weighting"]["init_args"]["variance"] for spec in trained) == [0.1, 0.2]


def test_leaves_go_where_they_are_known(plan):
    """Those of all distillations to the methods that take them."""
    leaves = {"iterations": 2, "surrogate.network.width": 4, "student_steps": 2, "max_start": 2}
    made = plan(methods=["random", "dm", "mtt"], weightings=["vanilla"], distill=leaves)
    assert [cell.identity["settings"] for cell in made.rows] == [
        {},
        {"iterations": 2, "surrogate.network.width": 4},
        {**{f"experts.{k}": v for k, v in EXPERTS.items()}, "iterations": 2, "student_steps": 2, "max_start": 2},
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weightings": ["fairdd"]}, ["mtt does not take weighting fairdd", "take barycenter"]),
        ({"fit": {"experts": {"cont": 2}}}, ["fit.experts.cont: no such option"]),
        ({"fit": {"experts": {"count": "x"}}}, ["fit.experts.count: expected int, not 'x'"]),
        ({"fit": {"experts": "big"}}, ["fit.experts 'big' is not in configs/experts"]),
        ({"fit": {"experts": {"weighting": "KDE"}}}, ["fit.experts.weighting: say it by weightings"]),
        ({"methods": ["dm"], "distill": {}}, ["fit.experts.network.width: no method of the recipe needs experts"]),
        ({"fit": {"step": 2}}, ["fit.step: no such option"]),
        ({"distill": {"student_step": 2}}, ["distill.student_step: no such option"]),
    ],
    ids=str,
)
def test_mistakes_in_a_recipe(refused, workdir, changes, told):
    write_recipe(Path("r.yaml"), **{**RECIPE, **changes})
    line = refused("run", "r.yaml", "--dry-run")
    assert [text for text in told if text not in line] == []
    assert not Path("runs").exists()


def ran(said):
    return [
        line.split("] ")[1].split()[0]
        for line in said.err.splitlines()
        if line.startswith("[") and not line.endswith("finished before")
    ]


def test_a_whole_run(fdd):
    write_recipe(Path("r.yaml"), **RECIPE)
    said = fdd("run", "r.yaml", "--plan=plan.json")
    assert said.code == 0, said.err
    rows = written_rows("runs/tiny/results.json")
    assert [(row["method"], row["weighting"]) for row in rows] == [
        ("mtt", "vanilla"),
        ("mtt", "kde"),
        ("mtt", "barycenter"),
    ]
    planned = json.loads(Path("plan.json").read_text())
    assert planned == [{key: value for key, value in row.items() if key in planned[0]} for row in rows]
    files = sorted(Path("runs/tiny").rglob("synthetic.safetensors"))
    told = {m["weighting"]: m["settings"] for m in (SyntheticSet.load(file).metadata for file in files)}
    assert all(row["settings"] == told[row["weighting"]] for row in rows)
    assert rows[1]["settings"]["encoder"] == "supcon_small"
    assert "encoder" not in rows[2]["settings"]
    assert all(row["eval_settings"]["lr"] == "learned" for row in rows)
    assert all(row["seconds"]["fit"] for row in rows)
    assert ran(fdd("run", "r.yaml")) == []
    write_recipe(Path("r.yaml"), **{**RECIPE, "fit": {**RECIPE["fit"], "experts": {**EXPERTS, "lr": 0.02}}})  # type: ignore[dict-item]
    assert ran(fdd("run", "r.yaml")) == ["fit", "distill", "eval"] * 3
    write_recipe(Path("r.yaml"), weightings=["vanilla"], **{k: v for k, v in RECIPE.items() if k != "weightings"})
    assert "left: about" in fdd("run", "r.yaml", "--dry-run").out  # experts were timed


def test_a_weighting_of_ones_own_with_several_rows_is_refused_at_the_plan(fdd, workdir):
    (workdir / "mine.py").write_text(
        "import torch\n"
        "from fdd_lightning.matching.weightings import Weighting, WeightMatrix\n\n\n"
        "class Halves(Weighting):\n"
        "    def __call__(self, evidence):\n"
        "        rows = torch.zeros(2, evidence.size, dtype=torch.float64)\n"
        "        rows[0, ::2], rows[1, 1::2] = 1.0, 1.0\n"
        "        return WeightMatrix(rows / rows.sum(1, keepdim=True), torch.ones(2, dtype=torch.float64))\n"
    )
    recipe = write_recipe(workdir / "r.yaml", methods=["mtt"], weightings=["mine.Halves"], distill=None)
    said = fdd("run", recipe, "--dry-run")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "mtt does not take weighting halves: experts see one mix of images" in said.err
