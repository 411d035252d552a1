"""Two commands and one output folder: they never mix."""

import json
import signal
from pathlib import Path

import pytest

from tests.processes import Process
from tests.test_resume import content
from tests.tiny import DISTILL, write_recipe

LONG = (*DISTILL, "--model.iterations=12")
OTHER = (*LONG, "--model.lr_images=2.0")
IN_USE = "another command works in {!r}: wait until it ends, or choose another --output"


@pytest.fixture
def paused(workdir, tmp_path):
    """Start a command that waits at its eighth step."""
    running: list[Process] = []

    def start(*args):
        process = Process(args, tmp_path / str(len(running)), pause_at=8)
        running.append(process)
        process.wait_until_paused()
        return process

    yield start
    for process in running:
        if process.process.is_alive():
            process.signal(signal.SIGKILL)


def test_a_second_command_is_refused_and_a_killed_one_blocks_nobody(paused, refused, fdd):
    first = paused(*LONG, "--output=x")
    before = {path: path.read_bytes() for path in Path("x").rglob("*") if path.is_file()}
    for args in (LONG, OTHER):
        assert refused(*args, "--output=x") == IN_USE.format("x")
    assert {path: path.read_bytes() for path in Path("x").rglob("*") if path.is_file()} == before
    first.signal(signal.SIGKILL)
    assert fdd(*LONG, "--output=x").err == "resuming distill at step 7\n"
    assert not Path("x/.lock").exists()
    assert fdd(*LONG, "--output=x").out == "finished: distill in x\n"


def test_another_commands_checkpoint_is_never_gone_on_from(paused, fdd):
    for number, args in enumerate((LONG, OTHER)):
        paused(*args, f"--output={number}").signal(signal.SIGKILL)
    for name in ("last", "previous"):  # as when both had worked in one folder
        Path(f"1/{name}.ckpt").write_bytes(Path(f"0/{name}.ckpt").read_bytes())
    said = fdd(*OTHER, "--output=1")
    assert said.code == 0
    *warned, aside = said.err.splitlines()
    assert warned == [
        f"warning: 1/{name}.ckpt is another command's, distill begins again" for name in ("last", "previous")
    ]
    assert aside == "fdd: 1 held other work, unfinished: its checkpoint is now 1/other-1.ckpt"
    assert fdd(*OTHER, "--output=whole").code == 0
    assert content("1", "distill") == content("whole", "distill")


def test_other_unfinished_work_is_set_aside(paused, fdd):
    paused(*LONG, "--output=x").signal(signal.SIGKILL)
    checkpoint = Path("x/last.ckpt").read_bytes()
    said = fdd(*OTHER, "--output=x")
    assert said.err == "fdd: x held other work, unfinished: its checkpoint is now x/other-1.ckpt\n"
    assert Path("x/other-1.ckpt").read_bytes() == checkpoint


def test_a_refused_command_leaves_no_folder(workdir, refused):
    refused(*DISTILL, "--output=runs/x/y", "--model.images_per_class=1000")
    assert list(workdir.iterdir()) == []


def test_two_recipes_and_one_folder(paused, refused, fdd):
    write_recipe(Path("r.yaml"), distill={"iterations": 12, "surrogate.network.width": 4})
    first = paused("run", "r.yaml")
    write_recipe(Path("s.yaml"), methods=["random"], distill=None)
    assert refused("run", "s.yaml") == IN_USE.format("runs/tiny")
    first.signal(signal.SIGKILL)
    assert fdd("run", "s.yaml").code == 0
    results = Path("runs/tiny/results.json")
    of_s = results.read_bytes()
    said = fdd("run", "r.yaml")
    assert said.code == 0
    (aside,) = Path("runs/tiny").glob("results-*.json")
    told = f"fdd: {results} held 1 of 1 rows that this recipe does not plan: it is now {aside}"
    assert said.err.splitlines()[0] == told
    assert aside.read_bytes() == of_s
    assert [row["method"] for row in json.loads(results.read_text())["rows"]] == ["dm"]
    assert fdd("run", "r.yaml").err.count("fdd: ") == 0  # the same recipe again
