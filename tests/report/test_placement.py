import numpy as np
import pytest
from matplotlib.axes import Axes

from fdd_lightning.report.placement import beside_points, spread


def test_spread():
    assert spread([5.0, 1.0], 1, 0, 10) == [5, 1]
    assert spread([5.0, 5.0], 2, 0, 10) == [4, 6]
    assert spread([0.0, 0.0], 2, 0, 10) == [0, 2]
    assert spread([10.0, 10.0, 9.9], 2, 0, 10) == pytest.approx([8, 10, 6])
    assert spread([], 1, 0, 1) == []
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted = rng.uniform(0, 10, size=6).tolist()
        found = spread(wanted, 1.5, 0, 10)
        order = np.argsort(wanted, kind="stable")
        gaps = np.diff(np.array(found)[order])
        assert gaps.min() >= 1.5 - 1e-9
        assert min(found) >= -1e-9
        assert max(found) <= 10 + 1e-9


def test_labels_need_an_agg_figure():
    with pytest.raises((TypeError, AttributeError)):
        beside_points(Axes.__new__(Axes), [(0, 0)], ["x"], ["k"])
