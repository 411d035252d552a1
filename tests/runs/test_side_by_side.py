"""Stages side by side: the same results, and one that fails, is killed or stopped takes no other with it."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.runs import jobs, side_by_side
from fdd_lightning.runs.jobs import Share, number_of_jobs, shares
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from fdd_lightning.runs.side_by_side import SideBySide, longest_first
from fdd_lightning.utils.progress import Screen
from tests.faults.test_kills import left
from tests.faults.test_one_at_a_time import IN_USE
from tests.processes import Process
from tests.tiny import write_recipe

DIVERGING = {"name": "dm", "lr_images": 1e38, "weightings": ["fairdd"]}


@pytest.fixture
def one_thread(set_threads):
    """As many threads as each of two stages has on two cores."""
    set_threads(1)


def test_the_results_are_those_of_one_after_another(fdd, one_thread):
    methods = ["random", DIVERGING, {"name": "dm", "weightings": ["vanilla", "kde"]}]
    write_recipe(Path("r.yaml"), methods=methods, fit={"encoder": "supcon_small", "steps": 2, "network.width": 4})
    said = {number: fdd("run", "r.yaml", f"--jobs={number}", f"--output={number}") for number in (1, 2)}
    documents = {}
    for number, each in said.items():
        assert each.code == 1, each.err  # of the row that fails
        documents[number] = json.loads(Path(f"{number}/results.json").read_text())
        assert each.out.endswith(f"results: {number}/results.json (3 of 4 rows, 1 failed)\n")
    assert documents[1]["failed"] == documents[2]["failed"]
    assert len(documents[2]["failed"]) == 1
    assert left(Path("1")) == left(Path("2"))  # rows but for their seconds, and all sets and encoders to the byte
    assert (Path("1/table.md").exists(), Path("2/table.md").exists()) == (True, True)
    assert list(Path("2").rglob(".*")) == []
    # Each line that is said has its stage before it.
    lines = said[2].err.splitlines()
    heads = {line for line in lines if line.startswith("[") and ": " not in line}
    assert len(heads) == 8  # the evaluation of the set that was not made is left out
    told = [line for line in lines if line not in heads and not line.startswith("fdd: failed")]
    assert told
    assert [line for line in told if not line.startswith((*heads, "[4/9] eval dm fairdd"))] == []
    assert sum("failed: distill dm fairdd ipc 1, after 2 steps" in line for line in told) == 1
    assert sum("tells no images of a class apart" in line for line in told) == 3
    # Again: nothing runs, and no process is started.
    again = fdd("run", "r.yaml", "--jobs=2", "--output=2")
    assert again.err.count("finished before") == 7


def wait_for(true, process):
    deadline = time.monotonic() + 90
    while not true():
        assert process.process.is_alive(), process.err
        assert time.monotonic() < deadline, process.err
        time.sleep(0.05)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a command that does not outlive its test."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    running = []

    def begin(*args):
        running.append(Process(args, tmp_path / "cut"))
        return running[-1]

    yield begin
    for process in running:
        if process.process.is_alive():
            process.signal(signal.SIGKILL)


def workers_of(process):
    children = Path(f"/proc/{process.process.pid}/task/{process.process.pid}/children")
    return [int(number) for number in children.read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found by /proc")
def test_one_that_is_killed_and_all_that_are_stopped(refused, start):
    endless = {"iterations": 1000000, "compile": "off", "surrogate.network.width": 4}
    write_recipe(Path("r.yaml"), weightings=["vanilla", "fairdd"], distill_seeds=[0, 1], distill=endless)
    process = start("run", "r.yaml", "--jobs=2")
    begun = Path("runs/tiny/distill/colored_digits")
    wait_for(lambda: len(list(begun.glob("*/stage.json"))) == 2, process)
    assert refused("run", "r.yaml", "--jobs=2") == IN_USE.format("runs/tiny")
    victim = workers_of(process)[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: "ended by SIGKILL" in process.err, process)
    wait_for(lambda: len(list(begun.glob("*/stage.json"))) == 3, process)
    time.sleep(1)  # so that there is a step to go on from
    workers = workers_of(process)
    assert victim not in workers
    start = time.monotonic()
    assert process.signal(signal.SIGTERM) == 143, process.err
    assert time.monotonic() - start < 5
    last = process.err.splitlines()[-1]
    assert last.startswith("fdd: interrupted; the same command again ")
    assert "goes on from step" in last  # one at least: the other may have been too young
    assert "Traceback" not in process.err
    assert list(begun.glob("*/last.ckpt"))
    assert not any(Path(f"/proc/{number}").exists() for number in workers)
    assert not Path("runs/tiny/.lock").exists()


@pytest.mark.parametrize("text", ["-1", "", "1.5", "²"])
def test_what_is_no_number_of_jobs(text):
    with pytest.raises(ConfigError, match=f"--jobs {text}: expected a number of stages"):
        number_of_jobs(text)


def test_the_machine_is_shared_out(monkeypatch):
    monkeypatch.setattr(jobs, "cores", lambda: 6)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    monkeypatch.setattr(jobs, "physical_memory", lambda: 2**40)
    assert [[share.threads for share in shares(number)] for number in (1, 2, 8)] == [[4], [3, 3], [1] * 8]
    assert number_of_jobs("auto") == 6
    monkeypatch.setattr(jobs, "physical_memory", lambda: 2**32)
    assert number_of_jobs("auto") == 2


@pytest.mark.parametrize(("visible", "names"), [("", ["0", "1", "2"]), ("3,5,7", ["3", "5", "7"])])
def test_each_stage_sees_one_gpu(monkeypatch, visible, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 3)
    assert number_of_jobs("auto") == 3
    assert [share.environment["CUDA_VISIBLE_DEVICES"] for share in shares(4)] == [*names, names[0]]


class FakeWorker:
    """A worker that notes what it is given."""

    def __init__(self, share):
        self.stage, self.name = None, ""

    def give(self, stage, name, environment):
        self.stage, self.name, self.environment = stage, name, environment


def test_a_stage_of_several_devices_takes_as_many_places(workdir, monkeypatch):
    monkeypatch.setattr(side_by_side, "Worker", FakeWorker)
    monkeypatch.setattr(side_by_side, "shares", lambda number: [Share(1, (str(n),)) for n in range(number)])
    several = {"name": "dm", "trainer.devices": 2, "trainer.accelerator": "cpu", "trainer.strategy": "ddp"}
    write_recipe(Path("r.yaml"), methods=["random", several])
    plan = Plan(read_recipe("r.yaml"), Path("runs/x"))
    one, two = (row.stages()[0] for row in plan.rows)
    place = SideBySide(3, Screen())
    place.start(one, "one")
    assert place.has_room(two)
    place.start(two, "two")
    assert not place.has_room(one)
    given: list[Any] = list(place.workers.values())
    assert [each.environment["CUDA_VISIBLE_DEVICES"] for each in given] == ["0", "1,2"]
    whole = SideBySide(1, Screen())
    assert whole.has_room(two)  # else it could never run


def test_what_takes_longest_begins_first(workdir, monkeypatch):
    write_recipe(Path("r.yaml"), methods=["random", "dm"], weightings=["vanilla", "kde"])
    plan = Plan(read_recipe("r.yaml"), Path("runs/x"))
    seconds = {"fit": 50.0, "distill": 10.0, "eval": 1.0}
    longer = plan.rows[2].stages()[0]  # of dm, vanilla
    monkeypatch.setattr(side_by_side, "estimate", lambda stage, data: 60.0 if stage is longer else seconds[stage.kind])
    order = longest_first(plan)
    assert len(order) == len(plan.stages())
    for stage in order:
        assert all(order.index(before) < order.index(stage) for before in stage.inputs.values())
    assert [stage.kind for stage in order] == ["fit", "distill", "eval", "distill", "eval", *["distill", "eval"] * 2]
    assert order[3] is longer
