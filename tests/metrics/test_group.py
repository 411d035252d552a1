import math
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed
from torch.multiprocessing import spawn  # type: ignore[attr-defined]

from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics import (
    BUILT_IN,
    Accuracy,
    AverageOdds,
    CellAccuracy,
    CellCount,
    DEOMax,
    DEOMean,
    EvaluationMetric,
    GroupCounts,
    WorstGroupAccuracy,
    chosen,
    group_metrics,
    metric_classes,
)
from tests.written_rows import METRICS

CLASSES, GROUPS = 4, 3
ALIGNED = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.bool)


def draw(n, seed=0, empty=()):
    """Random predictions, right in about two of three cases; ``empty`` cells have no image."""
    g = torch.Generator().manual_seed(seed)
    targets = torch.randint(CLASSES, (n,), generator=g)
    groups = torch.randint(GROUPS, (n,), generator=g)
    guesses = torch.randint(CLASSES, (n,), generator=g)
    predictions = torch.where(torch.rand(n, generator=g) < 0.6, targets, guesses)
    keep = torch.tensor([(int(t), int(a)) not in empty for t, a in zip(targets, groups, strict=True)])
    return predictions[keep], targets[keep], groups[keep]


def mean(values):
    return sum(values) / len(values) if values else math.nan


def literal(predictions, targets, groups, least=1):
    """Every figure, image by image; cells of fewer images than ``least`` are none of the extremes."""
    right = [int(p == t) for p, t in zip(predictions, targets, strict=True)]
    cells: list[list[list[int]]] = [[[] for _ in range(GROUPS)] for _ in range(CLASSES)]
    for r, t, a in zip(right, targets, groups, strict=True):
        cells[t][a].append(r)
    filled = [mean(cell) for row in cells for cell in row if cell]
    rates = [[mean(cell) for cell in row if cell and len(cell) >= least] for row in cells]
    gaps = [max(row) - min(row) for row in rates if len(row) >= 2]
    images = [*zip(predictions, targets, groups, strict=True)]
    false_gaps, parity = [], []
    for c in range(CLASSES):
        false, taken = [], []
        for g in range(GROUPS):
            others = [int(p == c) for p, t, a in images if a == g and t != c]
            everyone = [int(p == c) for p, t, a in images if a == g]
            false += [mean(others)] if len(others) >= max(1, least) else []
            taken += [mean(everyone)] if len(everyone) >= max(1, least) else []
        false_gaps += [max(false) - min(false)] if len(false) >= 2 else []
        parity += [max(taken) - min(taken)] if len(taken) >= 2 else []
    aligned = [bool(ALIGNED[t, a]) for t, a in zip(targets, groups, strict=True)]
    return {
        "accuracy": mean(right),
        "balanced_accuracy": mean(filled),
        "deo_max": max(gaps, default=math.nan),
        "deo_mean": mean(gaps),
        "worst_group_accuracy": min((v for row in rates for v in row), default=math.nan) if gaps else math.nan,
        "aligned_accuracy": mean([r for r, a in zip(right, aligned, strict=True) if a]),
        "conflict_accuracy": mean([r for r, a in zip(right, aligned, strict=True) if not a]),
        "demographic_parity": max(parity, default=math.nan),
        "equalised_odds": max([*gaps, *false_gaps], default=math.nan),
        "average_odds": mean([*gaps, *false_gaps]),
    }, [[mean(cell) for cell in row] for row in cells]


COUNTED: list[type[EvaluationMetric]] = [
    *(metric for metric in BUILT_IN if issubclass(metric, GroupCounts)),
    AverageOdds,
]
"""Those that follow from the counts."""


def counted(**arguments):
    return group_metrics(CLASSES, GROUPS, ALIGNED, COUNTED, **arguments)


def check(found, expected):
    assert {*found} == {metric.name for metric in COUNTED}
    for key in found:
        assert float(found[key]) == pytest.approx(expected[key], abs=1e-12, nan_ok=True), key


EMPTY = {
    "full": (),
    "some cells": ((0, 0), (1, 1), (2, 0)),
    "one group left in a class": ((0, 0), (0, 1), (3, 2)),
    "no class": tuple((1, a) for a in range(GROUPS)),
    "one group left": tuple((t, a) for t in range(CLASSES) for a in (0, 1)),
    "no aligned": tuple((t, a) for t in range(CLASSES) for a in range(GROUPS) if ALIGNED[t, a]),
    "nothing": tuple((t, a) for t in range(CLASSES) for a in range(GROUPS)),
}


@pytest.mark.filterwarnings("ignore:The ``compute`` method")
@pytest.mark.parametrize("empty", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("batch", [None, 7, 1])
def test_against_literal_loop(empty, batch):
    p, t, a = draw(120, empty=empty)
    metrics = counted()
    cells, counts = CellAccuracy(CLASSES, GROUPS), CellCount(CLASSES, GROUPS)
    size = batch or max(len(p), 1)
    for i in range(0, max(len(p), 1), size):
        part = slice(i, i + size)
        for metric in (metrics, cells, counts):
            metric.update(p[part], t[part], a[part])
    expected, rates = literal(p.tolist(), t.tolist(), a.tolist())
    check(metrics.compute(), expected)
    torch.testing.assert_close(
        cells.compute(), torch.tensor(rates, dtype=torch.float64), rtol=0, atol=1e-12, equal_nan=True
    )
    assert counts.compute().tolist() == [
        [int(((t == c) & (a == g)).sum()) for g in range(GROUPS)] for c in range(CLASSES)
    ]


@pytest.mark.parametrize("least", [2, 9, 11, 99])
@pytest.mark.filterwarnings("ignore:The ``compute`` method")
def test_small_cells_are_no_extremes(least):
    p, t, a = draw(120)
    metrics = counted(least=least)
    metrics.update(p, t, a)
    check(metrics.compute(), literal(p.tolist(), t.tolist(), a.tolist(), least)[0])


def test_batches_that_lack_a_group():
    p, t, a = draw(200)
    metrics = counted()
    for group in range(GROUPS):
        chosen = a == group
        metrics.update(p[chosen], t[chosen], a[chosen])
    check(metrics.compute(), literal(p.tolist(), t.tolist(), a.tolist())[0])


def test_collection_shares_one_update_and_starts_again(monkeypatch):
    metrics = counted()
    calls: list[int] = []
    count = torch.bincount

    def spy(*args: Any, **kwargs: Any) -> torch.Tensor:
        calls.append(1)
        return count(*args, **kwargs)

    monkeypatch.setattr(torch, "bincount", spy)
    metrics.update(*draw(50))
    metrics.update(*draw(50, seed=1))
    assert len(calls) == 2
    metrics.compute()
    metrics.reset()
    metrics.update(*draw(30, seed=2))
    check(metrics.compute(), literal(*(v.tolist() for v in draw(30, seed=2)))[0])


def test_keys_without_alignment():
    assert set(METRICS) - set(group_metrics(CLASSES, GROUPS)) == {"aligned_accuracy", "conflict_accuracy"}
    assert set(group_metrics(CLASSES, GROUPS, ALIGNED)) == set(METRICS)


def test_higher_is_better():
    assert Accuracy.higher_is_better is WorstGroupAccuracy.higher_is_better is CellAccuracy.higher_is_better is True
    assert DEOMax.higher_is_better is DEOMean.higher_is_better is False
    assert CellCount.higher_is_better is None


def test_numbers_out_of_range():
    good = torch.tensor([0, 1])
    for wrong in (torch.tensor([0, 4]), torch.tensor([-1, 0])):
        for place in range(3):
            with pytest.raises(ConfigError, match="exist"):
                Accuracy(CLASSES, GROUPS).update(*[wrong if i == place else good for i in range(3)])
    with pytest.raises(ConfigError, match="shape"):
        group_metrics(CLASSES, GROUPS, ALIGNED.T)


def run_rank(rank: int, folder: str) -> None:
    """Update with this process's share (the last batch has no image for rank 1) and write what compute says."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    try:
        metrics = counted()
        p, t, a = draw(99, empty=((0, 0),))
        for i in range(0, len(p), 20):
            part = slice(i + rank, min(i + 20, len(p)), 2) if i + 20 < len(p) or rank == 0 else slice(0, 0)
            metrics.update(p[part], t[part], a[part])
        torch.save(dict(metrics.compute()), f"{folder}/{rank}.pt")
    finally:
        distributed.destroy_process_group()


@pytest.mark.ddp
def test_two_processes(tmp_path: Path):
    spawn(run_rank, (str(tmp_path),), nprocs=2)
    p, t, a = draw(99, empty=((0, 0),))
    n = len(p)
    last = (n - 1) // 20 * 20
    keep = torch.tensor([i < last or (i - last) % 2 == 0 for i in range(n)])
    expected = literal(p[keep].tolist(), t[keep].tolist(), a[keep].tolist())[0]
    for rank in range(2):
        check(torch.load(tmp_path / f"{rank}.pt"), expected)


class Errors(GroupCounts):
    """A user's own metric: how many images are classified wrongly."""

    name = "errors"
    higher_is_better = False
    needs_groups = True

    def compute(self):
        return (self.cell_count() - self.cell_correct()).sum()


class Rival(Errors):
    """Another of the same name."""


def test_a_users_own_metric_stands_beside_the_others():
    classes = metric_classes(["tests.metrics.test_group.Errors"])
    assert [metric.name for metric in classes] == [*METRICS, "errors"]
    metrics = group_metrics(CLASSES, GROUPS, ALIGNED, classes)
    p, t, a = draw(60)
    metrics.update(p, t, a, probabilities=torch.eye(CLASSES)[p])
    assert int(metrics.compute()["errors"]) == int((p != t).sum())
    assert list(group_metrics(CLASSES, 1, None, classes)) == ["accuracy", "calibration_error"]


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["fdd_lightning.networks.MLP"], "fdd_lightning.networks.MLP is no metric"),
        (["fdd_lightning.metrics.GroupCounts"], "with a name"),
        (["mine.Nothing"], "class path 'mine.Nothing' cannot be imported"),
        (
            ["tests.metrics.test_group.Errors", "tests.metrics.test_group.Rival"],
            "Rival has the name of another, 'errors'",
        ),
    ],
)
def test_what_is_no_metric_is_one_line(paths, told):
    with pytest.raises(ConfigError, match=told) as caught:
        metric_classes(paths)
    assert "\n" not in str(caught.value)


def test_installed_packages_add_metrics(monkeypatch):
    point = EntryPoint("errors", "tests.metrics.test_group:Errors", "fdd_lightning.metrics")
    monkeypatch.setattr(chosen, "entry_points", lambda group: [point] if group == point.group else [])
    chosen._installed.cache_clear()
    assert metric_classes()[-1].name == "errors"
    chosen._installed.cache_clear()
