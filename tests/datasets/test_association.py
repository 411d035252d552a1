"""Association of class and group, against the textbook and scipy's own test."""

import math

import pytest
import torch
from scipy.stats import chi2_contingency

from fdd_lightning.datasets.association import association, named_majority
from fdd_lightning.errors import ConfigError

TABLES = {
    "strong": [[90, 10], [10, 90]],
    "none": [[50, 50], [30, 30]],
    "weak": [[30, 20, 25], [22, 27, 26]],
    "with an empty group": [[40, 0, 3], [9, 0, 50], [20, 0, 20]],
}


def literal(table):
    """Cramer's V, cell by cell."""
    columns = [g for g in range(len(table[0])) if sum(row[g] for row in table)]
    total = sum(map(sum, table))
    squared = 0.0
    for row in table:
        for g in columns:
            expected = sum(row) * sum(other[g] for other in table) / total
            squared += (row[g] - expected) ** 2 / expected
    return math.sqrt(squared / total / (min(len(table), len(columns)) - 1))


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_against_the_textbook(table):
    found = association(torch.tensor(table))
    filled = [[n for g, n in enumerate(row) if sum(other[g] for other in table)] for row in table]
    assert found.v == pytest.approx(literal(table), abs=1e-12)
    assert found.p_value == pytest.approx(chi2_contingency(filled, correction=False).pvalue, rel=1e-9)


def test_the_majority_of_each_class_counts_where_there_is_a_bias():
    strong = association(torch.tensor([[9, 90, 0], [60, 9, 50], [0, 0, 70]])).majority()
    assert strong is not None
    assert strong.tolist() == [[False, True, False], [True, False, False], [False, False, True]]
    for table in ([[50, 50], [50, 50]], [[3, 1], [1, 3]], [[5000, 5200], [5200, 5000]], [[7, 9]], [[7], [9]]):
        assert association(torch.tensor(table)).majority() is None, table


def test_it_says_itself():
    assert str(association(torch.tensor([[90, 10], [10, 90]]))) == "Cramer's V of class and group 0.80 (p < 0.001)"
    assert str(association(torch.tensor([[12, 8], [8, 12]]))) == "Cramer's V of class and group 0.20 (p = 0.206)"


@pytest.mark.parametrize(
    ("majority", "told"),
    [
        ({"cat": "day", "cow": "day"}, "no class 'cow'"),
        ({"cat": "day", "dog": "nihgt"}, r"no group 'nihgt' \(did you mean 'night'\?\)"),
        ({"cat": "day"}, "nothing of class 'dog'"),
    ],
)
def test_a_majority_that_cannot_be(majority, told):
    with pytest.raises(ConfigError, match=told) as caught:
        named_majority(majority, ("cat", "dog"), ("day", "night"))
    assert "\n" not in str(caught.value)
