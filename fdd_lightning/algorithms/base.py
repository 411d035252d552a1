"""What an algorithm is: a way to train a classifier, as a plain module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol, cast

import torch
from torch import Tensor, nn
from torch import distributed as dist

from fdd_lightning.configuration.choices import rebuild
from fdd_lightning.networks import Network, NetworkFactory
from fdd_lightning.training import OptimizerFactory, Regime
from fdd_lightning.utils import rng

Batch = dict[str, Tensor]
"""``image``, ``target``, ``index`` and, for real data, ``group``."""


class _Union(torch.autograd.Function):
    """Gathers the shares of a batch; the gradient of a share is summed over all processes.

    As ``torch.distributed.nn.functional.all_gather``, which torch 2.14 takes for outdated, without a public successor.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.empty_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own.contiguous())
        return torch.stack(parts, 1).flatten(0, 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)  # it may serve other terms of the loss as well
        dist.all_reduce(gradient)
        return gradient[dist.get_rank() :: dist.get_world_size()]


class Algorithm(nn.Module, ABC):
    """Base of every algorithm: plain training and the debiased trainers.

    What it remembers of the images between updates is part of its state, so that it is part of every checkpoint.

    Constructors of subclasses take these arguments first, and then their own by name.

    Whoever trains it calls :meth:`prepare` once, then :meth:`losses` for every batch, and steps after each loss.

    Args:
        network: Architecture of its network, or of each of its networks.
        num_classes: Number of classes.
        image_shape: (C, H, W).
        size: Number of training images; a batch's ``index`` is below it.
        regime: Optimiser, steps, batches and augmentation of its own; null: those of whoever trains it.

    Attributes:
        name: Name in rows.
        network: The network that is meant to be used, where there are several.
        pool: Updates that are made of one batch.
        shared: Whether each process has its own share of every batch; set by whoever trains it.
        chances: How likely each training image is to be drawn, relative, (size,); None: each once an epoch. Known
            after :meth:`prepare`.

    Example:
        >>> from fdd_lightning.networks import MLP
        >>> class Margin(Algorithm):
        ...     def loss(self, batch):
        ...         return nn.functional.multi_margin_loss(self(batch["image"]), batch["target"])
        >>> Margin(MLP, num_classes=2, image_shape=(1, 4, 4), size=9)(torch.zeros(3, 1, 4, 4)).shape
        torch.Size([3, 2])
    """

    menu: ClassVar[str] = "trainer"
    place: ClassVar[str] = "model.learner"
    name: str
    network: Network
    soft_labels: ClassVar[bool] = False
    """Whether it takes ``soft_target``, a distribution over classes for each image, in the place of ``target``."""
    needs_groups: ClassVar[bool] = False
    """Whether it reads group labels, which synthetic sets do not have."""
    classifies: ClassVar[bool] = True
    """Whether :attr:`network` has a classifier of its own."""
    memory: ClassVar[tuple[str, ...]] = ()
    """Parts of its state that are of use in training only."""

    pool: int = 1
    shared: bool = False
    chances: Tensor | None = None

    def __init__(
        self,
        network: NetworkFactory,
        num_classes: int,
        image_shape: tuple[int, int, int],
        size: int,
        regime: Regime | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.size = size
        self.regime = None if regime is None else rebuild(regime)
        self.network = network(num_classes, image_shape)

    def prepare(self, targets: Tensor, groups: Tensor | None = None, num_groups: int = 1) -> None:
        """Look at the labels of the training set, before the first update; most need not.

        Args:
            targets: int64 (size,).
            groups: int64 (size,); None where there are no group labels.
            num_groups: Number of groups.
        """

    def parts(self) -> list[tuple[OptimizerFactory | None, list[nn.Parameter]]]:
        """Return which parameters are trained by which optimiser; None: by that of the regime."""
        return [(None, list(self.parameters()))]

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch with ``image``, ``target``, ``index`` and, for real data, ``group``.

        A synthetic set with soft labels adds ``soft_target``, float (n, num_classes), for those who take it. To be
        called once an update: what is remembered of the images changes with it.
        """

    def losses(self, batch: Batch, size: int) -> Iterator[Tensor]:
        """Yield the losses of the updates that a batch is for, each computed when it is asked for.

        Args:
            batch: See :meth:`loss`; of up to ``size`` times :attr:`pool` images.
            size: Images of an update.
        """
        yield self.loss(batch)

    @property
    def can_stack(self) -> bool:
        """Whether several of its kind can be trained as one, their parameters stacked (see :meth:`losses_of_many`)."""
        return False

    def losses_of_many(self, parameters: Mapping[str, Tensor], batches: Batch) -> Tensor:
        """Return the losses (networks,) of several of its kind, for those that :attr:`can_stack`.

        Args:
            parameters: Those of :attr:`network` by name, each with one more axis in front, (networks, ...).
            batches: As of :meth:`loss`, every entry with one more axis in front.
        """
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (n, num_classes) of the network that is meant to be used."""
        return cast(Tensor, self.network(images))

    def everyone(self, own: Tensor) -> Tensor:
        """Return the rows of all processes that share a batch, in the order of a single process's batch.

        Each has its strided share, of equally many rows. Gradients flow back to the process that a row came from.
        """
        return cast(Tensor, _Union.apply(own)) if self.shared else own

    def mine(self, whole: Tensor) -> Tensor:
        """Return those of everyone's rows that are this process's own."""
        return whole[dist.get_rank() :: dist.get_world_size()] if self.shared else whole


class AlgorithmFactory(Protocol):
    """What builds an algorithm: a subclass, or a ``functools.partial`` of one.

    A protocol, since the parser knows by its names which arguments are given later.

    Example:
        >>> from fdd_lightning.algorithms import DFA
        >>> from functools import partial
        >>> factory: AlgorithmFactory = partial(DFA, swap_after=100)
    """

    def __call__(
        self, network: NetworkFactory, num_classes: int, image_shape: tuple[int, int, int], size: int
    ) -> Algorithm:
        """Build one."""


class Clock(nn.Module):
    """An algorithm's count of its updates, and the draws of each; part of its state, so a checkpoint resumes exactly.

    Its seed is that of torch's default generator when it is built, so algorithms that start from different parameters
    have different draws as well. Both numbers stay on the CPU: reading them waits for no device.

    Attributes:
        step: Updates so far; the algorithm counts.
        seed: Seed of the draws.

    Example:
        >>> clock = Clock()
        >>> clock.step += 1
        >>> clock.get_extra_state()[1]
        tensor(1)
    """

    def __init__(self) -> None:
        super().__init__()
        self.step = 0
        self.seed = torch.initial_seed() & ((1 << 63) - 1)

    def generator(self, purpose: str) -> torch.Generator:
        """Return the CPU generator of a purpose at this step."""
        return rng.generator(self.seed, purpose, self.step)

    def get_extra_state(self) -> Tensor:
        """Return seed and step."""
        return torch.tensor([self.seed, self.step])

    def set_extra_state(self, state: Tensor) -> None:
        """Take seed and step back."""
        self.seed, self.step = (int(number) for number in state)
