"""Presets of the evaluation at the command line and in recipes."""

from pathlib import Path

import pytest
import yaml

from fdd_lightning.artefacts.stage_folder import config_fingerprint
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from fdd_lightning.stages.parser import resolve
from tests.tiny import QUIET, SELECT, write_recipe
from tests.written_rows import written_rows

DSA = {
    "class_path": "fdd_lightning.augment.DSA",
    "init_args": {"strategy": "color_crop_cutout_flip_scale_rotate"},
}


def arguments(*args):
    return resolve("eval", list(args))["model"]["init_args"]


@pytest.mark.parametrize("name", ["reference", "quick"])
def test_the_first_two_resolve_as_ever(name):
    """What fingerprints of finished evaluations were made of."""
    given = () if name == "reference" else (f"--model.preset={name}",)
    found = arguments(*given)
    del found["network"], found["stacked"]  # the latter changes no result
    assert found.pop("keep") is None  # no fingerprint holds it at its default
    assert found == {
        "learner": {"class_path": "fdd_lightning.algorithms.ERM", "init_args": {"regime": None}},
        "count": 5,
        "preset": name,
        "epochs": None,
        "lr": None,
        "batch_size": 256,
        "augmentation": DSA,
        "seed": 0,
        "groups": {"class_path": "fdd_lightning.matching.groupings.Labels"},
        "metrics": [],
    }


def test_what_a_preset_says_can_be_changed_in_part(workdir):
    for given in (["--model.preset=idc"], ["--model.preset", "idc"], ["--model=Evaluator", "--model.preset=idc"]):
        found = arguments(*given, "--model.augmentation.strategy=color_crop", "--model.count=2")
        assert (found["count"], found["batch_size"], found["preset"]) == (2, 64, "idc")
        assert found["augmentation"]["class_path"] == "fdd_lightning.augment.DiffAug"
        assert found["augmentation"]["init_args"] == {"strategy": "color_crop"}
    Path("mine.yaml").write_text(yaml.safe_dump({"model": {"class_path": "Evaluator", "init_args": {"preset": "dc"}}}))
    found = arguments("--config=mine.yaml", "--model.batch_size=7")
    assert (found["count"], found["batch_size"]) == (20, 7)
    assert found["augmentation"] == {"class_path": "fdd_lightning.augment.NoAugmentation"}
    found = arguments("--config=mine.yaml", "--model.preset=quick")
    assert (found["count"], found["augmentation"]) == (5, DSA)


def test_the_last_word_counts(workdir):
    Path("a.yaml").write_text("model: {init_args: {preset: dc}}")
    Path("b.yaml").write_text("data: {}")
    assert arguments("--config=a.yaml", "--config", "b.yaml")["preset"] == "dc"
    assert arguments("--config", "a.yaml", "--model.preset=idc")["preset"] == "idc"
    assert arguments("--model.init_args.preset", "idc", "--config", "a.yaml")["preset"] == "dc"


def test_the_content_of_a_preset_is_part_of_the_work(workdir):
    """Whatever decides a result is in its fingerprint: an edited preset makes other work of the same command."""
    menu = Path("configs/eval")
    menu.mkdir(parents=True)
    config = resolve("eval", ["--model.preset=quick"])
    before = config_fingerprint("eval", config)
    (menu / "quick.yaml").write_text(yaml.safe_dump({"based_on": "reference", "init_args": {"epochs": 7}}))
    assert config_fingerprint("eval", config) != before
    (menu / "quick.yaml").unlink()
    assert config_fingerprint("eval", config) == before


def test_an_evaluation_by_idc(fdd, workdir):
    assert fdd(*SELECT, "--output=set").code == 0
    args = ["--model.preset=idc", "--model.network.width=4", "--model.epochs=2", *QUIET]
    said = fdd("eval", *args, "--synthetic=set/synthetic.safetensors", "--output=x")
    assert said.code == 0, said.err
    (row,) = written_rows("x/results.json")
    assert (row["preset"], row["eval_networks"]) == ("idc", 3)
    assert row["eval_settings"] == {"network.width": 4, "epochs": 2}
    assert fdd("eval", *args, "--synthetic=set/synthetic.safetensors", "--output=x").out == "finished: eval in x\n"


def test_an_unknown_preset_is_one_line(refused):
    told = refused("eval", "--model.preset=fast")
    assert told.startswith("--model.preset 'fast' is not in configs/eval: choose one of cafe, cui, dc,")


def test_a_trainer_that_does_not_mix_is_refused(refused):
    told = refused("eval", "--model.preset=idc", "--model.learner=LfF")
    assert "preset idc mixes images and their labels (cutmix), which trainer lff does not take: use trainer erm" in told


def recipe(**evaluation):
    return write_recipe(Path("r.yaml"), eval={"networks": [{"name": "convnet", "width": 4}], **evaluation})


def test_a_recipe_chooses_a_preset(fdd):
    recipe(preset="idc", epochs=1)
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    (row,) = written_rows("runs/tiny/results.json")
    assert (row["preset"], row["eval_networks"]) == ("idc", 3)
    assert row["eval_settings"] == {"epochs": 1, "network.width": 4}
    (cell,) = Plan(read_recipe("r.yaml"), Path("runs/tiny")).rows
    assert cell.identity == {key: value for key, value in row.items() if key in cell.identity}
    assert cell.evaluations[0].finished()


def test_a_recipe_takes_a_users_preset_and_metric(fdd):
    Path("mine.yaml").write_text("based_on: idc\ninit_args: {epochs: 1, networks: 2}")
    recipe(preset="mine.yaml", metrics=["tests.metrics.test_group.Errors"])
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    (row,) = written_rows("runs/tiny/results.json")
    assert (row["preset"], row["eval_networks"]) == ("mine.yaml", 2)
    assert row["metrics"]["errors"]["mean"] > 0
    assert "epochs" not in row["eval_settings"]


@pytest.mark.parametrize(
    ("evaluation", "told"),
    [
        ({"preset": "fast"}, "eval.preset 'fast' is not in configs/eval: choose one of cafe"),
        ({"preset": "idc", "trainers": ["fdd_lightning.algorithms.LfF"]}, "which trainer lff does not take"),
    ],
    ids=str,
)
def test_a_recipe_that_cannot_be_evaluated_is_refused_at_once(refused, workdir, evaluation, told):
    recipe(**evaluation)
    assert told in refused("run", "r.yaml")
    assert not Path("runs").exists()
