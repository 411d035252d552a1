"""A suite in small: both kinds of seed, an encoder of each set's own, a row that fails; killed, and started again."""

import json
import random
import signal
from pathlib import Path

import pytest

from tests.faults.test_kills import left
from tests.runs.test_side_by_side import DIVERGING, start  # noqa: F401 (a fixture)
from tests.tiny import write_recipe

SUITE = {
    "methods": [{**DIVERGING, "weightings": ["vanilla"]}, {"name": "random", "weightings": ["kde"]}],
    "distill_seeds": [0, 3],
    "fit": {"encoder": "supcon_small", "steps": 2, "network.width": 4, "seed": "per_set"},
    "distill": {"iterations": 2},
    "eval": {"count": 1, "epochs": 2, "seeds": [5, 0], "networks": [{"name": "convnet", "width": 4, "depth": 2}]},
}


def told(folder):
    document = json.loads(Path(folder, "results.json").read_text())
    return [document["planned"], document["failed"]]


@pytest.mark.parametrize("seed", [1])
def test_killed_three_times_at_random_it_ends_as_if_nothing_had_happened(fdd, set_threads, start, seed):  # noqa: F811
    set_threads(1)
    write_recipe(Path("r.yaml"), **SUITE)
    said = fdd("run", "r.yaml", "--output=whole")
    assert said.code == 1, said.err
    (planned, failed), (row,) = told("whole"), json.loads(Path("whole/results.json").read_text())["rows"]
    assert (planned, [each["identity"]["method"] for each in failed]) == (2, ["dm"])
    assert (row["distill_seeds"], row["eval_seeds"], row["eval_networks"]) == ([0, 3], [5, 0], 2)
    draws = random.Random(seed)
    for number in range(3):
        process = start("run", "r.yaml", "--output=killed", f"--jobs={number % 2 + 1}")
        process.process.join(draws.uniform(0.5, 4))
        if process.process.is_alive():
            assert process.signal(signal.SIGKILL) == -signal.SIGKILL
    last = start("run", "r.yaml", "--output=killed", "--jobs=2")
    assert last.join() == 1, last.err
    assert "Traceback" not in last.err
    assert left(Path("killed")) == left(Path("whole"))
    assert told("killed") == told("whole")
