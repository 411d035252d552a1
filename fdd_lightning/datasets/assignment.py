"""Who gets which protected attribute: counts per (class, group) cell, and the seeded deal that fills them.

Every biased construction is a matrix of cell counts and one shuffle within each class, so its counts are exact.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Generator, Tensor

from fdd_lightning.errors import ConfigError


def even_cells(totals: Tensor, num_groups: int, generator: Generator, *, own: bool) -> Tensor:
    """Spread each class over groups as evenly as possible.

    Group ``(class + offset) % num_groups`` is the class's neighbour at that offset; the images left over after an equal
    share for all go to the first offsets of one drawn order, the same for every class. So the cells of a class differ
    by at most one, and where the classes' totals differ by at most one so do the groups' totals.

    Args:
        totals: int64, (num_classes,), images to spread per class; ``num_classes <= num_groups``.
        num_groups: Number of groups.
        generator: Draws the order of the offsets.
        own: Whether a class's own group (offset 0) takes part.

    Returns:
        int64, (num_classes, num_groups), rows summing to ``totals``.
    """
    first = 0 if own else 1
    offsets = first + torch.randperm(num_groups - first, generator=generator)
    extra = torch.arange(len(offsets)) < (totals % len(offsets))[:, None]
    counts = (totals // len(offsets))[:, None] + extra
    groups = (torch.arange(len(totals))[:, None] + offsets) % num_groups
    return torch.zeros(len(totals), num_groups, dtype=torch.int64).scatter(1, groups, counts)


def biased_cells(sizes: Tensor, conflicting: int | None, num_groups: int, generator: Generator) -> Tensor:
    """Count cells such that an exact number of images conflict with the bias.

    These are spread over the classes, and within a class over the groups but its own, as evenly as possible; all other
    images of class c are in group c.

    Args:
        sizes: int64, (num_classes,), images per class; ``num_classes <= num_groups``.
        conflicting: Bias-conflicting images; None spreads every class evenly over all groups (the unbiased twin).
        num_groups: Number of groups.
        generator: Draws where the images left over after equal shares go.

    Returns:
        int64, (num_classes, num_groups), rows summing to ``sizes``.

    Raises:
        ConfigError: A class has fewer images than it should have conflicting ones.
    """
    if conflicting is None:
        return even_cells(sizes, num_groups, generator, own=True)
    # Totals that differ by at most one; which classes have the larger one is drawn.
    totals = torch.full((len(sizes),), conflicting // len(sizes))
    totals[torch.randperm(len(sizes), generator=generator)[: conflicting % len(sizes)]] += 1
    if (totals > sizes).any():
        raise ConfigError(
            f"conflict_ratio asks for {int(totals.max())} conflicting images of a class, but the smallest has "
            f"{int(sizes.min())}: lower it"
        )
    cells = even_cells(totals, num_groups, generator, own=False)
    own = torch.arange(len(sizes))
    cells[own, own] = sizes - totals
    return cells


def fairdd_cells(totals: Tensor, num_groups: int, majority: float, generator: Generator) -> Tensor:
    """Count cells by FairDD's rule (zqhang/FairDD: data_handler).

    Of a class of n images the first int(n * majority) get the class's own group; the rest is cut into chunks of
    ceil(rest / (num_groups - 1)), handed to the other groups in shuffled order, so the last group may get fewer.

    Args:
        totals: int64, (num_classes,), images per class; ``num_classes <= num_groups``.
        num_groups: Number of groups; class c's own group is c.
        majority: Share of a class in its own group (the paper's rho).
        generator: Draws the order of the other groups, for each class anew.

    Returns:
        int64, (num_classes, num_groups), rows summing to ``totals``.
    """
    num_classes, others = len(totals), num_groups - 1
    own = (totals.to(torch.float64) * majority).to(torch.int64)
    rest = totals - own
    chunk = (rest + others - 1) // others
    place = torch.rand(num_classes, others, generator=generator).argsort(dim=1)
    counts = (rest[:, None] - place * chunk[:, None]).clamp(min=0).minimum(chunk[:, None])
    groups = (torch.arange(num_classes)[:, None] + 1 + torch.arange(others)) % num_groups
    cells = torch.zeros(num_classes, num_groups, dtype=torch.int64).scatter(1, groups, counts)
    return cells.scatter(1, torch.arange(num_classes)[:, None], own[:, None])


def deal(labels: Tensor, cells: Tensor, generator: Generator) -> Tensor:
    """Give every image a group: each class is shuffled, then dealt out in the order of the groups.

    Args:
        labels: int64, (N,), classes.
        cells: int64, (num_classes, num_groups), counts whose rows sum to the class sizes.
        generator: Draws the shuffle.

    Returns:
        int64, (N,), groups.
    """
    order = shuffled_by(labels, generator)
    groups = torch.empty_like(labels)
    groups[order] = torch.arange(cells.shape[1]).repeat(len(cells)).repeat_interleave(cells.flatten())
    return groups


def stratified_cut(strata: Tensor, count: int, generator: Generator, bound: Tensor | None = None) -> Tensor:
    """Draw images such that every stratum gives its share, rounded up or down.

    Rounding is cumulative over the strata: small ones next to each other are cut as one large one would be, so that
    rare cells are neither all spared nor all taken. A stratum never loses its last image (the cut is then smaller).

    Args:
        strata: int64, (N,), the stratum of each image, from 0.
        count: Images to draw.
        generator: Draws them.
        bound: What must not be parted, as in :func:`drawn`.

    Returns:
        int64, sorted places of the images drawn.
    """
    total = len(strata)
    sizes = torch.bincount(strata)
    ends = sizes.cumsum(0)
    reached = (2 * count * ends + total) // (2 * max(total, 1))
    quota = torch.diff(reached, prepend=reached.new_zeros(1)).minimum((sizes - 1).clamp(min=0))
    return drawn(strata, quota, generator, bound)


def drawn(strata: Tensor, quota: Tensor, generator: Generator, bound: Tensor | None = None) -> Tensor:
    """Draw images of every stratum.

    Args:
        strata: int64, (N,), the stratum of each image, from 0.
        quota: int64, how many of each stratum; a smaller one gives all it has.
        generator: Draws them.
        bound: int64, (N,): images of equal number are drawn together or not at all, see :func:`first_that_fit`; None
            where each is by itself.

    Returns:
        int64, sorted places of the images drawn.
    """
    order = shuffled_by(strata, generator)
    if bound is not None and len(bound.unique()) < len(bound):
        return first_that_fit(order, strata, quota, bound)
    owner, sizes = strata[order], torch.bincount(strata)
    place = torch.arange(len(strata)) - (sizes.cumsum(0) - sizes)[owner]
    return order[place < quota[owner]].sort().values


def first_that_fit(order: Tensor, strata: Tensor, quota: Tensor, bound: Tensor) -> Tensor:
    """Take images in a given order until every stratum has its quota, those that are bound together at once.

    So a stratum may give less than its quota. One that would give nothing gives the smallest bundle that it has, more
    than its quota, if no stratum is emptied by that.

    Args:
        order: int64, (N,), places in the order in which they are looked at, strata one after another.
        strata: int64, (N,), the stratum of each image, from 0.
        quota: int64, how many of each stratum.
        bound: int64, (N,): images of equal number are taken together.

    Returns:
        int64, sorted places of the images taken.
    """
    bundles: dict[int, list[int]] = {}
    for place, number in enumerate(bound.tolist()):
        bundles.setdefault(number, []).append(place)
    stratum, number = strata.tolist(), bound.tolist()
    left, kept = quota.tolist(), torch.bincount(strata).tolist()
    given = [0] * len(kept)
    taken: dict[int, None] = {}

    def take(bundle: int, room: list[int], least: int) -> None:
        need = Counter(stratum[place] for place in bundles[bundle])
        if bundle in taken or any(room[s] - count < least for s, count in need.items()):
            return
        taken[bundle] = None
        for s, count in need.items():
            left[s], kept[s], given[s] = left[s] - count, kept[s] - count, given[s] + count

    for place in order.tolist():
        take(number[place], left, 0)
    for bundle in sorted(dict.fromkeys(number[place] for place in order.tolist()), key=lambda b: len(bundles[b])):
        if any(quota[s] > 0 and not given[s] for s in {stratum[place] for place in bundles[bundle]}):
            take(bundle, kept, 1)
    return torch.tensor(sorted(place for bundle in taken for place in bundles[bundle]), dtype=torch.int64)


def all_but(cut: Tensor, total: int) -> Tensor:
    """Return the places, of so many, that were not cut: int64, in order."""
    return torch.ones(total, dtype=torch.bool).index_fill(0, cut, False).nonzero().flatten()


def shuffled_by(keys: Tensor, generator: Generator) -> Tensor:
    """Return the places sorted by key, in drawn order within equal keys."""
    shuffle = torch.randperm(len(keys), generator=generator)
    return shuffle[torch.argsort(keys[shuffle], stable=True)]
