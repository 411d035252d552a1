"""A full disk: one line, exit code 2, nothing half-written, and with room the same command goes on."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes_folder import write_class_folders
from tests.tiny import DISTILL, EVAL, FIT, QUIET, write_recipe

LOGGED = {name: [arg for arg in args if arg != QUIET[0]] for name, args in (("distill", DISTILL), ("fit", FIT))}
RECIPE = {"methods": ["dm"], "weightings": ["kde"]}

EXPERTS = ("fit", "--model=Experts", "--model.network.width=4", "--model.count=2", "--model.epochs=2", *QUIET)
WRITERS = {
    "distill": [*DISTILL, "--output=disk/x"],
    "distill with a logger": [*LOGGED["distill"], "--output=disk/x"],
    "fit": [*LOGGED["fit"], "--output=disk/x"],
    "eval": [*EVAL, "--output=disk/x"],
    "experts": [*EXPERTS, "--output=disk/x"],
    "run": ["run", "r.yaml", "--output=disk/x"],
    "report": ["report", "whole", "--output=disk/x"],
    "audit": ["audit", "colored_digits", "--output=disk/x"],
    "picture": ["data", "show", "colored_digits", "--output=disk/x.png"],
    "prepare": ["data", "prepare", "folder", "--data.path=photos", "--data.size=32"],
    "embeddings": [*DISTILL, "--model.weighting=kde", "--encoder=fit/encoder.safetensors", "--output=x"],
}
SET = "synthetic.safetensors"
IN_CACHE = {"prepare", "embeddings"}


@pytest.fixture
def prepared(workdir, disk, digits_cache, monkeypatch, fdd):
    """The current folder, with the disk in it, and what the commands read."""
    Path("disk").symlink_to(disk.path)
    write_recipe(Path("r.yaml"), **RECIPE)

    def prepare(name):
        if name in IN_CACHE:
            (built,) = digits_cache.glob("colored_digits-*")
            Path("disk", built.name).symlink_to(built)
            monkeypatch.setenv("FDD_CACHE", str(disk.path))
        if name == "prepare":
            write_class_folders(Path("photos"), count=40)
        if name == "embeddings":
            assert fdd(*FIT, "--output=fit").code == 0
        if name == "report":
            write_recipe(Path("s.yaml"), methods=["random"], distill=None)
            assert fdd("run", "s.yaml", "--output=whole").code == 0
        return WRITERS[name]

    return prepare


ROOMS = (0, 4, 16, 32, 64, 100, 200, 500, 1000)
"""Kilobytes that are left, one after the other, until the command succeeds."""


def told(said, where, reason):
    """Check that a command was refused by one line."""
    assert said.code == 2, said
    assert "Traceback" not in said.err
    last = said.err.splitlines()[-1]
    assert last.startswith("fdd: error: cannot write '"), said
    assert f"({reason})" in last
    assert f" in '{where}" in last


@pytest.mark.parametrize("name", WRITERS)
def test_one_line_and_with_room_it_goes_on(prepared, disk, fdd, name):
    args, refused = prepared(name), 0
    for room in ROOMS:
        disk.leave(room)
        if (said := fdd(*args)).code == 0:
            break
        refused += 1
        told(said, disk.path if name in IN_CACHE else "disk", "No space left on device")
        assert disk.left_over() == []
    assert refused
    disk.leave(65536)
    said = fdd(*args)
    assert said.code == 0, said
    assert "Traceback" not in said.err
    assert "damaged" not in said.err
    if name == "distill with a logger":
        assert fdd(*LOGGED["distill"], "--output=whole").code == 0
        assert Path("disk/x", SET).read_bytes() == Path("whole", SET).read_bytes()


def test_of_stages_side_by_side_none_goes_on(prepared, disk, fdd):
    args = [*prepared("run"), "--jobs=2"]
    write_recipe(Path("r.yaml"), **{**RECIPE, "weightings": ["vanilla", "fairdd"]})
    disk.leave(32)
    said = fdd(*args)
    told(said, "disk", "No space left on device")
    assert said.err.count("No space left") == 1
    assert disk.left_over() == []
    disk.leave(65536)
    assert fdd(*args).code == 0


@pytest.mark.parametrize("name", ["distill with a logger", "run", "report", "picture", "prepare"])
def test_a_disk_that_may_not_be_written_to(prepared, disk, fdd, name):
    args = prepared(name)
    disk.close()
    told(fdd(*args), disk.path if name in IN_CACHE else "disk", "Read-only file system")


def test_the_disk_of_temporary_files_is_not_needed(prepared, disk, fdd, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(disk.path))
    disk.leave(0)
    assert fdd(*LOGGED["distill"], "--output=x").code == 0
    assert list(disk.path.iterdir()) == []


def test_what_is_printed_to_a_full_disk(workdir):
    fdd = [sys.executable, "-m", "fdd_lightning", "--help"]
    with Path("/dev/full").open("w") as full:
        said = subprocess.run(fdd, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 2
    assert said.stderr.startswith("fdd: error: cannot write something (No space left on device): make room")
    assert said.stderr.count("\n") == 1
