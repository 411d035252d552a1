"""What files from elsewhere name: nothing is imported, read or fetched at their word."""

import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fdd_lightning.configuration.defaults import complete
from fdd_lightning.datamodules import BaseDataModule, Folder
from fdd_lightning.datamodules.named import data_module
from tests.tiny import write_recipe

FIXTURES = Path(__file__).parents[1] / "fixtures" / "format_1"
DATA = ("--data=folder", "--data.path=photos", "--data.table=labels.csv", "--data.size=16")
QUIET = ("--trainer.logger=false", "--trainer.accelerator=cpu", "--trainer.devices=1")
DISTILL = ("distill", *DATA, *QUIET, "--model.iterations=2", "--model.images_per_class=1")
TRAP = "open('ran', 'w')\nfrom fdd_lightning.networks import ConvNet as Trap\n"
TRAPS = [
    {"class_path": "trap.Trap"},
    {"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"norm": {"class_path": "trap.Trap"}}},
    {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "ran"]}},
    {"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"norm": {"class_path": "subprocess.Popen"}}},
    {"class_path": "fdd_lightning.errors.os"},
]


@pytest.fixture
def here(workdir, monkeypatch):
    """A folder with the files of an earlier release and a module that tells when it is imported."""
    shutil.copytree(FIXTURES, workdir, dirs_exist_ok=True)
    monkeypatch.setenv("FDD_CACHE", "cache")
    (workdir / "trap.py").write_text(TRAP)
    (built,) = Path("cache").glob("folder-*")  # called by an earlier rule
    built.rename(Folder(path="photos", table="labels.csv", size=16).cache_folder)
    yield workdir
    assert not (workdir / "ran").exists(), "a file had a module imported"


def rewritten(path: str, **changes) -> Path:
    """Write a file's metadata anew with some changed, and return its path."""
    with safe_open(path, "pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()["fdd"]  # noqa: SIM118
    save_file(tensors, path, {"fdd": json.dumps({**json.loads(metadata), **changes})})
    return Path(path)


@pytest.mark.parametrize("spec", TRAPS)
@pytest.mark.parametrize(
    ("file", "key", "args"),
    [
        ("encoder/encoder.safetensors", "network", ("--config=weighting/kde", "--encoder=encoder/encoder.safetensors")),
        (
            "classifier/classifier.safetensors",
            "learner",
            (
                "--model.surrogate=fdd_lightning.matching.surrogates.Frozen",
                "--classifier=classifier/classifier.safetensors",
            ),
        ),
        ("experts/experts/0000.safetensors", "network", ("--config=method/mtt", "--experts=experts")),
    ],
)
def test_classes_in_artefacts(here, fdd, spec, file, key, args):
    Path("experts/experts/0001.safetensors").unlink()
    rewritten(file, **{key: spec})
    said = fdd(*DISTILL[:-2], *args)
    line = said.err.splitlines()[-1]  # the set may be built before
    assert said.code == 2
    assert line.startswith("fdd: error: ")
    assert file in line
    assert "class" in line


@pytest.mark.parametrize("spec", [*TRAPS, "trap.Trap", "trap.yaml", '{"class_path": "trap.Trap"}'])
@pytest.mark.parametrize("key", ["_class_path", "weighting", "distance"])
def test_classes_in_checkpoints(here, refused, spec, key):
    checkpoint = torch.load("half/last.ckpt", weights_only=True)
    checkpoint["hyper_parameters"][key] = spec.get("class_path") if key == "_class_path" and spec in TRAPS else spec
    torch.save(checkpoint, "half/last.ckpt")
    (here / "trap.yaml").write_text("class_path: trap.Trap\n")
    assert "half/last.ckpt" in refused(*DISTILL, "--ckpt_path=half/last.ckpt")


def test_a_class_that_the_user_names_is_taken(here, fdd):
    (here / "mine.py").write_text("from fdd_lightning.networks import ConvNet\nclass Mine(ConvNet): pass\n")
    file = "encoder/encoder.safetensors"
    with safe_open(file, "pt") as opened:
        network = json.loads(opened.metadata()["fdd"])["network"]
    rewritten(file, network={**network, "class_path": "mine.Mine"})
    kde = (*DISTILL, "--config=weighting/kde", f"--encoder={file}")
    line = fdd(*kde).err
    assert "names the class 'mine.Mine'" in line
    assert "--model.surrogate.network=mine.Mine" in line
    assert fdd(*kde, "--model.surrogate.network=mine.Mine", "--model.surrogate.network.width=4").code == 0


def test_classes_in_the_parameters_of_a_set(here, refused):
    for value in ({"class_path": "trap.Trap"}, [{"class_path": "trap.Trap"}]):
        parameters = {"construction": 1, "conflict_ratio": value, "seed": 0}
        rewritten("set/synthetic.safetensors", data_entry="colored_digits", data_parameters=parameters)
        assert "names the class 'trap.Trap'" in refused("eval", "--synthetic=set/synthetic.safetensors", *QUIET)


@pytest.mark.parametrize(
    ("entry", "key"), [("folder", "path"), ("folder", "table"), ("cmnist", "folder"), ("bg_fmnist", "scenes")]
)
def test_places_in_the_parameters_of_a_set(here, refused, entry, key):
    """A file may not have a folder of the user's read: the user says where the data lie."""
    spec = complete({"class_path": entry}, (BaseDataModule,))
    parameters = {**data_module(spec).parameters, key: "/etc"}
    file = rewritten("set/synthetic.safetensors", data_entry=entry, data_parameters=parameters)
    line = refused("eval", f"--synthetic={file}", *QUIET)
    assert f"as by --data.{key} /etc, or" in line


@pytest.mark.parametrize(
    "args",
    [
        ("distill", "--model.weighting={}"),
        ("distill", "--model.terms=[{}]"),
        ("distill", "--model={}"),
        ("distill", "--data={}"),
        ("distill", "--config={}"),
        ("distill", "--trainer.callbacks={}"),
        ("distill", "--trainer={}"),
        ("distill", "--ckpt_path={}"),
        ("eval", "--synthetic={}"),
        ("run", "{}", "--dry-run"),
        ("run", "recipe.yaml", "--dry-run"),
        ("data", "prepare", "{}"),
    ],
)
@pytest.mark.parametrize("address", ["http://127.0.0.1:9/w.yaml", "memory://w.yaml"])
def test_addresses(workdir, refused, monkeypatch, args, address):
    fsspec = pytest.importorskip("fsspec")

    with fsspec.open("memory://w.yaml", "w") as stream:
        stream.write("class_path: fdd_lightning.matching.weightings.Vanilla\n")
    (workdir / "trap.py").write_text(TRAP)
    write_recipe(workdir / "recipe.yaml", distill={"weighting": address, "signal": address})
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something was fetched"))
    assert "trap" not in refused(*(word.format(address) for word in args))
