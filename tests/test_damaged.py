"""Bytes that flip on the disk: never a result from them."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fdd_lightning.datamodules import ColoredDigits
from tests.tiny import DISTILL, EVAL, FIT


@pytest.fixture
def cache(workdir, digits_cache, monkeypatch):
    """A cache of the test's own, in which the coloured digits are built."""
    built = ColoredDigits().cache_folder
    shutil.copytree(built, workdir / "cache" / built.name)
    monkeypatch.setenv("FDD_CACHE", str(workdir / "cache"))
    return workdir / "cache" / built.name


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("file", "place"), [("test_targets.npy", -8), ("train_groups.npy", -1), ("test_images.npy", -1)]
)
def test_a_damaged_set_is_refused_when_it_is_opened(cache, refused, fdd, file, place):
    flip(cache / file, place)
    line = refused(*EVAL, "--output=x")
    assert line.startswith(f"cached data set {str(cache)!r} cannot be used ({file}: it is not the file that was built)")
    assert "delete the folder" in line
    assert not Path("x").exists()
    shutil.rmtree(cache)
    assert fdd(*EVAL, "--output=x").code == 0


def test_verify_reads_all(cache, refused, fdd):
    assert fdd("data", "verify", "colored_digits").code == 0
    flip(cache / "train_images.npy", -1000)
    assert fdd(*DISTILL, "--output=x").code == 0
    assert "train_images.npy" in refused("data", "verify", "colored_digits")


def test_damaged_embeddings_are_made_again(cache, fdd):
    assert fdd(*FIT, "--output=fit").code == 0
    args = (*DISTILL, "--model.weighting=kde", "--encoder=fit/encoder.safetensors")
    assert fdd(*args, "--output=first").code == 0
    whole = Path("first/synthetic.safetensors").read_bytes()
    (kept,) = (cache.parent / "embeddings").iterdir()
    content = kept.read_bytes()
    tensors = load_file(kept)
    unmarked = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    for number, damage in enumerate((lambda: flip(kept, -1), lambda: save_file(unmarked, kept))):
        damage()
        assert fdd(*args, f"--output={number}").code == 0
        assert kept.read_bytes() == content
        assert Path(f"{number}/synthetic.safetensors").read_bytes() == whole
