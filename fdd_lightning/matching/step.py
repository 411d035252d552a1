"""A matching step in plain torch: real images are drawn, weighed, augmented and compared with the synthetic ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fdd_lightning.augment import DSA, Augmentation
from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.distances import Distance, Squared
from fdd_lightning.matching.evidence import evidence_of
from fdd_lightning.matching.objective import matching_losses, unreduced
from fdd_lightning.matching.parameterisations import Parameterisation, Pixels
from fdd_lightning.matching.samplers import Sampler, Uniform
from fdd_lightning.matching.signals import ClassBatch, Features, Layers, Signal
from fdd_lightning.matching.surrogates import Surrogate
from fdd_lightning.matching.terms import Matched, Term
from fdd_lightning.matching.weightings import Vanilla, Weighting, WeightMatrix
from fdd_lightning.utils.rng import generator


@dataclass(frozen=True)
class StepParts:
    """What a step comes to, for a batch of images of each of its classes.

    Attributes:
        loss: What to differentiate: the sum of the matching losses and of the terms.
        matching: Each class's matching loss, (classes,).
        terms: Each term by the name of its class.
        indices: Places in the training set of the real images drawn, by class.
        weights: W and a of these images, by class.

    Example:
        >>> StepParts(torch.tensor(3.0), torch.tensor([1.0, 2.0]), terms={}, indices={}, weights={}).loss
        tensor(3.)
    """

    loss: Tensor
    matching: Tensor
    terms: dict[str, Tensor]
    indices: dict[int, Tensor]
    weights: dict[int, WeightMatrix]


@dataclass(frozen=True)
class MatchingStep:
    """The choices that a matching method is made of; called, it takes their loss on the synthetic images.

    A *round* is a step of the images of all classes, at once or class by class. Everything is drawn from the seed, the
    round and the class, so that a step can be repeated.

    Attributes:
        real: The real images.
        cells: How many of them each (class, group) has, int64 (num_classes, num_groups).
        surrogate: The network through which images are compared; it has been prepared.
        embeddings: Bias-encoder embeddings of all real images, for weightings that look at them.
        weighting: Which mean of the real images is matched.
        signal: What of the images is matched.
        distance: How signals are compared.
        sampler: Which real images a step sees.
        parameterisation: How synthetic images are stored.
        augmentation: Applied to real and synthetic images of a class with the same parameters (siamese).
        terms: What is added to the matching loss.
        synthetic_batch: The most decoded images of a class that a step looks at, drawn anew; all if None.
        average_rows: Divide each class's loss by the sum of its coefficients.
        seed: Seed of every draw.

    Example:
        >>> from fdd_lightning.matching.surrogates import Fresh
        >>> pixels, targets = torch.zeros(8, 3, 16, 16, dtype=torch.uint8), torch.arange(8) % 2
        >>> real = ImageSet(pixels, targets, groups=targets, mean=(0.5,) * 3, std=(0.5,) * 3)
        >>> surrogate, images = Fresh(), torch.randn(2, 3, 16, 16, requires_grad=True)
        >>> surrogate.prepare(2, real.image_shape, images_per_class=1, seed=0, device=torch.device("cpu"))
        >>> parts = MatchingStep(real, real.cells(2, 2), surrogate)(images, tick=0, classes=[0, 1])
        >>> parts.loss.backward()
        >>> parts.matching.shape, images.grad.shape
        (torch.Size([2]), torch.Size([2, 3, 16, 16]))
    """

    real: ImageSet
    cells: Tensor
    surrogate: Surrogate
    embeddings: Tensor | None = None
    weighting: Weighting = field(default_factory=Vanilla)
    signal: Signal = field(default_factory=Features)
    distance: Distance = field(default_factory=Squared)
    sampler: Sampler = field(default_factory=Uniform)
    parameterisation: Parameterisation = field(default_factory=Pixels)
    augmentation: Augmentation = field(default_factory=DSA)
    terms: Sequence[Term] = ()
    synthetic_batch: int | None = None
    average_rows: bool = False
    seed: int = 0

    def __call__(
        self,
        stored: Tensor,
        tick: int,
        classes: Sequence[int],
        rank: int = 0,
        world: int = 1,
        sum_over_ranks: Callable[[list[Layers]], list[Layers]] = unreduced,
    ) -> StepParts:
        """Return the loss of some classes in a round, and its parts.

        Args:
            stored: The stored images of all classes, class by class, equally many of each.
            tick: The round, counted from 0.
            classes: The classes of this step.
            rank: This process, of those that share the real images of a batch.
            world: Number of these processes; their gradients are averaged.
            sum_over_ranks: Sums the weighted signals over them.
        """
        network = self.surrogate.network(tick).to(stored.dtype)
        share, stored_by_class = slice(rank, None, world), stored.chunk(len(self.cells))
        indices: dict[int, Tensor] = {}
        weights: dict[int, WeightMatrix] = {}
        real, shared, synthetic = [], [], []
        for c in classes:
            draws = generator(self.seed, "real batch", tick, c)
            index, matrix = self.sampler.batch(self.real, c, tick, draws, network, self.weigh)
            if self.average_rows:
                matrix = WeightMatrix(matrix.rows, matrix.coefficients / matrix.coefficients.sum())
            indices[c], weights[c] = index, matrix
        own = [indices[c][share] for c in classes]
        together = self.real.batch(torch.cat(own))["image"].to(stored)  # one move to the device for all classes
        pairs = []
        for c, images in zip(classes, together.split([len(index) for index in own]), strict=True):
            shared.append(WeightMatrix(weights[c].rows[:, share], weights[c].coefficients))
            pairs.append((images, self._some(self.parameterisation.decode(stored_by_class[c]), tick, c)))
        for c, both in zip(classes, self._augment(pairs, tick, classes), strict=True):
            real.append(ClassBatch(both[0], c))
            synthetic.append(ClassBatch(both[1], c))
        losses = matching_losses(network, real, shared, synthetic, self.signal, self.distance, sum_over_ranks)
        loss, terms = losses.sum(), []
        if self.terms:
            sizes = [len(index) for index in indices.values()]
            matched = Matched(network, self.surrogate.accuracy, real, shared, sizes, synthetic, world)
            terms = [term(matched) for term in self.terms]
            loss = loss + torch.stack(terms).sum()
        names = [type(term).__name__ for term in self.terms]
        return StepParts(loss, losses, dict(zip(names, terms, strict=True)), indices, weights)

    def weigh(self, index: Tensor) -> WeightMatrix:
        """Return W of real images of one class, by their places."""
        return self.weighting(evidence_of(index, self.weighting, self.real, self.cells, self.embeddings))

    def _some(self, images: Tensor, tick: int, target: int) -> Tensor:
        """Return the decoded images of a class that a step looks at, where there are too many."""
        if self.synthetic_batch is None or len(images) <= self.synthetic_batch:
            return images
        draws = generator(self.seed, "synthetic batch", tick, target)
        return images[torch.randperm(len(images), generator=draws)[: self.synthetic_batch].to(images.device)]

    def _augment(
        self, pairs: Sequence[tuple[Tensor, Tensor]], tick: int, classes: Sequence[int]
    ) -> list[tuple[Tensor, Tensor]]:
        """Augment real and synthetic images with the parameters of (round, class), the same for both."""
        draws = [generator(self.seed, "augmentation", tick, c) for c in classes]
        found = self.augmentation.many([torch.cat(pair) for pair in pairs], draws, siamese=True)
        return [(both[: len(real)], both[len(real) :]) for both, (real, _) in zip(found, pairs, strict=True)]
