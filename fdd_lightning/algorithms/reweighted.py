"""Group-reweighted ERM: plain training in which all groups count the same."""

from __future__ import annotations

from typing import Literal

from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Batch
from fdd_lightning.algorithms.group_labels import GroupAlgorithm
from fdd_lightning.errors import ConfigError
from fdd_lightning.networks import NetworkFactory
from fdd_lightning.training import Regime


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

    def __init__(
        self,
        network: NetworkFactory,
        num_classes: int,
        image_shape: tuple[int, int, int],
        size: int,
        regime: Regime | None = None,
        by: Literal["draws", "loss"] = "draws",
    ) -> None:
        super().__init__(network, num_classes, image_shape, size, regime)
        if by not in ("draws", "loss"):
            raise ConfigError(f"Reweighted by must be draws or loss, not {by!r}")
        self.balanced = by == "draws"

    def loss(self, batch: Batch) -> Tensor:
        """Return the mean cross-entropy, weighted unless the draws are."""
        losses = cross_entropy(self.network(batch["image"]), batch["target"], reduction="none")
        if not self.balanced:
            losses = losses * (self.size / (self.sizes > 0).sum() / self.sizes[self.cells(batch)])
        return losses.mean()
