from __future__ import annotations

import math

import pytest
import torch

from fdd_lightning.datasets.assignment import (
    biased_cells,
    deal,
    even_cells,
    fairdd_cells,
    stratified_cut,
)
from fdd_lightning.errors import ConfigError

SEEDS = range(5)
MNIST_TRAIN = torch.tensor([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
MNIST_TEST = torch.tensor([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def literal_fairdd_cells(sizes: list[int], rho: float, orders: list[list[int]]) -> list[list[int]]:
    """FairDD's rule, image by image; ``orders[c]`` is the shuffled order of the other colours."""
    cells = [[0] * 10 for _ in sizes]
    for c, n in enumerate(sizes):
        own = int(n * rho)
        chunk = math.ceil((n - own) / 9)
        for image in range(n):
            cells[c][c if image < own else orders[c][(image - own) // chunk]] += 1
    return cells


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("sizes", "rho"), [(MNIST_TRAIN, 0.9), (MNIST_TEST, 0.1), (torch.arange(1, 11) * 13, 0.9)])
def test_fairdd_cells_equal_the_literal_rule(sizes, rho, seed):
    cells = fairdd_cells(sizes, 10, rho, generator(seed))
    # The order of the colours is the draw; read it off the result: larger chunks come first.
    orders = [sorted((g for g in range(10) if g != c), key=lambda g: -int(cells[c, g])) for c in range(10)]
    assert cells.tolist() == literal_fairdd_cells(sizes.tolist(), rho, orders)


def test_fairdd_cells_have_the_published_ranges():
    other = ~torch.eye(10, dtype=torch.bool)
    train, test = (fairdd_cells(s, 10, r, generator(0)) for s, r in ((MNIST_TRAIN, 0.9), (MNIST_TEST, 0.1)))
    assert (int(train[other].min()), int(train[other].max())) == (55, 75)
    assert (int(test.min()), int(test.max())) == (83, 114)


def test_the_short_chunk_falls_on_different_colors():
    cells = fairdd_cells(
        torch.full((10,), 100), 10, 0.9, generator(0)
    )  # nine of ten left over: chunks 2 2 2 2 2 0 0 0 0
    shorts = {tuple(((cells[c] == 0).nonzero().flatten() - c).remainder(10).tolist()) for c in range(10)}
    assert len(shorts) > 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("totals", [[24, 25, 25, 24, 25, 25, 25, 25, 24, 25], [26, 27] * 5, [0, 1] * 5, [10] * 10])
def test_even_cells_are_even_in_every_way(totals, own, seed):
    cells = even_cells(torch.tensor(totals), 10, generator(seed), own=own)
    taking_part = torch.ones(10, 10, dtype=torch.bool) if own else ~torch.eye(10, dtype=torch.bool)
    assert cells.sum(1).tolist() == totals
    assert int(cells[~taking_part].sum()) == 0
    assert int(cells[taking_part].max() - cells[taking_part].min()) <= 1
    assert int(cells.sum(0).max() - cells.sum(0).min()) <= 1


def test_even_cells_of_unequal_classes():
    totals = torch.tensor([3, 40, 7, 0, 15])
    cells = even_cells(totals, 7, generator(0), own=False)
    assert cells.shape == (5, 7)
    assert torch.equal(cells.sum(1), totals)
    for c in range(5):
        others = [int(cells[c, g]) for g in range(7) if g != c]
        assert cells[c, c] == 0
        assert max(others) - min(others) <= 1


@pytest.mark.parametrize("seed", SEEDS)
def test_deal_fills_the_cells_and_shuffles(seed):
    labels = torch.randint(10, (500,), generator=generator(seed))
    cells = even_cells(torch.bincount(labels, minlength=10), 10, generator(seed), own=True)
    groups = deal(labels, cells, generator(seed))
    counted = [[0] * 10 for _ in range(10)]
    for label, group in zip(labels.tolist(), groups.tolist(), strict=True):
        counted[label][group] += 1
    assert counted == cells.tolist()
    members = groups[labels == 3]
    assert not torch.equal(members, members.sort().values)  # not in file order
    assert torch.equal(groups, deal(labels, cells, generator(seed)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [0, 1, 37, 100, 199])
def test_stratified_cut_gives_each_stratum_its_share(count, seed):
    strata = torch.randint(7, (200,), generator=generator(seed))
    cut = stratified_cut(strata, count, generator(seed))
    assert cut.tolist() == sorted(set(cut.tolist()))
    for stratum in range(7):
        size = int((strata == stratum).sum())
        share = count * size / 200
        taken = int((strata[cut] == stratum).sum())
        assert min(math.floor(share), size - 1) <= taken <= min(math.ceil(share), size - 1)
    if count <= 100:
        assert len(cut) == count


def test_stratified_cut_takes_its_share_of_rare_strata_and_empties_none():
    strata = torch.cat([torch.zeros(1000, dtype=torch.int64), torch.arange(1, 91).repeat_interleave(2)])
    cut = stratified_cut(strata, 118, generator(0))
    assert int((strata[cut] > 0).sum()) == 18
    left = torch.ones(len(strata), dtype=torch.bool).index_fill(0, cut, False)
    assert len(strata[left].unique()) == 91


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("conflicting", [0, 249, 2449, None])
def test_biased_cells_have_exactly_the_conflicting_images_asked_for(conflicting, seed):
    cells = biased_cells(MNIST_TRAIN, conflicting, 10, generator(seed))
    assert cells.sum(1).tolist() == MNIST_TRAIN.tolist()
    others = cells[~torch.eye(10, dtype=torch.bool)].view(10, 9)
    if conflicting is None:
        assert int((cells.max(1).values - cells.min(1).values).max()) <= 1
        return
    assert int(others.sum()) == conflicting
    assert int(others.max() - others.min()) <= 1
    for totals in (others.sum(1), (cells - torch.diag(cells.diag())).sum(0)):  # of classes, and of groups
        assert int(totals.max() - totals.min()) <= 1


def test_biased_cells_may_have_more_groups_than_classes():
    cells = biased_cells(torch.tensor([50, 60]), 12, 4, generator(0))
    assert cells.tolist() == [[44, 2, 2, 2], [2, 54, 2, 2]]


def test_more_conflicting_images_than_a_class_has():
    with pytest.raises(ConfigError, match=r"50 conflicting images of a class, but the smallest has 10: lower it"):
        biased_cells(torch.tensor([90, 10]), 100, 2, generator(0))
