"""How long a plan says that its stages will take."""

from pathlib import Path

import pytest

from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.modules.workload import Extent
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from fdd_lightning.runs.time_estimates import estimate
from tests.tiny import write_recipe


@pytest.fixture
def planned(workdir, digits_cache):
    """Make a plan of a recipe."""

    def make(**changes):
        return Plan(read_recipe(write_recipe(Path("r.yaml"), **changes)), Path("runs/tiny"))

    return make


def test_a_workload_counts_the_images_that_pass(planned):
    plan = planned(weightings=["kde"], distill={"iterations": 7, "surrogate.network.width": 4})
    found = {stage.kind: stage for stage in plan.stages()}
    extent = Extent(num_classes=10, image_shape=(3, 16, 16), batch_size=256, train=4000, test=800, per_class=1)
    works = {kind: stage.module.workload(stage.config["model"]["init_args"], extent) for kind, stage in found.items()}
    assert {stage.module for stage in found.values()} == {SupCon, Distiller, Evaluator}
    # Ten classes, 256 real images and one synthetic one of each at every step.
    assert (works["distill"].looked_at, works["distill"].learned_from) == (7 * 10 * 256, 7 * 10)
    # Two networks, two epochs over ten images.
    assert (works["eval"].looked_at, works["eval"].learned_from) == (2 * 800, 2 * 2 * 10)
    # An encoder and its sibling, two batches.
    assert (works["fit"].looked_at, works["fit"].learned_from) == (2 * 4000, 2 * 2 * 256)
    assert works["distill"].network["init_args"]["width"] == 4


def test_times_grow_with_what_is_done(planned):
    def seconds(**changes):
        plan = planned(**changes)
        return sum(estimate(stage, plan.data_of(stage)) for stage in plan.stages())

    short, long = seconds(), seconds(distill={"iterations": 40_000, "surrogate.network.width": 4})
    assert 0 < short < 60 < long


def test_what_trains_on_the_way_cannot_be_told(planned):
    plan = planned(methods=["dsa"])
    seconds, unknown = plan.time_left()
    assert [stage.kind for stage in unknown] == ["distill"]
    assert seconds > 0


def test_a_long_run_says_so_before_it_starts(fdd, monkeypatch):
    monkeypatch.setattr("fdd_lightning.command_line.plan_table.LONG", 0.0)
    write_recipe(Path("r.yaml"), methods=["random"], fit=None, distill=None)
    said = fdd("run", "r.yaml")
    assert said.code == 0
    first = said.err.splitlines()[0]
    assert first.startswith("fdd: left: about ")
    assert first.endswith("Ctrl-C stops it, the same command goes on")
    assert "left: " not in fdd("run", "r.yaml").err
