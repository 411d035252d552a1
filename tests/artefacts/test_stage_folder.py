"""What makes two commands the same work, and what a folder knows of it."""

import copy
import json

import pytest
import torch

from fdd_lightning.artefacts.checkpoint import read_checkpoint
from fdd_lightning.artefacts.stage_folder import (
    WORK,
    Begun,
    StageFolder,
    StageRecord,
    config_fingerprint,
)
from fdd_lightning.errors import FileFormatError

CONFIG = {
    "model": {"class_path": "fdd_lightning.modules.distiller.Distiller", "init_args": {"seed": 0}},
    "data": {"class_path": "d.D", "init_args": {"seed": 0, "root": None, "download": False}},
    "trainer": {"max_steps": -1, "precision": None, "devices": "auto", "logger": None, "accelerator": "auto"},
    "output": "runs/x",
    "encoder": None,
}


def changed(section, key, value):
    config = copy.deepcopy(CONFIG)
    place = config[section]
    assert isinstance(place, dict)
    place.get("init_args", place)[key] = value
    return config


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("data", "root", "/elsewhere"),
        ("data", "download", True),
        ("trainer", "devices", 2),
        ("trainer", "accelerator", "gpu"),
        ("trainer", "logger", False),
    ],
)
def test_where_and_how_it_runs_does_not_matter(section, key, value):
    assert config_fingerprint("distill", changed(section, key, value)) == config_fingerprint("distill", CONFIG)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("model", "seed", 1),
        ("data", "seed", 1),
        ("trainer", "max_steps", 5),
        ("trainer", "precision", "64-true"),
        ("trainer", "limit_train_batches", 3),
    ],
)
def test_what_decides_the_result_matters(section, key, value):
    assert config_fingerprint("distill", changed(section, key, value)) != config_fingerprint("distill", CONFIG)


def test_changed_source_files_are_other_work():
    states = [config_fingerprint("distill", CONFIG, state) for state in (None, "a", "b")]
    assert len(set(states)) == 3
    assert states[0] == config_fingerprint("distill", CONFIG)


def test_another_stage_and_another_place_to_write_to():
    assert config_fingerprint("fit", CONFIG) != config_fingerprint("distill", CONFIG)
    assert config_fingerprint("fit", {**CONFIG, "output": "runs/y"}) == config_fingerprint("fit", CONFIG)


def record(**changes):
    return StageRecord("distill", **{"fingerprint": "f", "inputs": {"encoder": "h"}, **changes})


def save(path, wanted):
    torch.save({"global_step": 5, "hyper_parameters": {}, WORK: wanted.work}, path)


def test_from_begin_to_finish(tmp_path):
    folder = StageFolder(tmp_path / "x")
    assert folder.read() is None
    assert folder.begun(record()) is None
    assert not folder.finished(record())
    assert folder.begin(record()) == []
    assert folder.begun(record()) == Begun(torch.get_num_threads())  # no checkpoint yet
    save(folder.checkpoint, record())
    assert folder.begun(record()) == Begun(torch.get_num_threads(), folder.checkpoint, 5)
    for other in (record(fingerprint="g"), record(inputs={"encoder": "i"}), record(inputs={})):
        assert folder.begun(other) is None
    artefact = folder.path / "synthetic.safetensors"
    artefact.write_text("set")
    folder.finish(record(), [artefact], 1.5, 7)
    assert folder.finished(record())
    assert folder.begun(record()) is None
    assert not folder.finished(record(inputs={"encoder": "i"}))
    artefact.write_text("sit")
    assert not folder.finished(record())


def test_beginning_again_keeps_what_it_goes_on_from(tmp_path):
    folder = StageFolder(tmp_path)
    folder.begin(record())
    save(folder.checkpoint, record())
    (tmp_path / "stage.json").write_text(
        json.dumps({**json.loads((tmp_path / "stage.json").read_text()), "threads": 77})
    )
    assert folder.begin(record()) == []
    assert folder.checkpoint.exists()
    again = folder.read()
    assert again is not None
    assert again.threads == 77  # of the run that began
    other = record(fingerprint="other")
    aside = f"{tmp_path} held other work, unfinished: its checkpoint is now {tmp_path / 'other-1.ckpt'}"
    assert folder.begin(other) == [aside]
    assert not folder.checkpoint.exists()
    save(folder.checkpoint, record())  # of a command that ran at the same time, say
    begun = folder.begun(other)
    assert begun is not None
    assert (begun.checkpoint, begun.unfit) == (None, [f"{folder.checkpoint} is another command's"])
    folder.begin(other)
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["other-1.ckpt", "other-2.ckpt"]


def test_checkpoints_are_read_without_running_anything(tmp_path):
    path = tmp_path / "x.ckpt"
    torch.save({"global_step": 3, "hyper_parameters": {}}, path)
    assert read_checkpoint(path)["global_step"] == 3
    torch.save({"global_step": 3, "hyper_parameters": StageFolder(tmp_path)}, path)  # a live object
    with pytest.raises(FileFormatError, match="damaged"):
        read_checkpoint(path)
    with pytest.raises(FileFormatError, match="does not exist"):
        read_checkpoint(tmp_path / "nowhere.ckpt")
