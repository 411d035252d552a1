"""The test set of a row by its (class, group) cells: whether they are even, and what accuracy is worth over them."""

from __future__ import annotations

import math
from collections.abc import Sequence

UNEVEN = 0.1
"""Share of the test images that would have to be of other cells to make all equal, from which on a test is uneven.

Tests that are balanced by construction have 0 to 0.03 (classes of MNIST, leftovers of a round); one whose groups are
drawn evenly has below 0.1 from some twenty images a cell on.
"""


def is_uneven(cell_count: Sequence[Sequence[int]] | None) -> bool:
    """Tell whether a test set is spread unevenly over its cells, so that its accuracy is mostly that of the largest.

    Cells without test images do not count; without groups, or where nothing is known, no test is uneven.

    Example:
        >>> is_uneven([[50, 50], [48, 52]]), is_uneven([[90, 10], [10, 90]]), is_uneven([[90], [10]])
        (False, True, False)
    """
    if not cell_count or len(cell_count[0]) < 2:
        return False
    filled = [count for line in cell_count for count in line if count]
    even = sum(filled) / max(len(filled), 1)
    return sum(abs(count - even) for count in filled) / 2 > UNEVEN * sum(filled)


def mean_over_cells(cell_accuracy: Sequence[Sequence[float | None]] | None) -> float | None:
    """Return the mean of the cells' accuracies, as rows have it that were written without the metric.

    None where nothing is known, and without groups.

    Example:
        >>> mean_over_cells([[1.0, 0.5], [0.0, None]])
        0.5
    """
    if not cell_accuracy or len(cell_accuracy[0]) < 2:
        return None
    known = [value for line in cell_accuracy for value in line if value is not None]
    return math.fsum(known) / len(known) if known else None
