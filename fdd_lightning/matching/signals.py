"""Signals: what of the images is matched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.func import functional_call, grad
from torch.nn.functional import cross_entropy
from torch.nn.modules.batchnorm import _BatchNorm

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.errors import ConfigError
from fdd_lightning.networks import ConvNet, Network
from fdd_lightning.networks.arithmetic import WRITTEN, Arithmetic, rounding
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.devices import moved_like


@dataclass(frozen=True)
class ClassBatch:
    """Images of one class, as the network sees them.

    Attributes:
        images: (n, C, H, W), normalised and augmented.
        label: The class.

    Example:
        >>> ClassBatch(torch.zeros(5, 3, 16, 16), label=2).label
        2
    """

    images: Tensor
    label: int


Layers = list[Tensor]
"""A signal: one tensor per layer; single-layer signals have one element."""


class Signal(Choice, ABC):
    """Base of every signal. Both methods take all classes of a step at once, so that a signal may share its work.

    Attributes:
        arithmetic: How networks are to be computed, where a signal asks it; set before the first step.

    Example:
        >>> class Colours(Signal):
        ...     def targets(self, network, batches, rows):
        ...         return [[w @ batch.images.mean((2, 3))] for batch, w in zip(batches, rows)]
        ...     def synthetic(self, network, batches):
        ...         return [[batch.images.mean((0, 2, 3))] for batch in batches]
    """

    arithmetic: Arithmetic = WRITTEN
    passes: ClassVar[int] = 1
    """What it takes of a network to have a real image's signal, in ways forward."""

    def check(self, network: Network) -> int | None:
        """Return how many layers it has of a network; None where it does not say.

        Raises:
            ConfigError: It cannot read such a network.
        """
        return None

    @abstractmethod
    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return W s of each class.

        Args:
            network: The surrogate.
            batches: The real images, a batch of n_c per class.
            rows: W of each class, (T_c, n_c). Its rows need not sum to 1: over several processes each passes the
                columns of its own images, and the results are summed afterwards.

        Returns:
            Per class and layer (T_c, ...), detached.
        """

    @abstractmethod
    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the mean signal of each class's synthetic images: per class and layer (...), with its graph."""


class Features(Signal):
    """The network's last feature, flattened: what DM matches (Zhao & Bilen, WACV 2023).

    Args:
        chunk: Real images per forward pass, on a GPU eight times as many; bounds the memory, not the result.

    Example:
        >>> network, batch = ConvNet(2, (3, 16, 16), width=4), ClassBatch(torch.zeros(5, 3, 16, 16), label=0)
        >>> [layer.shape for layer in Features().targets(network, [batch], [torch.full((1, 5), 0.2)])[0]]
        [torch.Size([1, 16])]
    """

    def __init__(self, chunk: int = 512) -> None:
        require({"chunk": chunk}, least=1, of="Features")
        self.chunk = chunk

    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return the weighted feature means of each class, one layer (T_c, F)."""
        with torch.no_grad():
            images = torch.cat([batch.images for batch in batches])
            parts = images.split(self.chunk if images.device.type == "cpu" else 8 * self.chunk)
            found = [self.arithmetic(_embedded, network, part, self.arithmetic.rounded) for part in parts]
            features = torch.cat([part.to(images) for part in found])
            means = moved_like(torch.block_diag(*rows), features) @ features
            return [[part] for part in means.split([len(w) for w in rows])]

    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the feature mean of each class's synthetic images, one layer (F,)."""
        features = self.arithmetic(_embedded, network, torch.cat([batch.images for batch in batches]), False)
        sizes = [len(batch.images) for batch in batches]
        if len(set(sizes)) == 1:
            return [[mean] for mean in features.unflatten(0, (-1, sizes[0])).mean(1)]
        return [[part.mean(0)] for part in features.split(sizes)]


def _embedded(network: Network, images: Tensor, rounded: bool) -> Tensor:
    with rounding(images.device.type, rounded):
        return network.embed(images)


class Maps(Signal):
    """The activations of every block of a ConvNet, and its last feature (CAFE; Wang et al., CVPR 2022).

    One layer per block, taken before its pooling, then the last feature: with the usual three blocks four layers. The
    mean over images is matched, not the images one by one.

    Example:
        >>> network, batch = ConvNet(2, (3, 16, 16), width=4, depth=2), ClassBatch(torch.zeros(5, 3, 16, 16), label=0)
        >>> [layer.shape for layer in Maps().synthetic(network, [batch])[0]]
        [torch.Size([4, 16, 16]), torch.Size([4, 8, 8]), torch.Size([64])]
    """

    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return the weighted mean of each layer, per class and layer ``(T_c, *shape)``."""
        with torch.no_grad():
            layers = self._layers(network, batches, self.arithmetic, self.arithmetic.rounded)
        return [
            [torch.einsum("tn,n...->t...", w.to(part), part) for part in parts]
            for w, parts in zip(rows, layers, strict=True)
        ]

    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the mean of each layer over each class's synthetic images, per class and layer ``(*shape)``."""
        return [[part.mean(0) for part in parts] for parts in self._layers(network, batches, self.arithmetic, False)]

    def check(self, network: Network) -> int:
        """Return the number of blocks and one; only a ConvNet has blocks."""
        return _convnet(network).depth + 1

    @staticmethod
    def _layers(network: Network, batches: Sequence[ClassBatch], arithmetic: Arithmetic, rounded: bool) -> list[Layers]:
        images = torch.cat([batch.images for batch in batches])
        maps = [layer.to(images) for layer in arithmetic(_mapped, _convnet(network), images, rounded)]
        sizes = [len(batch.images) for batch in batches]
        return [list(parts) for parts in zip(*(layer.split(sizes) for layer in maps), strict=True)]


def _mapped(network: ConvNet, images: Tensor, rounded: bool) -> list[Tensor]:
    with rounding(images.device.type, rounded):
        return network.maps(images)


def _convnet(network: Network) -> ConvNet:
    """Return a network if it is a ConvNet."""
    if not isinstance(network, ConvNet):
        raise ConfigError(f"signal Maps reads the blocks of a ConvNet, not of {type(network).__name__}: use ConvNet")
    return network


class Gradients(Signal):
    """The gradient of the cross-entropy with respect to the network's weights (DC, DSA, IDC, DREAM).

    Row t of W gives the gradient of sum_i W_ti CE_i. Each row only runs the images that it weighs, so FairDD's rows,
    which share out the batch, cost one pass over it together. Networks whose normalisation mixes the images of a batch
    (BatchNorm) see the whole batch for every row instead.

    Args:
        layers: ``weights``: every convolution and linear weight (DC, DSA); ``convolutions``: those of convolutions only
            (IDC, DREAM). Biases and the parameters of normalisations take no part in any of these methods.

    Example:
        >>> network, batch = ConvNet(2, (3, 16, 16), width=4, depth=1), ClassBatch(torch.zeros(5, 3, 16, 16), label=0)
        >>> [layer.shape for layer in Gradients().synthetic(network, [batch])[0]]
        [torch.Size([4, 3, 3, 3]), torch.Size([2, 256])]
    """

    passes = 3

    def __init__(self, layers: Literal["weights", "convolutions"] = "weights") -> None:
        self.layers = layers

    def targets(self, network: Network, batches: Sequence[ClassBatch], rows: Sequence[Tensor]) -> list[Layers]:
        """Return the gradient of each row's weighted loss, per class and weight tensor ``(T_c, *shape)``."""
        model = _Differentiable(network, self.layers)
        return [self._of_class(model, batch, w.to(batch.images)) for batch, w in zip(batches, rows, strict=True)]

    def _of_class(self, model: _Differentiable, batch: ClassBatch, rows: Tensor) -> Layers:
        if model.mixes_images:
            losses = rows @ model.losses(batch.images, batch.label)
            gradients = [model.gradient(loss, keep=t + 1 < len(rows)) for t, loss in enumerate(losses)]
        else:
            gradients = []
            for row in rows:
                used = row.nonzero().flatten()
                images = batch.images if len(used) == len(row) else batch.images[used]
                gradients.append(
                    model.weighted(images, batch.label, row[used], self.arithmetic) if len(used) else model.nothing()
                )
        return [torch.stack(layer) for layer in zip(*gradients, strict=True)]

    def synthetic(self, network: Network, batches: Sequence[ClassBatch]) -> list[Layers]:
        """Return the gradient of the mean loss of each class's synthetic images, per weight tensor ``(*shape)``."""
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

    def weighted(self, images: Tensor, label: int, weights: Tensor, arithmetic: Arithmetic) -> Layers:
        """Return the gradient of the weighted sum of the images' losses, detached."""
        if arithmetic == WRITTEN:
            return self.gradient(weights @ self.losses(images, label))
        labels = torch.full((len(images),), label, device=images.device)
        wanted = {name: value.detach() for name, value in self.values.items() if value.requires_grad}
        others = {name: value for name, value in self.values.items() if not value.requires_grad}
        with torch.no_grad():
            found = arithmetic(
                _weighted_gradient, self.network, wanted, others, images, labels, weights, arithmetic.rounded
            )
        return [found[name].to(wanted[name]) for name in wanted]

    def gradient(self, loss: Tensor, *, graph: bool = False, keep: bool = False) -> Layers:
        return list(torch.autograd.grad(loss, self.wanted, create_graph=graph, retain_graph=graph or keep))

    def nothing(self) -> Layers:
        return [torch.zeros_like(value) for value in self.wanted]


def _weighted_gradient(
    network: Network,
    wanted: dict[str, Tensor],
    others: dict[str, Tensor],
    images: Tensor,
    labels: Tensor,
    weights: Tensor,
    rounded: bool,
) -> dict[str, Tensor]:
    def loss(values: dict[str, Tensor]) -> Tensor:
        with rounding(images.device.type, rounded):
            logits = functional_call(network, {**others, **values}, (images,))
        return weights @ cross_entropy(logits.to(weights), labels, reduction="none")

    found: dict[str, Tensor] = grad(loss)(wanted)
    return found
