"""What a learner is: a way to train a classifier, as a plain module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar

from torch import Tensor, nn

from fdd_lightning.algorithms.regime import OptimizerFactory, Regime
from fdd_lightning.algorithms.shared_batches import share, union
from fdd_lightning.configuration.choices import rebuild
from fdd_lightning.networks import NetworkFactory

Batch = dict[str, Tensor]
"""``image``, ``target``, ``index`` and, for real data, ``group``."""


class Algorithm(nn.Module, ABC):
    """Base of every learner: plain training and the debiased trainers.

    What it remembers of the images between updates is part of its state, so that it is part of every checkpoint.

    Whoever trains it calls :meth:`prepare` once, then :meth:`losses` for every batch, and steps after each loss.

    Args:
        network: Architecture of its network or networks.
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
    """

    menu: ClassVar[str] = "trainer"
    place: ClassVar[str] = "model.learner"
    name: str
    network: nn.Module
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

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (n, num_classes) of the network that is meant to be used."""

    def everyone(self, own: Tensor) -> Tensor:
        """Return the rows of all processes that share a batch, in the order of a single process's batch."""
        return union(own) if self.shared else own

    def mine(self, whole: Tensor) -> Tensor:
        """Return those of everyone's rows that are this process's own."""
        return share(whole) if self.shared else whole


AlgorithmFactory = Callable[[NetworkFactory, int, tuple[int, int, int], int], Algorithm]
"""What builds a learner: a subclass, or a ``functools.partial`` of one."""
