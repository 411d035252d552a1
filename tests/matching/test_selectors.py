"""Herding and k-center against literal loops."""

import itertools
import math

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.selectors import Herding, KCenter, Random
from fdd_lightning.matching.weightings import KDE, Barycenter, Evidence, FairDD, InverseFrequency, Vanilla, WeightMatrix
from fdd_lightning.matching.weightings.base import single_row
from fdd_lightning.utils.rng import generator

COUNT, GROUPS = 14, [0] * 8 + [1] * 4 + [4] * 2


@pytest.fixture
def points():
    return torch.randn(COUNT, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def evidence():
    groups = torch.tensor(GROUPS)
    return Evidence(COUNT, groups=groups, num_groups=5, cell_sizes=torch.bincount(groups, minlength=5))


def literal_herding(points, rows, count):
    """Rows take turns; each picks the image that brings the mean of its own picks closest to its mean."""
    points = [list(map(float, p)) for p in points]
    dims = range(len(points[0]))
    picked: dict[int, list[int]] = {t: [] for t in range(len(rows))}
    chosen: list[int] = []
    turns = itertools.cycle(range(len(rows)))
    while len(chosen) < count:
        t = next(turns)
        mean = [sum(w * p[d] for w, p in zip(rows[t], points, strict=True)) for d in dims]
        best, least = None, math.inf
        for i in range(len(points)):
            if i in chosen or not rows[t][i] > 0:
                continue
            own = [*picked[t], i]
            now = [sum(points[j][d] for j in own) / len(own) for d in dims]
            if math.dist(now, mean) < least - 1e-12:
                best, least = i, math.dist(now, mean)
        if best is not None:
            picked[t].append(best)
            chosen.append(best)
    return chosen


@pytest.mark.parametrize("count", [1, 4, 9, 14])
@pytest.mark.parametrize("weighting", [Vanilla(), Barycenter(), InverseFrequency(), FairDD()])
def test_herding(points, weighting, count):
    matrix = weighting(evidence())
    found = Herding().select(matrix, count, generator(3), points)
    order = torch.randperm(len(matrix.rows), generator=generator(3))
    assert found.tolist() == literal_herding(points, matrix.rows[order].tolist(), count)
    assert found.dtype == torch.int64


def test_herding_under_kde_approaches_the_weighted_mean(points):
    row = KDE().weights(torch.nn.functional.normalize(points, dim=1))
    found = Herding().select(single_row(row), 6, generator(0), points)
    assert found.tolist() == literal_herding(points, [row.tolist()], 6)
    apart = (points[found].mean(0) - row @ points).norm()
    drawn = [points[torch.randperm(COUNT)[:6]].mean(0) - row @ points for _ in range(50)]
    assert apart < torch.stack(drawn).norm(dim=1).median()


def test_herding_is_balanced_over_groups_while_they_last(points):
    found = Herding().select(FairDD()(evidence()), 9, generator(0), points)
    assert torch.bincount(torch.tensor(GROUPS)[found], minlength=5).tolist() == [4, 3, 0, 0, 2]
    first = {GROUPS[int(Herding().select(FairDD()(evidence()), 1, generator(s), points))] for s in range(30)}
    assert first == {0, 1, 4}


def test_images_without_weight_come_last(points):
    row = torch.zeros(COUNT, dtype=torch.float64)
    row[[3, 5]] = 0.5
    found = Herding().select(single_row(row), 5, generator(0), points).tolist()
    assert set(found[:2]) == {3, 5}
    assert len(set(found)) == 5


def literal_k_center(points, count):
    points = [list(map(float, p)) for p in points]
    mean = [sum(p[d] for p in points) / len(points) for d in range(len(points[0]))]
    chosen = [min(range(len(points)), key=lambda i: math.dist(points[i], mean))]
    while len(chosen) < count:
        rest = [i for i in range(len(points)) if i not in chosen]
        chosen.append(max(rest, key=lambda i: min(math.dist(points[i], points[j]) for j in chosen)))
    return chosen


@pytest.mark.parametrize("count", [1, 2, 7, 14])
def test_k_center(points, count):
    found = KCenter().select(Vanilla()(evidence()), count, generator(0), points)
    assert found.tolist() == literal_k_center(points, count)


def test_images_that_coincide_are_not_picked_twice():
    points = torch.ones(6, 2)
    assert sorted(KCenter().select(Vanilla()(Evidence(6)), 6, generator(0), points).tolist()) == list(range(6))
    assert sorted(Herding().select(Vanilla()(Evidence(6)), 6, generator(0), points).tolist()) == list(range(6))


def test_k_center_knows_no_weights():
    assert KCenter().objection(Vanilla()) == ""
    for weighting in (FairDD(), Barycenter(), KDE(), InverseFrequency()):
        assert "herding" in KCenter().objection(weighting)
        assert Herding().objection(weighting) == Random().objection(weighting) == ""


@pytest.mark.parametrize("selector", [Random(), Herding(), KCenter()])
def test_more_images_than_there_are(points, selector):
    with pytest.raises(ConfigError, match=r"15 images per class.*only 14"):
        selector.select(Vanilla()(Evidence(COUNT)), 15, generator(0), points)


@pytest.mark.parametrize("selector", [Herding(), KCenter()])
def test_features_are_not_optional(selector):
    with pytest.raises(ConfigError, match="needs the features"):
        selector.select(WeightMatrix(torch.ones(1, 3) / 3, torch.ones(1)), 2, generator(0))
