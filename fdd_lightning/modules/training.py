"""What the Evaluator and the Classifier share: algorithms trained by a regime."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, ClassVar, TypeVar, cast

import torch
from torch import Generator, Tensor

from fdd_lightning.algorithms import ERM, Algorithm, AlgorithmFactory, Batch, Stack
from fdd_lightning.artefacts.doubts import AT_CHANCE, MEANING
from fdd_lightning.configuration.choices import import_class, rebuild, spec_of
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.evidence import Evidence, Gallery
from fdd_lightning.matching.groupings import Grouping, Labels
from fdd_lightning.modules.base import StageModule
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.training import Regime
from fdd_lightning.training.batches import Batches, epoch_order
from fdd_lightning.training.chance import learned_nothing
from fdd_lightning.training.optimizers import build_optimizer, forget, set_rate
from fdd_lightning.utils.devices import moved
from fdd_lightning.utils.rng import seeded
from fdd_lightning.utils.threads import in_threads

T = TypeVar("T")


class TrainingModule(StageModule):
    """Base of modules that train algorithms side by side; each has its own draws, as if it were trained alone.

    Args:
        num_classes: Linked from the data.
        num_groups: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        network: The architecture that is trained.
        learner: How it is trained.
        seed: Seed of every draw.
        groups: Where a trainer that reads group labels gets them: the labels, or `NeighbourVote`.

    Attributes:
        real: The real training set, where it is trained on.
        regime: How they are trained; known once :meth:`setup` ran.
        batches: How the training set is cut into batches; known once :meth:`setup` ran.
        stack: This process's algorithms as one, where they are trained so; None: one at a time.
        threaded: Whether they are shared out among threads, where they are trained one at a time.

    Example:
        >>> from fdd_lightning.modules.evaluator import Evaluator
        >>> Evaluator(num_classes=2, num_groups=2, image_shape=(3, 16, 16)).algorithm_class.name
        'erm'
    """

    draws_own_batches = True
    loss_name: ClassVar[str]
    real: ImageSet
    regime: Regime
    batches: Batches
    stack: Stack | None = None
    threaded: bool = False

    def __init__(
        self,
        num_classes: int,
        num_groups: int,
        image_shape: tuple[int, int, int],
        network: NetworkFactory = ConvNet,
        learner: AlgorithmFactory = ERM,
        seed: int = 0,
        groups: Grouping = Labels(),
    ) -> None:
        super().__init__()
        if groups.needs_embeddings:
            raise ConfigError(f"a trainer has no bias encoder for groups {type(groups).__name__}: take NeighbourVote")
        self.groups = rebuild(groups)
        self.num_classes = num_classes
        self.num_groups = num_groups
        self.image_shape = image_shape
        self.architecture = network
        self.factory = learner
        self.seed = seed
        self.automatic_optimization = False
        self._orders: dict[int, tuple[int, Tensor]] = {}
        self._stacked_orders: tuple[int, Tensor] | None = None

    @property
    @abstractmethod
    def algorithms(self) -> list[Algorithm]:
        """The algorithms at work."""

    @property
    def algorithm_class(self) -> Any:
        """The class of the algorithms."""
        return import_class(spec_of(self.factory)["class_path"])

    @property
    def groups_to_read(self) -> int:
        """How many groups a trainer may read: those of the data, or, where they are inferred, one for each class."""
        return self.num_groups if self.groups.needs_groups else self.num_classes

    def training_set(self) -> ImageSet:
        """Return the training images, with the groups that a trainer may read."""
        real, labels = self.data.train, self.groups.needs_groups
        if not getattr(self.algorithm_class, "needs_groups", False):
            return real
        device, fingerprint = self.trainer.strategy.root_device, self.data.train_fingerprint
        sources = self.data.sources if self.groups.needs_sources else None
        facts = self.num_classes, self.seed, device, None, fingerprint, sources
        gallery = Gallery(real.without_groups(), *facts)
        self.show_training_set(self.groups, gallery)
        known, count = (real.groups, self.num_groups) if labels else (None, None)
        everything = torch.arange(len(real), device=real.targets.device)
        return real.with_groups(self.groups(Evidence(len(real), groups=known, num_groups=count, index=everything)))

    def examples(self, index: Tensor) -> Batch:
        """Return the training images at some places, on the device."""
        return {key: value.to(self.device) for key, value in self.real.batch(index).items()}

    @abstractmethod
    def draws(self, purpose: str, number: int, when: int) -> Generator:
        """Return the generator of an algorithm's draws: its ``order`` of an epoch, the ``augmentation`` of a step."""

    def way_out(self) -> str:
        """Name the learning rate by the argument that holds it: the regime's or, where it has one, the learner's."""
        own = "learner.regime" if self.algorithms[0].regime else "regime"
        return f"lower {own}.optimizer.lr"

    def logits(self, number: int, images: Tensor, whose: str) -> Tensor:
        """Return an algorithm's finite logits of images as the networks see them.

        Raises:
            NotFiniteError: They are not finite; the line says ``whose`` images these were.
        """
        found: Tensor = self.algorithms[number](images.to(cast(torch.dtype, self.dtype)))
        self.require_finite({f"the output of network {number} for {whose} images": found})
        return found

    def all_logits(self, images: Tensor, whose: str, numbers: Sequence[int] | None = None) -> Sequence[Tensor]:
        """Return the finite logits of every algorithm, in one pass where they are stacked; see :meth:`logits`.

        In training a process stacks :attr:`own` algorithms only, and asks for these by their ``numbers``.
        """
        if self.stack is None:
            numbers = range(len(self.algorithms)) if numbers is None else numbers
            return self.computed([partial(self.logits, number, images, whose) for number in numbers])
        found = self.stack.logits(images.to(cast(torch.dtype, self.dtype)))
        self.require_finite({f"the output of network {j} for {whose} images": part for j, part in enumerate(found)})
        return list(found)

    def look_for_learning(self) -> None:
        """Warn where a network does no better on its own training images than chance would."""

        def predict(number: int, index: Tensor) -> tuple[Tensor, Tensor]:
            batch = self.examples(index)
            return self.logits(number, batch["image"], "its training"), batch["target"]

        count, size = len(self.algorithms), self.batches.size
        lost = sum(learned_nothing(partial(predict, number), size) for number in range(count))
        if lost:
            self.warn(AT_CHANCE, f"{MEANING[AT_CHANCE]} ({lost} of {count}): train longer, or at another rate")

    def new_algorithm(self, targets: Tensor, groups: Tensor | None, *number: int) -> Algorithm:
        """Build an algorithm by its own seed and show it the labels."""
        with seeded(self.seed, "network", *number):
            algorithm = self.factory(self.architecture, self.num_classes, self.image_shape, len(targets))
        algorithm.prepare(targets, groups if self.groups_to_read > 1 else None, self.groups_to_read)
        return algorithm

    @property
    def num_steps(self) -> int:
        """Optimiser steps, as the regime says."""
        return self.regime.num_steps(self.batches.per_epoch)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return what the regime and the algorithm say."""
        parts = [algorithm.parts() for algorithm in self.algorithms]
        return build_optimizer(parts, self.regime.optimizer, self.algorithms[0].name)

    def on_fit_start(self) -> None:
        """Keep the training images on the device."""
        if hasattr(self, "real") and self.device.type != "cpu":
            self.real = self.real.to(self.device)

    def batch(self, number: int, step: int) -> Batch:
        """Return an algorithm's training batch at a step, augmented: this process's share, where they share it."""
        rank = self.global_rank if self.batches.world > 1 else 0
        index = self.batches.batch(step, self.order(number, self.batches.epoch(step)), rank)
        draws = self.draws("augmentation", number, step)
        return self.regime.augment(self.examples(index), cast(torch.dtype, self.dtype), self.num_classes, draws)

    def order(self, number: int, epoch: int) -> Tensor:
        """Return the order in which an algorithm sees the training set in an epoch; that of the last one is kept."""
        if self._orders.get(number, (None,))[0] != epoch:
            chances = self.algorithms[number].chances
            order = epoch_order(self.batches.size, chances, self.draws("order", number, epoch))
            self._orders[number] = epoch, order
        return self._orders[number][1]

    @property
    def own(self) -> range:
        """Numbers of the algorithms that this process trains."""
        return range(len(self.algorithms))

    def gathered(self, losses: Tensor) -> Tensor:
        """Return the losses of all processes' algorithms, given those of its own."""
        return losses

    def exchange(self) -> AbstractContextManager[None]:
        """Return the context in which gradients are computed; it says whether processes exchange them."""
        return nullcontext()

    def stacked_batch(self, step: int) -> Batch:
        """Return the augmented batches of this process's algorithms at a step, every entry (algorithms, n, ...)."""
        epoch = self.batches.epoch(step)
        if self._stacked_orders is None or self._stacked_orders[0] != epoch:  # moved in one piece, once an epoch
            orders = torch.stack([self.order(number, epoch) for number in self.own], 1)
            self._stacked_orders = epoch, moved(orders, self.device)
        index = self.batches.batch(step, self._stacked_orders[1]).T
        flat = self.examples(index.flatten())
        whole = {key: value.unflatten(0, index.shape) for key, value in flat.items()}
        draws = [self.draws("augmentation", number, step) for number in self.own]
        return self.regime.augment_many(whole, cast(torch.dtype, self.dtype), self.num_classes, draws)

    def losses(self, number: int, step: int) -> Iterator[Tensor]:
        """Yield the losses of the updates that an algorithm's batch is for; nothing is computed before they are."""
        yield from self.algorithms[number].losses(self.batch(number, step), self.batches.share)

    def stacked_losses(self, step: int) -> Iterator[Tensor]:
        """Yield the losses (algorithms,) of the one update of a step, where all are stacked."""
        if self.stack is not None:
            yield self.stack.losses(self.stacked_batch(step))

    def learn(self, number: int, losses: Iterator[Tensor]) -> Tensor | None:
        """Compute an algorithm's next loss and its gradients; return the loss (1,), or None where there is no more."""
        loss = next(losses, None)
        if loss is None:
            return None
        for parameter in self.algorithms[number].parameters():
            parameter.grad = None
        if self.threaded:  # Lightning's way, which scales losses on GPUs, is not made for threads
            torch.autograd.backward(loss)
        else:
            self.manual_backward(loss)
        return loss.detach().view(1)

    def learn_stacked(self, losses: Iterator[Tensor]) -> Tensor | None:
        """Do the same for all of this process's algorithms as one; return their losses (algorithms,)."""
        together = next(losses, None)
        if together is None or self.stack is None:
            return None
        self.manual_backward(together.sum())
        self.stack.hand_over()
        return together.detach()

    def computed(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Return the results of tasks, one for each algorithm."""
        return in_threads(tasks) if self.threaded else [task() for task in tasks]

    def next_losses(self, tasks: Sequence[Callable[[], Tensor | None]]) -> Tensor | None:
        """Compute the gradients of the next update of all algorithms; return the losses of this process's."""
        with self.exchange():
            losses = [loss for loss in self.computed(tasks) if loss is not None]
        return torch.cat(losses) if losses else None

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take the steps that one batch of each is for, one as a rule; Lightning's batch is only a clock."""
        step, per_epoch = self.global_step, self.batches.per_epoch
        optimizer: Any = self.optimizers()
        if self.stack is not None:
            tasks = [partial(self.learn_stacked, self.stacked_losses(step))]
        else:
            tasks = [partial(self.learn, number, self.losses(number, step)) for number in self.own]
        while (losses := self.next_losses(tasks)) is not None:
            set_rate(optimizer.optimizer, self.regime.rate(self.global_step, per_epoch))
            if self.regime.forgets(self.global_step, per_epoch):
                forget(optimizer.optimizer)
            optimizer.step()
            mean = self.gathered(losses).mean()
            self.log(self.loss_name, mean, prog_bar=True, sync_dist=self.batches.world > 1)
            if self.global_step >= self.trainer.max_steps:
                break
