"""Checkpoints are whole or not there, and what changed in them is noticed."""

import random

import pytest
import torch

from fdd_lightning.artefacts.checkpoint import read_checkpoint, write_checkpoint
from fdd_lightning.errors import FileFormatError

CONTENT = {"global_step": 3, "hyper_parameters": {"a": 1}, "state_dict": {"w": torch.arange(500.0)}}


def test_round_trip_and_torch_reads_it_too(tmp_path):
    path = tmp_path / "x.ckpt"
    write_checkpoint(path, CONTENT)
    for content in (read_checkpoint(path), torch.load(path, weights_only=True)):
        assert content["hyper_parameters"] == {"a": 1}
        assert torch.equal(content["state_dict"]["w"], torch.arange(500.0))
    assert [file.name for file in tmp_path.iterdir()] == ["x.ckpt"]


@pytest.mark.parametrize("seed", range(40))
def test_no_byte_changes_what_is_read(tmp_path, seed):
    path = tmp_path / "x.ckpt"
    write_checkpoint(path, CONTENT)
    data, draws = bytearray(path.read_bytes()), random.Random(seed)
    place = draws.randrange(len(data) - 66)
    data[place] ^= draws.randrange(1, 256)
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="damaged"):
        read_checkpoint(path)
    path.write_bytes(data[: draws.randrange(len(data))])
    with pytest.raises(FileFormatError, match="damaged"):
        read_checkpoint(path)


def test_a_checkpoint_of_an_older_release_is_read(tmp_path):
    torch.save(CONTENT, tmp_path / "x.ckpt")
    assert read_checkpoint(tmp_path / "x.ckpt")["global_step"] == 3


def test_a_write_that_is_cut_short_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "x.ckpt"
    write_checkpoint(path, CONTENT)
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda file: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(path, {**CONTENT, "global_step": 4})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["x.ckpt"]
