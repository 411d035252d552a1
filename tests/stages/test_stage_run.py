"""The command line of the stages: what it says, what it takes, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from fdd_lightning import SyntheticSet, __version__
from fdd_lightning.artefacts.encoder import save_encoder
from tests.tiny import DISTILL, EVAL, FIT, QUIET, SELECT, write_recipe
from tests.written_rows import written_rows

MINE = """
import torch
from fdd_lightning.matching.weightings import Evidence, Weighting, WeightMatrix


class Mine(Weighting):
    \"\"\"All weight on the first images.

    Args:
        first: How many.
    \"\"\"

    def __init__(self, first: int = 3) -> None:
        self.first = first

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        row = (torch.arange(evidence.size) < self.first).double()
        return WeightMatrix(row[None] / row.sum(), torch.ones(1, dtype=torch.float64))
"""


@pytest.fixture
def mine(workdir, monkeypatch):
    """A module of the user's in the current folder, which is nowhere on Python's path."""
    name = "mymodule"
    Path(f"{name}.py").write_text(MINE)
    monkeypatch.delitem(sys.modules, name, raising=False)
    yield name
    sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def made(digits_cache, tmp_path_factory):
    """Files of each stage: an encoder, a set, and their checkpoints."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        from fdd_lightning.__main__ import main

        assert main([*FIT, f"--output={folder / 'fit'}"]) == 0
        assert main([*DISTILL, f"--output={folder / 'distill'}"]) == 0
    return folder


# What it says.


def test_overview_and_version(fdd):
    for args in ((), ("--help",), ("help",)):
        said = fdd(*args)
        assert said.code == 0
        assert all(f"fdd {command}" in said.out for command in ("run", "fit", "distill", "eval", "report"))
    assert fdd("--version").out == f"fdd-lightning {__version__}\n"


@pytest.mark.parametrize(
    ("stage", "told"),
    [
        ("fit", ["usage: fdd", "supcon", "--output", "--data"]),
        ("distill", ["usage: fdd", "here Distiller", "random", "--output", "--encoder"]),
        ("eval", ["usage: fdd", "Evaluator", "--output", "--synthetic"]),
    ],
)
def test_help_of_a_stage(fdd, stage, told):
    said = fdd(stage, "--help")
    assert (said.code, said.err) == (0, "")
    assert [text for text in told if text not in said.out] == []
    assert "Trainer command line tool" not in said.out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("distill", "--model.help=Distiller"), ["IPC: stored images of each class", "--model.lr_images"]),
        (("eval", "--model.help=Evaluator"), ["Number of networks", "quick"]),
        (("fit", "--model.help=SupCon"), ["--model.temperature"]),
        (("distill", "--data.help=ColoredDigits"), ["--data.conflict_ratio"]),
    ],
)
def test_help_of_a_class(fdd, args, told):
    said = fdd(*args)
    assert (said.code, said.err) == (0, "")
    assert [text for text in told if text not in said.out] == []


@pytest.mark.parametrize("args", [FIT, DISTILL, EVAL], ids=["fit", "distill", "eval"])
def test_a_stage_says_where_its_artefact_is(fdd, args):
    said = fdd(*args, "--output=x")
    name = {"fit": "encoder.safetensors", "distill": "synthetic.safetensors", "eval": "results.json"}[args[0]]
    assert said.code == 0
    assert said.out.startswith(f"{args[0]}: x/{name}")
    assert said.out.count("\n") == 1
    assert said.err == ""
    assert Path("x", name).exists()
    assert Path("x/config.yaml").exists()


# What it takes.


@pytest.mark.parametrize("args", [FIT, DISTILL, EVAL], ids=["fit", "distill", "eval"])
def test_the_printed_configuration_runs_again(fdd, args):
    printed = fdd(*args, "--output=x", "--print_config")
    assert printed.code == 0
    Path("all.yaml").write_text(printed.out)
    assert not Path("x").exists()
    assert fdd(args[0], "--config=all.yaml").code == 0
    assert fdd(*args, "--output=x").out == f"finished: {args[0]} in x\n"  # it is the same work
    assert fdd(args[0], "--config=x/config.yaml").out == f"finished: {args[0]} in x\n"


def test_a_shorter_print_runs_again_too(fdd):
    printed = fdd(*DISTILL, "--output=x", "--print_config=skip_default")
    Path("some.yaml").write_text(printed.out)
    assert fdd("distill", "--config=some.yaml").code == 0
    assert fdd(*DISTILL, "--output=x").out == "finished: distill in x\n"


def test_presets_of_the_menu_are_merged_in_order(fdd):
    said = fdd(
        "distill",
        "--config=method/dm",
        "--config=configs/weighting/kde.yaml",
        "--config=weighting/fairdd",
        "--config=data/colored_digits",
        "--model.weighting.reduction=mean",
        "--print_config",
    )
    model = yaml.safe_load(said.out)["model"]["init_args"]
    assert model["weighting"]["class_path"] == "fdd_lightning.matching.weightings.FairDD"
    assert model["weighting"]["init_args"]["reduction"] == "mean"
    assert not {"normaliser", "cap"} & set(model["weighting"]["init_args"])  # KDE's
    assert model["iterations"] == 20000


def test_short_class_names(fdd):
    said = fdd(
        "distill",
        "--model=Distiller",
        "--model.weighting=FairDD",
        "--model.surrogate=Fresh",
        "--model.surrogate.network=LeNet",
        "--model.initialiser=Noise",
        "--model.sampler=Stratified",
        "--model.augmentation=NoAugmentation",
        "--data=ColoredDigits",
        "--print_config",
    )
    assert said.code == 0
    model = yaml.safe_load(said.out)["model"]["init_args"]
    assert model["weighting"]["class_path"] == "fdd_lightning.matching.weightings.FairDD"
    assert model["surrogate"]["init_args"]["network"]["class_path"] == "fdd_lightning.networks.LeNet"
    assert fdd("eval", "--model.network=ResNet18", "--model.learner=ERM", "--print_config").code == 0
    assert fdd("fit", "--model.optimizer=SGD", "--model.optimizer.lr=0.1", "--print_config").code == 0


def test_a_set_names_the_data_that_it_is_evaluated_on(fdd):
    """Another conflict ratio is another construction, which the file names by its parameters."""
    more = ("--data.conflict_ratio=0.3", "--data.seed=2")
    assert fdd(*DISTILL, *more, "--output=set").code == 0
    evaluate = (*EVAL, "--synthetic=set/synthetic.safetensors")
    assert fdd(*evaluate, "--output=x").code == 0
    (row,) = written_rows("x/results.json")
    assert (row["dataset"], row["conflict_ratio"], row["ipc"]) == ("colored_digits", 0.3, 1)
    assert row["settings"]["seed"] == 2
    assert row["seconds"]["distill"] == pytest.approx(json.loads(Path("set/stage.json").read_text())["seconds"])
    printed = yaml.safe_load(fdd(*evaluate, "--print_config").out)
    assert printed["data"]["init_args"]["conflict_ratio"] == 0.3
    named = yaml.safe_load(fdd(*evaluate, "--data.conflict_ratio=0.1", "--print_config").out)
    assert named["data"]["init_args"]["conflict_ratio"] == 0.1
    some = yaml.safe_load(fdd(*evaluate, "--data.batch_size", "7", "--print_config").out)["data"]["init_args"]
    assert (some["batch_size"], some["conflict_ratio"], some["seed"]) == (7, 0.3, 2)  # all else is the file's
    Path("data.yaml").write_text("data: {class_path: ColoredDigits, init_args: {conflict_ratio: 0.2}}")
    named = yaml.safe_load(fdd(*evaluate, "--config=data.yaml", "--print_config").out)
    assert named["data"]["init_args"]["conflict_ratio"] == 0.2


def test_a_weighting_of_ones_own(fdd, mine):
    said = fdd(*DISTILL, f"--model.weighting={mine}.Mine", "--model.weighting.first=2", "--output=x")
    assert said.code == 0, said
    made = SyntheticSet.load("x/synthetic.safetensors").metadata
    assert made["weighting"] == "mine"
    assert made["settings"]["weighting.first"] == 2
    assert fdd(*EVAL, "--synthetic=x/synthetic.safetensors", "--output=y").code == 0
    assert written_rows("y/results.json")[0]["weighting"] == "mine"


@pytest.mark.parametrize("entry", ["{}.Mine", {"class_path": "{}.Mine", "init_args": {"first": 2}}])
def test_a_weighting_of_ones_own_in_a_recipe(fdd, mine, entry):
    entry = json.loads(json.dumps(entry).replace("{}", mine))
    write_recipe(Path("r.yaml"), weightings=["vanilla", entry])
    said = fdd("run", "r.yaml", "--plan=plan.json")
    assert said.code == 0, said.err
    rows = written_rows("runs/tiny/results.json")
    assert [row["weighting"] for row in rows] == ["vanilla", "mine"]
    assert [row["weighting"] for row in json.loads(Path("plan.json").read_text())] == ["vanilla", "mine"]
    own = rows[1]["settings"]
    assert own.get("weighting.first", 3) == (3 if isinstance(entry, str) else 2)


@pytest.mark.slow
def test_the_command_in_a_process_of_its_own(mine):
    """Exit codes, and the user's class without PYTHONPATH, as the installed command finds it."""
    environment = {"FDD_CACHE": str(Path("cache").resolve()), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    root = Path(__file__).parent.parent
    # The installed command's script: its own folder is on the path, the current one is not.
    start = f"import sys; sys.path[:] = [p for p in sys.path if p]; sys.path.append({str(root)!r}); "
    start += "from fdd_lightning.__main__ import main; sys.exit(main())"
    args = [*DISTILL, f"--model.weighting={mine}.Mine", "--output=x"]
    done = subprocess.run(
        [sys.executable, "-c", start, *args], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "distill: x/synthetic.safetensors\n"
    done = subprocess.run(
        [sys.executable, "-c", start, "distil"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("fdd: error: unknown command 'distil'")


# What it refuses.


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("distil",), ["unknown command 'distil'", "distill"]),
        (("distill", "--modle=x"), ["--modle=x", "fdd distill --help"]),
        (("distill", "--model.iteration=3"), ["--model.iteration: no such option", "fdd distill --help"]),
        (("distill", "--trainer.max_step=3"), ["--trainer.max_step=3"]),
        (("distill", "--model.surrogate.network.widht=4"), ["--model.surrogate.network.widht: no such option"]),
        (("distill", "--model.iterations=many"), ["--model.iterations: expected int, not 'many'"]),
        (("distill", "--model.weighting=KDE", "--model.weighting.normaliser=x"), ["'median_cap', not 'x'"]),
        (("distill", "--data.conflict_ratio=2"), ["conflict_ratio must be at least 0 and at most 1, not 2.0"]),
        (("distill", "--model.images_per_class=0"), ["images_per_class must be at least 1, not 0"]),
        (("distill", "--model.weighting=Foo"), ["--model.weighting", "'Foo'"]),
        (("distill", "--model.weighting=no.Mine"), ["--model.weighting", "no.Mine", "No module named 'no'"]),
        (("distill", "--model.weighting=Uniform"), ["--model.weighting", "Uniform"]),
        (("distill", "--model=SupCon"), ["--model", "SupCon"]),
        (("fit", "--model=Distiller"), ["--model", "Distiller"]),
        (("distill", "--model.weighting=KDE"), ["KDE", "fdd fit", "--encoder"]),
        (("distill", "--model.weighting=KDE", "--encoder=x.safetensors"), ["--encoder x.safetensors: no such file"]),
        (("distill", "--data=CMNIST"), ["data root 'data' does not exist", "FDD_DATA"]),
        (("distill", "--data=CMNIST", "--data.root=nowhere"), ["'nowhere' does not exist"]),
        (("distill", "--config=nowhere.yaml"), ["nowhere.yaml"]),
        (("distill", "--config"), ["--config"]),
        (("distill", "--output"), ["--output"]),
        (("distill", "extra"), ["extra"]),
        (("distill", "--model.augmentation.strategy=foo"), ["DSA strategy 'foo'"]),
        (("distill", "--trainer.accelerator=abacus"), ["abacus"]),
        (("distill", "--trainer.devices=0", "--trainer.accelerator=cpu"), ["devices"]),
        (("distill", "--model.images_per_class=1000"), ["class 0 has", "Noise"]),
        (("distill", "--trainer.gradient_clip_val=1.0"), ["gradient_clip_val"]),
        (("distill", "--ckpt_path=nowhere.ckpt"), ["nowhere.ckpt", "does not exist"]),
        (("eval", "--synthetic=nowhere.safetensors"), ["nowhere.safetensors"]),
        (("eval", "--model.network.depth=9"), ["ConvNet needs images of at least 512x512"]),
        (("run",), ["recipe"]),
        (("run", "nowhere"), ["'nowhere' does not exist", "quickstart"]),
        (("run", "a", "b"), ["b"]),
        (("run", "quickstart", "--dry"), ["--dry"]),
        (("report",), ["runs"]),
        (("report", "nowhere"), ["nowhere"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line(refused, args, told):
    line = refused(*args)
    assert [text for text in told if text not in line] == []
    assert not list(Path().rglob("*.safetensors"))
    assert not list(Path().rglob("*.json"))
    assert not list(Path().rglob("config.yaml"))


def test_a_checkpoint_of_another_stage(refused, made):
    fit, distill = made / "fit" / "last.ckpt", made / "distill" / "last.ckpt"
    assert "checkpoint of SupCon, which is not for `fdd distill`" in refused("distill", f"--ckpt_path={fit}")
    assert "checkpoint of SupCon, which is not for `fdd eval`" in refused("eval", f"--ckpt_path={fit}")
    assert "checkpoint of Distiller, which is not for `fdd fit`" in refused("fit", f"--ckpt_path={distill}")
    assert not Path("runs").exists()


@pytest.mark.parametrize("damage", ["cut", "text", "safetensors", "pickle", "folder"])
def test_what_is_no_checkpoint(refused, made, damage):
    file = Path("x.ckpt")
    whole = (made / "distill" / "last.ckpt").read_bytes()
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "text":
        file.write_text("hello")
    elif damage == "safetensors":
        file = made / "distill" / "synthetic.safetensors"
    elif damage == "pickle":
        torch.save({"state_dict": {}}, file)
    else:
        file.mkdir()
    assert str(file) in refused("distill", f"--ckpt_path={file}")
    assert not Path("runs").exists()


def test_a_set_cut_short_or_of_another_kind(refused, made):
    whole = (made / "distill" / "synthetic.safetensors").read_bytes()
    for size in (0, 5, 200, len(whole) // 2, len(whole) - 1):
        Path("x.safetensors").write_bytes(whole[:size])
        assert "x.safetensors" in refused(*EVAL, "--synthetic=x.safetensors")
    assert "not a synthetic set" in refused(*EVAL, f"--synthetic={made / 'fit' / 'encoder.safetensors'}")
    assert not Path("runs").exists()


def test_a_set_as_encoder(refused, made):
    args = (*DISTILL, "--model.weighting=KDE")
    line = refused(*args, f"--encoder={made / 'distill' / 'synthetic.safetensors'}")
    assert "synthetic.safetensors holds a synthetic set, not an encoder" in line
    line = refused(*SELECT, "--model.weighting=KDE", f"--encoder={made / 'distill' / 'synthetic.safetensors'}")
    assert "synthetic.safetensors holds a synthetic set, not an encoder" in line
    assert not list(Path().rglob("*.safetensors"))


def test_an_encoder_of_other_images(refused, workdir):
    from fdd_lightning.networks import ConvNet, Encoder

    save_encoder("e.safetensors", Encoder(ConvNet, 10, (3, 32, 32), 8, 4), {"dataset": "cmnist", "settings": {}})
    assert "train an encoder on this data set" in refused(*DISTILL, "--model.weighting=KDE", "--encoder=e.safetensors")


def test_a_set_of_data_that_the_menu_does_not_know(refused, made):
    own = SyntheticSet.load(made / "distill" / "synthetic.safetensors")
    SyntheticSet(own.images, own.labels, {**own.metadata, "data_entry": "../../etc"}).save("x.safetensors")
    assert "pass --data" in refused(*EVAL, "--synthetic=x.safetensors")
    SyntheticSet(own.images, own.labels, {**own.metadata, "data_parameters": {"construction": 0}}).save("x.safetensors")
    assert "construction" in refused(*EVAL, "--synthetic=x.safetensors")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model: [", "no valid YAML"),
        ("just words", "no configuration"),
        ("- a\n- b", "no configuration"),
        ("modle: 3", "'modle' is no key of a configuration"),
        ("trainer: {max_step: 3}", "trainer.max_step: no such option"),
        ("model: {class_path: Distiller, init_args: {iteration: 3}}", "--model.iteration: no such option"),
        ("model: {class_path: Distiller, init_args: {iterations: x}}", "--model.iterations: expected int, not 'x'"),
    ],
)
def test_mistakes_in_a_configuration_file(refused, workdir, text, told):
    Path("x.yaml").write_text(text)
    assert told in refused("distill", "--config=x.yaml")


def test_an_output_folder_that_cannot_be(refused, workdir):
    Path("file").write_text("")
    assert "file" in refused(*DISTILL, "--output=file")
    assert "file" in refused(*DISTILL, "--output=file/below")


def test_the_traceback_on_demand(fdd, monkeypatch):
    monkeypatch.setenv("FDD_DEBUG", "1")
    with pytest.raises(Exception, match="unknown command"):
        fdd("distil")
    with pytest.raises(Exception, match="no such option"):
        fdd("distill", "--model.iteration=3")
    monkeypatch.setenv("FDD_DEBUG", "")
    assert fdd("distil").code == 2


def test_nothing_of_a_trial_run_is_kept(fdd):
    said = fdd(*DISTILL, "--trainer.fast_dev_run=1", "--output=x")
    assert said.code == 0
    assert not Path("x").exists()


def test_logs_and_checkpoint_lie_in_the_output_folder(fdd):
    assert fdd(*(a for a in DISTILL if a != QUIET[0]), "--output=x").code == 0
    assert {p.name for p in Path().iterdir()} == {"x"}
    assert {p.name for p in Path("x").iterdir()} == {
        "config.yaml",
        "evolution",
        "last.ckpt",
        "stage.json",
        "synthetic.png",
        "synthetic.safetensors",
        "tensorboard",
        "weights.safetensors",
    }
    assert list(Path("x/tensorboard").glob("events.*"))


@pytest.mark.parametrize(
    "choice", ["surrogate=OnReal", "surrogate=OnSynthetic", "initialiser=KMeansImages", "augmentation=DiffAug"]
)
def test_a_choice_named_alone_is_finished_the_second_time_and_runs_from_its_own_configuration(fdd, choice):
    args = [*DISTILL[:1], "--model.iterations=1", "--model.images_per_class=1", f"--model.{choice}", *QUIET]
    small = [] if "surrogate" in choice else ["--model.surrogate.network.width=4"]
    small += ["--model.surrogate.inner=1", "--model.surrogate.network.width=4"] if "surrogate" in choice else []
    small += ["--model.initialiser.network.width=4"] if "initialiser" in choice else []
    first = fdd(*args, *small, "--output=x")
    assert first.code == 0, first.err
    assert fdd(*args, *small, "--output=x").out == "finished: distill in x\n"
    assert "Unable to serialize" not in Path("x/config.yaml").read_text()
    assert fdd("distill", "--config=x/config.yaml").out == "finished: distill in x\n"
