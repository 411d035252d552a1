"""Selectors: they pick real images instead of making new ones."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import Weighting, WeightMatrix


class Selector(Choice, ABC):
    """Base of every selector: the controls that stand beside the distilled sets.

    Attributes:
        needs_features: Compares the images by features.

    Example:
        >>> class Heaviest(Selector):
        ...     def select(self, weights, count, generator, features=None):
        ...         return weights.rows.mean(0).topk(count).indices
    """

    needs_features: bool = False

    def objection(self, weighting: Weighting) -> str:
        """Say why it cannot follow a weighting, and what to do instead; empty if it can."""
        return ""

    @abstractmethod
    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Pick images of a class.

        Args:
            weights: W, which spans the whole class.
            count: Images to pick.
            generator: The only source of randomness.
            features: (n, d), where the selector asks for them.

        Returns:
            int64 (count,), different columns of W, on the CPU, in the order in which they were picked.

        Raises:
            ConfigError: The class has fewer images than are asked for.
        """


def enough(weights: WeightMatrix, count: int) -> None:
    """Refuse to pick more images than there are."""
    if weights.rows.shape[1] < count:
        raise ConfigError(
            f"{count} images per class are asked for, but a class has only {weights.rows.shape[1]}: lower "
            "images_per_class"
        )


def required(features: Tensor | None, selector: Selector) -> Tensor:
    """Return the features that a selector cannot do without."""
    if features is None:
        raise ConfigError(f"selector {type(selector).__name__} needs the features of the images")
    return features


def take_turns(rows: Tensor, count: int, pick: Callable[[int, Tensor], int]) -> Tensor:
    """Let rows of weights (T, n) pick ``count`` images in turn, none twice; int64 (count,), on the CPU.

    ``pick`` returns the choice of a row, given by its place, among the images that are free for it, bool (n,): those
    that have weight in it. A row is passed over once they are used up. When all that weighs anything is gone, the
    others are as good as any.
    """
    free = rows > 0
    chosen: list[int] = []
    turn = 0
    while len(chosen) < count:
        if not free.any():
            free[:] = True
            free[:, chosen] = False
        row = turn % len(rows)
        turn += 1
        if free[row].any():
            chosen.append(pick(row, free[row]))
            free[:, chosen[-1]] = False
    return torch.tensor(chosen)


class Random(Selector):
    """Draws by the rows of W in turn, without repetition.

    Under ``Vanilla`` these are uniform draws, under ``FairDD`` as many images of each group as possible, under ``KDE``
    draws by weight. The rows come in a random order, so that fewer images than rows favour no group.

    Example:
        >>> weights = WeightMatrix(torch.tensor([[0.5, 0.0, 0.5]]), torch.ones(1))
        >>> sorted(Random().select(weights, 2, torch.Generator()).tolist())
        [0, 2]
    """

    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Return ``count`` positions; a row whose images are used up is passed over."""
        enough(weights, count)
        rows = weights.rows.double().cpu()[torch.randperm(len(weights.rows), generator=generator)]

        def pick(row: int, free: Tensor) -> int:
            chances = rows[row] * free
            return int(torch.multinomial(chances if chances.any() else free.double(), 1, generator=generator))

        return take_turns(rows, count, pick)


class Herding(Selector):
    """Greedy herding towards W's mean (Welling, ICML 2009; as iCaRL, Rebuffi et al., CVPR 2017, picks exemplars).

    For one row: the k-th image is the x that brings the mean of those picked closest to mu = sum_i w_i phi(x_i), the
    smallest || mu - (phi(x) + sum of those before) / k ||. Several rows take turns; each herds its own picks to its own
    mean. Under ``Vanilla`` this is herding as known, under ``FairDD`` each group is herded by itself, under ``KDE`` and
    ``Barycenter`` the picks approach the reweighted mean. Following W is ours.

    Example:
        >>> weights = WeightMatrix(torch.full((1, 3), 1 / 3), torch.ones(1))
        >>> features = torch.tensor([[0.0], [1.0], [5.0]])
        >>> Herding().select(weights, 1, torch.Generator(), features)  # their mean is 2
        tensor([1])
    """

    needs_features = True

    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Return ``count`` positions."""
        enough(weights, count)
        points = required(features, self)
        rows = weights.rows.cpu()[torch.randperm(len(weights.rows), generator=generator)].to(points)
        means, norms = rows @ points, points.square().sum(1)
        missing = torch.zeros_like(means)  # of each row: k times its mean, less the features picked so far

        def pick(row: int, free: Tensor) -> int:
            missing[row] += means[row]
            cost = norms - 2.0 * points @ missing[row]  # the distance to what is missing, but for a constant
            nearest = int(cost.masked_fill(~free, torch.inf).argmin())
            missing[row] -= points[nearest]
            return nearest

        return take_turns(rows, count, pick)


class KCenter(Selector):
    """Greedy k-center: each next image is the one farthest from all picked so far (Sener & Savarese, ICLR 2018).

    The first is the one nearest to the mean of the class, which is ours: the paper starts from a given set.

    Example:
        >>> weights = WeightMatrix(torch.full((1, 3), 1 / 3), torch.ones(1))
        >>> features = torch.tensor([[0.0], [1.0], [5.0]])
        >>> KCenter().select(weights, 2, torch.Generator(), features)
        tensor([1, 2])
    """

    needs_features = True

    def objection(self, weighting: Weighting) -> str:
        """Refuse a weighting that is not uniform."""
        if weighting.is_uniform():
            return ""
        return "it covers a class whatever its images weigh; herding and random follow the weights"

    def select(
        self, weights: WeightMatrix, count: int, generator: torch.Generator, features: Tensor | None = None
    ) -> Tensor:
        """Return ``count`` positions."""
        enough(weights, count)
        points = required(features, self)
        norms = points.square().sum(1)
        chosen = [int((norms - 2.0 * points @ points.mean(0)).argmin())]
        nearest = torch.full_like(norms, torch.inf)
        while len(chosen) < count:
            last = chosen[-1]
            distance = (norms + norms[last] - 2.0 * points @ points[last]).clamp_(min=0.0)
            nearest = torch.minimum(nearest, distance)
            nearest[last] = -1.0  # images that coincide with it may still be picked, it may not
            chosen.append(int(nearest.argmax()))
        return torch.tensor(chosen)
