"""LfF, learning from failure, and its relative difficulty: how much harder an image is for a debiased network."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Algorithm, Batch
from fdd_lightning.losses import gce_loss
from fdd_lightning.networks import Network, NetworkFactory


class LossMemory(nn.Module):
    """Remembers a smoothed loss of every training image.

    Args:
        size: Number of training images.
        num_classes: Number of classes.
        momentum: Weight of what was remembered: m <- momentum m + (1 - momentum) loss. The first loss is taken as is.

    Example:
        >>> memory = LossMemory(size=3, num_classes=1, momentum=0.7)
        >>> memory.remember(torch.tensor([2.0, 4.0]), targets=torch.tensor([0, 0]), index=torch.tensor([0, 2]))
        >>> memory.relative(torch.tensor([0]), index=torch.tensor([0]))
        tensor([0.5000])
    """

    mean: Tensor
    seen: Tensor
    classes: Tensor

    def __init__(self, size: int, num_classes: int, momentum: float) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.momentum = momentum
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("seen", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("classes", torch.zeros(size, dtype=torch.int64))

    @torch.no_grad()
    def remember(self, losses: Tensor, targets: Tensor, index: Tensor) -> None:
        """Take in the losses (n,) of images of classes ``targets`` (n,) at places ``index`` (n,)."""
        kept = self.momentum * self.seen[index].to(self.mean.dtype)
        self.mean[index] = kept * self.mean[index] + (1 - kept) * losses.to(self.mean.dtype)
        self.seen[index] = True
        self.classes[index] = targets

    @torch.no_grad()
    def relative(self, targets: Tensor, index: Tensor) -> Tensor:
        """Return what is remembered of images as a share of the largest of all training images of their class.

        Where the largest is 0, so is the share (the published codes divide 0 by 0 there).
        """
        # Images that were not seen yet stand under class 0 with a loss of 0, which is never the largest.
        largest = self.mean.new_zeros(self.num_classes).scatter_reduce(0, self.classes, self.mean, "amax")
        return self.mean[index] / largest[targets].clamp(min=torch.finfo(self.mean.dtype).tiny)


class RelativeDifficulty(nn.Module):
    """Weights of LfF (Nam et al., NeurIPS 2020, equation 1): b / (b + d + 1e-8).

    b and d are an image's losses under the biased and the debiased network, each smoothed over its visits and divided
    by the largest of its class. Near 1 where only the biased network fails: images that conflict with the bias.

    Args:
        size: Number of training images.
        num_classes: Number of classes.
        momentum: See :class:`LossMemory`; published: 0.7.

    Example:
        >>> place, losses = torch.zeros(1, dtype=torch.int64), torch.ones(1)
        >>> RelativeDifficulty(size=1, num_classes=1)(biased=losses, debiased=losses, targets=place, index=place)
        tensor([0.5000])
    """

    def __init__(self, size: int, num_classes: int, momentum: float = 0.7) -> None:
        super().__init__()
        self.biased = LossMemory(size, num_classes, momentum)
        self.debiased = LossMemory(size, num_classes, momentum)

    def forward(self, biased: Tensor, debiased: Tensor, targets: Tensor, index: Tensor) -> Tensor:
        """Take in the cross-entropies (n,) of images at places ``index`` (n,), and return their weights."""
        self.biased.remember(biased, targets, index)
        self.debiased.remember(debiased, targets, index)
        b, d = self.biased.relative(targets, index), self.debiased.relative(targets, index)
        return b / (b + d + 1e-8)


def weigh(
    algorithm: Algorithm, difficulty: RelativeDifficulty, biased: Tensor, debiased: Tensor, batch: Batch
) -> Tensor:
    """Return the relative difficulty (n,) of a batch's images, by their cross-entropies (n,) under both networks.

    Where processes share the batch, the images of all are remembered.
    """
    seen = (biased.detach(), debiased.detach(), batch["target"], batch["index"])
    weights: Tensor = difficulty(*map(algorithm.everyone, seen))
    return algorithm.mine(weights)


class LfF(Algorithm):
    """Two networks from scratch: one learns the bias, the other what the first fails on; needs no group labels.

    Nam et al., *Learning from Failure*, NeurIPS 2020. The loss is

        mean(GCE of the biased network) + mean(w CE of the debiased network)

    with w the relative difficulty (see :class:`RelativeDifficulty`).

    Args:
        q: Exponent of the generalised cross-entropy.
        momentum: Weight of the remembered loss when a new one comes in.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> [part for part, _ in LfF(MLP, num_classes=10, image_shape=(3, 16, 16), size=1000).named_children()]
        ['network', 'biased', 'difficulty']
    """

    name = "lff"
    memory = ("difficulty",)

    def __init__(
        self, network: NetworkFactory, *args: Any, q: float = 0.7, momentum: float = 0.7, **kwargs: Any
    ) -> None:
        super().__init__(network, *args, **kwargs)
        self.q = q
        self.biased = network(self.num_classes, self.network.image_shape)
        self.difficulty = RelativeDifficulty(self.size, self.num_classes, momentum)

    def loss(self, batch: Batch) -> Tensor:
        """Return the sum of both networks' losses, which share no parameter."""
        return lff_loss(self, self.biased, self.difficulty, self.q, batch)


def lff_loss(algorithm: Algorithm, biased: Network, difficulty: RelativeDifficulty, q: float, batch: Batch) -> Tensor:
    """Return LfF's loss of an algorithm that has a biased network beside its own (see :class:`LfF`)."""
    targets = batch["target"]
    logits = biased(batch["image"])
    losses = cross_entropy(algorithm.network(batch["image"]), targets, reduction="none")
    weights = weigh(algorithm, difficulty, cross_entropy(logits, targets, reduction="none"), losses, batch)
    return (weights * losses).mean() + gce_loss(logits, targets, q).mean()
