"""Gradients of the classification loss (gradient matching)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from fdd_lightning.matching.signals.base import ClassBatch, Layers, Signal
from fdd_lightning.networks import Network


class Gradients(Signal):
    """The gradient of the cross-entropy with respect to the network's weights (DC, DSA, IDC, DREAM).

    Row t of W gives the gradient of sum_i W_ti CE_i. Each row only runs the images that it weighs, so FairDD's rows,
    which share out the batch, cost one pass over it together. Networks whose normalisation mixes the images of a batch
    (BatchNorm) see the whole batch for every row instead.

    Args:
        layers: ``weights``: every convolution and linear weight (DC, DSA); ``convolutions``: those of convolutions only
            (IDC, DREAM). Biases and the parameters of normalisations take no part in any of these methods.
    """

    def __init__(self, layers: Literal["weights", "convolutions"] = "weights") -> None:
        self.layers = layers

    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return the gradient of each row's weighted loss, per class and weight tensor (T_c, *shape)."""
        model = _Differentiable(network, self.layers)
        return [self._of_class(model, batch, w.to(batch.images)) for batch, w in zip(batches, rows, strict=True)]

    def _of_class(self, model: _Differentiable, batch: ClassBatch, rows: Tensor) -> Layers:
        if model.mixes_images:
            losses = rows @ model.losses(batch.images, batch.label)
            found: list[Layers | None] = [model.gradient(loss, keep=t + 1 < len(rows)) for t, loss in enumerate(losses)]
        else:
            found = []
            for row in rows:
                used = row.nonzero().flatten()
                images = batch.images if len(used) == len(row) else batch.images[used]
                found.append(model.gradient(row[used] @ model.losses(images, batch.label)) if len(used) else None)
        return [torch.stack(layer) for layer in zip(*(g or model.nothing() for g in found), strict=True)]

    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the gradient of the mean loss of each class's synthetic images, per weight tensor (*shape)."""
        model = _Differentiable(network, self.layers)
        return [model.gradient(model.losses(b.images, b.label).mean(), graph=True) for b in batches]


class _Differentiable:
    """A network's function of its weights, whether or not the network itself is frozen."""

    def __init__(self, network: Network, layers: str) -> None:
        least = 4 if layers == "convolutions" else 2
        self.network = network
        self.values = {name: p.detach() for name, p in network.named_parameters()}
        self.wanted = [value.requires_grad_() for value in self.values.values() if value.ndim >= least]
        self.mixes_images = any(isinstance(m, _BatchNorm) and m.training for m in network.modules())

    def losses(self, images: Tensor, label: int) -> Tensor:
        logits = functional_call(self.network, self.values, (images,))
        return cross_entropy(logits, torch.full((len(images),), label, device=images.device), reduction="none")

    def gradient(self, loss: Tensor, *, graph: bool = False, keep: bool = False) -> Layers:
        return list(torch.autograd.grad(loss, self.wanted, create_graph=graph, retain_graph=graph or keep))

    def nothing(self) -> Layers:
        return [torch.zeros_like(value) for value in self.wanted]
