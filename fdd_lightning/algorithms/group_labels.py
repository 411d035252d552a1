"""What algorithms share that read group labels, and the simplest of them: group-reweighted ERM."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Algorithm, Batch
from fdd_lightning.errors import ConfigError


def refuse_groups(algorithm: type, train_on: str, num_groups: int) -> None:
    """Refuse an algorithm (its class) that reads group labels where a ``synthetic`` or ``real`` set has none.

    Raises:
        ConfigError: With the alternative.
    """
    if not getattr(algorithm, "needs_groups", False) or (train_on == "real" and num_groups > 1):
        return
    name = getattr(algorithm, "name", algorithm.__name__)
    where, instead = ("a synthetic set", "train it on the real set (in a recipe: method full), or ")
    if num_groups < 2:
        where, instead = "this data set", ""
    raise ConfigError(
        f"trainer {name} needs group labels, and {where} has none: {instead}take lff, dfa or selecmix, which need none"
    )


class GroupAlgorithm(Algorithm):
    """Base of algorithms that read group labels; a cell is a pair of class and group, numbered class by class.

    Attributes:
        balanced: Whether images are drawn from all cells equally often (their mean chance is 1).
        num_groups: Number of groups.
        sizes: float (num_classes * num_groups,), training images of each cell.

    Example:
        >>> from fdd_lightning.algorithms import GroupDRO
        >>> issubclass(GroupDRO, GroupAlgorithm) and GroupDRO.needs_groups
        True
    """

    needs_groups = True
    balanced: bool = False
    num_groups: int
    sizes: Tensor

    def prepare(self, targets: Tensor, groups: Tensor | None = None, num_groups: int = 1) -> None:
        """Count the cells and, where images are drawn, how often each comes.

        Raises:
            ConfigError: There are no groups.
        """
        refuse_groups(type(self), "synthetic" if groups is None else "real", num_groups)
        if groups is None:
            return
        self.num_groups = num_groups
        cells = targets * num_groups + groups
        dtype = next(self.parameters()).dtype
        sizes = torch.bincount(cells, minlength=self.num_classes * num_groups).to(dtype)
        self.register_buffer("sizes", sizes, persistent=False)
        if self.balanced:
            self.chances = (len(targets) / int((sizes > 0).sum()) / sizes[cells]).cpu()

    def cells(self, batch: Batch) -> Tensor:
        """Return the cells (n,) of a batch's images."""
        return batch["target"] * self.num_groups + batch["group"]


class Reweighted(GroupAlgorithm):
    """Cross-entropy with every cell of class and group at the same weight: what group labels alone are worth.

    The importance-weighted baseline of Sagawa et al. (ICLR 2020, section 3.3; ``--reweight_groups`` of their code,
    which draws). Needs group labels, so it cannot train on a synthetic set.

    Args:
        by: ``draws``: images are drawn from all cells equally often, with replacement. ``loss``: each image comes once
            an epoch, and its loss is multiplied with N / (cells n_g).

    Example:
        >>> import torch
        >>> from fdd_lightning.networks import MLP
        >>> algorithm = Reweighted(MLP, num_classes=1, image_shape=(3, 16, 16), size=4)
        >>> algorithm.prepare(torch.tensor([0, 0, 0, 0]), torch.tensor([0, 0, 0, 1]), num_groups=2)
        >>> [round(chance, 3) for chance in algorithm.chances.tolist()[2:]]
        [0.667, 2.0]
    """

    name = "reweighted"

    def __init__(self, *args: Any, by: Literal["draws", "loss"] = "draws", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if by not in ("draws", "loss"):
            raise ConfigError(f"Reweighted by must be draws or loss, not {by!r}")
        self.balanced = by == "draws"

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy, weighted unless the draws are."""
        losses = cross_entropy(self.network(batch["image"]), batch["target"], reduction="none")
        if not self.balanced:
            losses = losses * (self.size / (self.sizes > 0).sum() / self.sizes[self.cells(batch)])
        return losses.mean()
