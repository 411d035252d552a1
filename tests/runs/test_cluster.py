"""Stages as jobs of a cluster: the same results, failures and ways to go on as side by side."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
import yaml

from fdd_lightning.runs import job as jobs
from fdd_lightning.runs.carry_out import Work
from fdd_lightning.runs.cluster import read_cluster
from fdd_lightning.runs.job import Job
from tests.faults.test_kills import left
from tests.runs.test_side_by_side import DIVERGING, start, wait_for  # noqa: F401 (a fixture)
from tests.tiny import write_recipe

pytest.importorskip("submitit", reason="needs the extra `cluster`")


def write_cluster(**changes):
    content = {"executor": "local", **changes}
    Path("cluster.yaml").write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return "--cluster=cluster.yaml"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"executor": "pbs"}, ["cluster.yaml: executor: 'pbs' is none: choose one of slurm, local, debug"]),
        ({"executor": None}, ["cluster.yaml: expected the keys `executor`"]),
        ({"partition": "gpu"}, ["cluster.yaml: expected the keys"]),
        ({"parameters": [1]}, ["cluster.yaml: parameters: is no mapping"]),
        ({"parameters": {"memory": 3}}, ["executor local", "'memory'"]),
        ({"parameters": {"slurm_partitoin": "x"}}, ["executor local", "slurm_partitoin"]),
        ({"parameters": {"timeout_min": "long"}}, ["executor local", "timeout_min"]),
        ({"parameters": {"nodes": 2}}, ["parameters.nodes: a stage is one task on one node"]),
        ({"parameters": {"local_tasks_per_node": 2}}, ["parameters.local_tasks_per_node: a stage is one task"]),
        ({"executor": "slurm"}, ["executor slurm", "srun"]),
    ],
)
def test_each_mistake_of_the_file_is_one_line(refused, workdir, monkeypatch, changes, told):
    monkeypatch.setenv("PATH", str(workdir))  # no SLURM here
    write_recipe(Path("r.yaml"))
    line = refused("run", "r.yaml", write_cluster(**changes), "--dry-run")
    assert [text for text in told if text not in line] == []
    assert not Path("runs").exists()


def test_a_file_that_is_not_there(refused, workdir):
    write_recipe(Path("r.yaml"))
    assert "'slurm.yaml' does not exist" in refused("run", "r.yaml", "--cluster=slurm.yaml")


def test_the_results_are_those_of_one_after_another(fdd, set_threads, monkeypatch):
    set_threads(1)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write_recipe(Path("r.yaml"), methods=[DIVERGING, "random"])
    said = {"here": fdd("run", "r.yaml", "--output=here")}
    said["jobs"] = fdd("run", "r.yaml", "--output=jobs", "--jobs=2", write_cluster(parameters={"timeout_min": 5}))
    documents = {name: json.loads(Path(name, "results.json").read_text()) for name in said}
    for name, each in said.items():
        assert each.code == 1, each.err  # of the row that fails
        assert each.out.endswith(f"results: {name}/results.json (1 of 2 rows, 1 failed)\n")
        assert "Traceback" not in each.err
    assert documents["here"]["failed"] == documents["jobs"]["failed"]
    assert left(Path("here")) == left(Path("jobs"))
    lines = said["jobs"].err.splitlines()
    assert sum("failed: distill dm fairdd ipc 1, after 2 steps" in line for line in lines) == 1
    assert not any("submitit" in line for line in lines)
    assert "[3/4] distill random vanilla" in said["jobs"].err
    assert not Path("jobs/jobs").exists(), "nothing of the jobs stays"
    again = fdd("run", "r.yaml", "--output=jobs", write_cluster())
    assert again.err.count("finished before") == 2


MINE = """
from fdd_lightning.matching.weightings import Vanilla

class Broken(Vanilla):
    def __call__(self, evidence):
        if evidence.size > 4096 or evidence.size % 2:
            return super().__call__(evidence)
        raise RuntimeError("no such\\nluck")
"""


@pytest.mark.parametrize("where", ["--jobs=1", "debug"])
def test_an_error_in_a_class_of_ones_own_fails_its_row(fdd, where):
    Path("mine.py").write_text(MINE)
    write_recipe(Path("r.yaml"), methods=["random"], weightings=[{"class_path": "mine.Broken"}, "vanilla"], distill={})
    said = fdd("run", "r.yaml", write_cluster(executor=where) if where == "debug" else where)
    assert said.code == 1, said.err
    document = json.loads(Path("runs/tiny/results.json").read_text())
    assert [row["weighting"] for row in document["rows"]] == ["vanilla"]
    (failed,) = document["failed"]
    assert (failed["identity"]["weighting"], failed["error"]) == ("broken", "RuntimeError: no such luck")
    assert not Path("runs/tiny/jobs").exists()
    assert "Traceback" in said.err, "what went wrong in it can be seen"
    assert said.err.splitlines()[-1].endswith("RuntimeError: no such luck")


def test_a_run_that_is_stopped_cancels_its_jobs(workdir, start):  # noqa: F811
    endless = {"iterations": 1000000, "compile": "off", "surrogate.network.width": 4}
    write_recipe(Path("r.yaml"), distill=endless)
    process = start("run", "r.yaml", write_cluster())
    folder = Path("runs/tiny/distill/colored_digits/dm-vanilla-ipc1-seed0")
    wait_for(lambda: (folder / "stage.json").exists(), process)
    time.sleep(1)  # so that there is a step to go on from
    assert process.signal(signal.SIGINT) == 130, process.err
    last = process.err.splitlines()[-1]
    assert last.startswith("fdd: interrupted; the same command again goes on from step"), process.err
    assert "Traceback" not in process.err
    assert (folder / "last.ckpt").exists()
    assert not (folder / ".lock").exists(), "the job has ended"
    assert not Path("runs/tiny/jobs").exists()


def test_a_job_whose_time_is_up_goes_into_the_queue_again(workdir, monkeypatch):
    """Its stage first saves what it is at, as it does when it is told to stop."""
    told = []

    def stage(work, environment):
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
            time.sleep(5)
        except KeyboardInterrupt as stop:
            return "stopped", str(stop)
        return "done", ""

    monkeypatch.setattr(jobs, "outcome", stage)
    monkeypatch.setattr("sys.path", ["x"])
    job = Job(Work("distill", "dm", []), Path("x"), ["y"], threads=1)
    monkeypatch.setenv("SLURM_NTASKS", "1")
    before = signal.signal(signal.SIGUSR2, lambda number, frame: told.append(number))
    try:
        assert job()[0] == "stopped"
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert told == [signal.SIGUSR2]
    assert "SLURM_NTASKS" not in os.environ


SBATCH = """#!/bin/sh
echo "sbatch: error: invalid partition specified: gpus" >&2
exit 1
"""


def test_a_job_that_the_cluster_refuses_is_one_line(fdd, workdir, monkeypatch):
    for name in ("sbatch", "srun"):
        Path(name).write_text(SBATCH)
        Path(name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{workdir}:{os.environ['PATH']}")
    write_recipe(Path("r.yaml"))
    said = fdd("run", "r.yaml", write_cluster(executor="slurm", parameters={"slurm_partition": "gpus"}))
    assert said.code == 2
    last = said.err.splitlines()[-1]
    assert last.startswith("fdd: error: cluster.yaml: slurm refuses a job: ")
    assert "invalid partition" in last
    assert "Traceback" not in said.err


def test_threads(workdir):
    write_cluster(parameters={"cpus_per_task": 3})
    assert read_cluster("cluster.yaml").threads == 3
    write_cluster()
    assert read_cluster("cluster.yaml").threads is None
