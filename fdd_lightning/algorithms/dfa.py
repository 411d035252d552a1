"""DFA: disentangled feature augmentation."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms.base import Algorithm, Batch, Clock
from fdd_lightning.algorithms.lff import RelativeDifficulty, weigh
from fdd_lightning.errors import ConfigError
from fdd_lightning.losses import gce_loss
from fdd_lightning.networks import NetworkFactory
from fdd_lightning.utils.checks import require


class _NoClassifier(nn.Module):
    """Stands where an encoder has no classifier, so that nobody takes its features for logits."""

    def forward(self, feature: Tensor) -> Tensor:
        raise ConfigError("DFA's intrinsic encoder has no classifier of its own: match its features, not gradients")


class DFA(Algorithm):
    """Two encoders, one of what is intrinsic to a class and one of the bias, whose features are swapped between images.

    Lee et al., *Learning Debiased Representation via Disentangled Feature Augmentation*, NeurIPS 2021; ``learner.py``
    of its code. Each head sees both features, and only its own encoder's with a gradient:

        L_dis  = mean(w CE(C_i[z_i, sg z_b], y)) + lambda_dis mean(GCE(C_b[sg z_i, z_b], y))
        L_swap = mean(w CE(C_i[z_i, sg z_b~], y)) + lambda_swap_b mean(GCE(C_b[sg z_i, z_b~], y~))

    with w the relative difficulty of LfF and (z_b~, y~) the batch's bias features and labels permuted. The loss is
    L_dis + lambda_swap L_swap, the second after ``swap_after`` updates. Needs no group labels.

    Its ``network`` is the intrinsic encoder, which has no classifier of its own.

    Args:
        swap_after: Last update, counted from 0, without the swap.
        lambda_dis: Weight of the bias head's loss.
        lambda_swap_b: Weight of the bias head's loss on swapped features.
        lambda_swap: Weight of the swap.
        q: Exponent of the generalised cross-entropy.
        momentum: Weight of the remembered loss when a new one comes in.

    Raises:
        ConfigError: A weight or ``swap_after`` is negative.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> algorithm = DFA(MLP, num_classes=10, image_shape=(3, 16, 16), size=1000)
        >>> algorithm(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 10])
    """

    name = "dfa"
    classifies = False
    memory = ("difficulty", "clock")

    def __init__(
        self,
        network: NetworkFactory,
        *args: Any,
        swap_after: int = 10000,
        lambda_dis: float = 10.0,
        lambda_swap_b: float = 10.0,
        lambda_swap: float = 1.0,
        q: float = 0.7,
        momentum: float = 0.7,
        **kwargs: Any,
    ) -> None:
        super().__init__(network, *args, **kwargs)
        require({"swap_after": swap_after, "lambda_dis": lambda_dis}, least=0, of="DFA")
        require({"lambda_swap_b": lambda_swap_b, "lambda_swap": lambda_swap}, least=0, of="DFA")
        self.swap_after = swap_after
        self.lambda_dis = lambda_dis
        self.lambda_swap_b = lambda_swap_b
        self.lambda_swap = lambda_swap
        self.q = q
        self.biased = network(self.num_classes, self.network.image_shape)
        width = self.network.feature_dim + self.biased.feature_dim
        self.head = nn.Linear(width, self.num_classes)
        self.biased_head = nn.Linear(width, self.num_classes)
        # Left in, the networks' own classifiers would be parameters that no loss reaches.
        self.network.classifier = _NoClassifier()
        self.biased.classifier = _NoClassifier()
        self.difficulty = RelativeDifficulty(self.size, self.num_classes, momentum)
        self.clock = Clock()

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of both encoders and heads."""
        targets = batch["target"]
        intrinsic, bias = self._features(batch["image"])
        losses = self._intrinsic_loss(intrinsic, bias, targets)
        logits = self._bias_logits(intrinsic, bias)
        weights = weigh(self, self.difficulty, cross_entropy(logits, targets, reduction="none"), losses, batch)
        loss = (weights * losses).mean() + self.lambda_dis * gce_loss(logits, targets, self.q).mean()
        if self.clock.step > self.swap_after:
            everyone = self.everyone(bias)
            order = torch.randperm(len(everyone), generator=self.clock.generator("swap")).to(bias.device)
            swapped, labels = self.mine(everyone[order]), self.mine(self.everyone(targets)[order])
            swap = (weights * self._intrinsic_loss(intrinsic, swapped, targets)).mean()
            swap = swap + self.lambda_swap_b * gce_loss(self._bias_logits(intrinsic, swapped), labels, self.q).mean()
            loss = loss + self.lambda_swap * swap
        self.clock.step += 1
        return loss

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the intrinsic and the bias features (n, d) of images."""
        return self.network.embed(images), self.biased.embed(images)

    def _intrinsic_loss(self, intrinsic: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy (n,) of the intrinsic head."""
        return cross_entropy(self.head(torch.cat([intrinsic, bias.detach()], 1)), targets, reduction="none")

    def _bias_logits(self, intrinsic: Tensor, bias: Tensor) -> Tensor:
        """Return the logits of the bias head."""
        return cast(Tensor, self.biased_head(torch.cat([intrinsic.detach(), bias], 1)))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the intrinsic head on both features."""
        return cast(Tensor, self.head(torch.cat(self._features(images), 1)))
