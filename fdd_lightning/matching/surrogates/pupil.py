"""A network and its optimiser: what surrogates train, keep and restore together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fdd_lightning.networks import Network


class Pupil:
    """A network in training.

    Args:
        network: The network; it is frozen except inside :meth:`step`.
        lr: Learning rate of its SGD.
        momentum: Momentum.
        weight_decay: Weight decay.
    """

    def __init__(self, network: Network, lr: float, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        self.network = network.requires_grad_(False)
        self.optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay)

    def step(self, images: Tensor, labels: Tensor, others: Tensor | None = None, share: float = 1.0) -> Tensor:
        """Take one step of mean cross-entropy and return the logits before it, (n, num_classes).

        Args:
            images: (n, C, H, W).
            labels: int64, (n,).
            others: Second labels of mixed images, int64 (n,).
            share: Weight of ``labels`` against ``others``, in 0..1.
        """
        with torch.enable_grad():
            self.network.requires_grad_(True)
            logits: Tensor = self.network(images.to(next(self.network.parameters())))
            loss = cross_entropy(logits, labels)
            if others is not None:
                loss = share * loss + (1 - share) * cross_entropy(logits, others)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.network.requires_grad_(False)
        return logits.detach()

    def state_dict(self) -> dict[str, Any]:
        """Return the weights and the optimiser's state."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the weights and the optimiser's state back, in the precision that they have."""
        self.network.to(next(v.dtype for v in state["network"].values() if v.is_floating_point()))
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
