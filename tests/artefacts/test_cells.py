"""Which metric rows go by, decided from the counts of their test cells."""

import pytest

from fdd_lightning.artefacts.cells import is_uneven, mean_over_cells
from fdd_lightning.artefacts.results import MetricSummary
from tests.report.fake_rows import row

BIASED = [[90, 5], [5, 90]]


def literally_uneven(cells):
    """Move images from the cells that have too many, one in ten at most."""
    filled = [n for line in cells for n in line if n]
    even = sum(filled) / len(filled)
    return sum(n - even for n in filled if n > even) > 0.1 * sum(filled)


@pytest.mark.parametrize(
    ("cells", "uneven"),
    [
        (BIASED, True),
        ([[10, 10], [10, 10]], False),
        ([[98, 98], [113, 114]], False),  # as many as MNIST has of its classes
        ([[4, 3, 4], [3, 4, 3]], False),  # leftovers of a round
        ([[250, 0], [0, 250]], False),  # the conflicting half of a balanced test
        ([[60, 40], [60, 40]], False),
        ([[70, 30], [70, 30]], True),  # one group is rarer than the other
        ([[100, 100], [20, 20]], True),
    ],
)
def test_uneven(cells, uneven):
    assert is_uneven(cells) is literally_uneven(cells) is uneven


def test_without_groups_nothing_is_uneven():
    assert not is_uneven([[90], [1]])
    assert not is_uneven(None)
    assert not is_uneven([])
    assert not is_uneven([[0, 0]])
    assert mean_over_cells([[0.5], [0.9]]) is None
    assert mean_over_cells(None) is None


def test_what_rows_go_by():
    assert row().headline == "accuracy"
    old = row(cell_count=BIASED, cell_accuracy=[[1.0, 0.2], [0.4, 0.8]])
    assert "balanced_accuracy" not in old.metrics
    assert (old.headline, old.mean("balanced_accuracy")) == ("balanced_accuracy", pytest.approx(0.6))
    assert old.std("balanced_accuracy") is None
    assert row(cell_count=BIASED, cell_accuracy=None).headline == "accuracy"
    new = row(cell_count=BIASED)
    new.metrics["balanced_accuracy"] = MetricSummary.of([[0.3, 0.5]])
    assert new.mean("balanced_accuracy") == 0.4
