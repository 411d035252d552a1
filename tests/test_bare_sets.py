"""Sets of other programs, which say little or nothing of how they were made, at the command line."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.tiny import EVAL
from tests.written_rows import written_rows

DIGITS = "--data=ColoredDigits"
LABELS = torch.arange(10).repeat_interleave(2)
FACTS = {
    "format": 1,
    "class_names": [str(digit) for digit in range(10)],
    "image_shape": [3, 16, 16],
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
    "dataset": "colored_digits",
    "data_parameters": {"construction": 1, "conflict_ratio": 0.05, "seed": 0},
}


def write(path, metadata=None, seed=0, labels=LABELS):
    """Write a set as another program would, with metadata or with none at all."""
    Path(path).parent.mkdir(exist_ok=True)
    images = torch.randn(len(labels), 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    save_file({"images": images, "labels": labels}, path, metadata and {"fdd": json.dumps(metadata)})


@pytest.mark.parametrize(
    ("path", "metadata", "words"),
    [
        ("mine.safetensors", None, ("mine", "unstated", 2)),
        ("theirs/synthetic.safetensors", None, ("theirs", "unstated", 2)),
        ("synthetic.safetensors", FACTS, ("here", "unstated", 2)),
        ("dm.safetensors", FACTS, ("dm set", "unstated", 2)),
        ("x.safetensors", {**FACTS, "method": "theirs", "ipc": 7}, ("theirs", "unstated", 7)),
    ],
)
def test_a_set_that_says_little_is_called_by_its_file(workdir, fdd, path, metadata, words):
    write(path, metadata)
    said = fdd(*EVAL, DIGITS, "--synthetic", path, "--output=x")
    assert said.code == 0, said.err
    (row,) = written_rows("x/results.json")
    assert (row["method"], row["weighting"], row["ipc"]) == words
    warned = "warning: the synthetic set does not say how it was made" in said.err
    if words[0] == "theirs" and metadata:
        assert not warned
    else:
        assert warned
        assert f"its row is called {words[0]} (2 images per class)\n" in said.err
    told = fdd("report", "x").out
    assert "unknown" not in told
    assert words[0] in told


def test_a_file_that_names_its_data_needs_no_other(workdir, fdd):
    write("mine.safetensors", FACTS)
    assert fdd(*EVAL, "--synthetic=mine.safetensors", "--output=x").code == 0
    assert written_rows("x/results.json")[0]["dataset"] == "colored_digits"


def test_without_data_the_way_out_is_told(workdir, refused):
    write("mine.safetensors")
    line = refused(*EVAL, "--synthetic=mine.safetensors", "--output=x")
    assert line == "mine.safetensors does not say which data set it was made from: pass --data"
    assert not Path("x").exists()


def test_two_sets_of_one_name_are_two_rows_and_a_copy_is_compared(workdir, fdd):
    for folder, seed in (("a", 0), ("b", 1), ("c", 0)):
        write(f"{folder}/mine.safetensors", seed=seed)
        said = fdd(*EVAL, DIGITS, "--synthetic", f"{folder}/mine.safetensors", f"--output={folder}")
        assert said.code == 0, said.err
    rows, _, differences = fdd("report", "a", "b", "c").out.partition("c against a:")
    assert rows.count("set=") == 3
    assert "inside the noise" in differences
    assert "b against" not in rows


def test_uneven_classes_and_strange_files(workdir, fdd, refused):
    write("mine.safetensors", labels=torch.tensor([0, 0, 0, 1, 1, 1, 1, 2]))
    assert fdd(*EVAL, DIGITS, "--synthetic=mine.safetensors", "--output=x").code == 0
    assert written_rows("x/results.json")[0]["ipc"] == 3
    write("more.safetensors", labels=LABELS + 5)
    assert "label 14" in refused(*EVAL, DIGITS, "--synthetic=more.safetensors", "--output=y")
    save_file({"weight": torch.zeros(3)}, "net.safetensors")
    assert "lacks tensor 'images'" in refused(*EVAL, DIGITS, "--synthetic=net.safetensors", "--output=y")
    save_file({"images": torch.zeros(3), "labels": torch.zeros(3).long()}, "flat.safetensors")
    assert "flat.safetensors: images of shape [3]" in refused(*EVAL, DIGITS, "--synthetic=flat.safetensors")
    assert not Path("y").exists()
