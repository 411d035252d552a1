"""A matching step without Lightning: how to distil in a few lines of plain torch, and what a step returns."""

from functools import partial

import pytest
import torch

from fdd_lightning.augment import NoAugmentation
from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.evidence import evidence_of
from fdd_lightning.matching.objective import matching_losses
from fdd_lightning.matching.samplers import Uniform
from fdd_lightning.matching.signals import ClassBatch
from fdd_lightning.matching.step import MatchingStep
from fdd_lightning.matching.surrogates import Fresh
from fdd_lightning.matching.terms import ClassAware, Discrimination
from fdd_lightning.matching.weightings import FairDD, Vanilla
from fdd_lightning.networks import ConvNet

SHAPE, CLASSES, IPC = (3, 8, 8), 2, 2


@pytest.fixture
def real():
    draw = torch.Generator().manual_seed(0)
    targets = torch.arange(40) % CLASSES
    groups = (torch.rand(40, generator=draw) < 0.3).long()
    pixels = torch.randint(0, 256, (40, *SHAPE), generator=draw, dtype=torch.uint8)
    return ImageSet(pixels, targets, groups, (0.5,) * 3, (0.5,) * 3)


def matching_step(real, **choices):
    surrogate = Fresh(partial(ConvNet, width=4, depth=2))
    surrogate.prepare(CLASSES, SHAPE, IPC, seed=0, device=torch.device("cpu"))
    return MatchingStep(real, real.cells(CLASSES, 2), surrogate, **{"sampler": Uniform(12), **choices})


def starting_images():
    return torch.randn(CLASSES * IPC, *SHAPE, generator=torch.Generator().manual_seed(1)).requires_grad_()


def test_distilling_in_a_few_lines(real):
    step, images = matching_step(real, weighting=FairDD()), starting_images()
    optimizer = torch.optim.SGD([images], lr=1.0, momentum=0.5)
    for tick in range(3):
        parts = step(images, tick, classes=range(CLASSES))
        optimizer.zero_grad()
        parts.loss.backward()
        optimizer.step()
    assert not torch.equal(images, starting_images())
    again = step(images, 2, range(CLASSES)), step(images, 2, range(CLASSES))
    assert torch.equal(again[0].loss, again[1].loss)  # a step can be repeated


def test_parts_have_names_and_add_up(real):
    step = matching_step(real, weighting=FairDD(), terms=[ClassAware(), Discrimination()])
    parts = step(starting_images(), tick=0, classes=[1])
    assert set(parts.terms) == {"ClassAware", "Discrimination"}
    torch.testing.assert_close(parts.loss, parts.matching.sum() + sum(parts.terms.values()))
    assert list(parts.indices) == list(parts.weights) == [1]
    index = parts.indices[1]
    assert real.targets[index].eq(1).all()
    expected = FairDD()(evidence_of(index, FairDD(), real, real.cells(CLASSES, 2)))
    assert torch.equal(parts.weights[1].rows, expected.rows)


def test_a_step_of_one_class_is_its_part_of_the_step_of_all(real):
    step, images = matching_step(real, weighting=FairDD()), starting_images()
    together = step(images, 0, range(CLASSES)).matching
    torch.testing.assert_close(together, torch.cat([step(images, 0, [c]).matching for c in range(CLASSES)]))


def test_processes_that_share_the_real_images_come_to_the_same_loss(real):
    """Each holds its share of a batch; here one after the other, the first one's sums kept for the second."""
    step, images = matching_step(real, weighting=FairDD()), starting_images()
    kept = []

    def keep(targets):
        kept.append(targets)
        return targets

    def add(targets):
        pairs = zip(kept[0], targets, strict=True)
        return [[a + b for a, b in zip(*layers, strict=True)] for layers in pairs]

    step(images, 0, range(CLASSES), 0, 2, keep)
    shared = step(images, 0, range(CLASSES), 1, 2, add)
    torch.testing.assert_close(shared.loss, step(images, 0, range(CLASSES)).loss)


def test_the_equation_sees_what_was_drawn_and_augmented(real):
    """Without augmentation the matching loss is the objective of the images drawn."""
    step, images = matching_step(real, augmentation=NoAugmentation()), starting_images()
    parts = step(images, 0, range(CLASSES))
    batches = [ClassBatch(real.batch(parts.indices[c])["image"], c) for c in range(CLASSES)]
    synthetic = [ClassBatch(part, c) for c, part in enumerate(images.chunk(CLASSES))]
    weights = [Vanilla()(evidence_of(parts.indices[c], Vanilla(), real, step.cells)) for c in range(CLASSES)]
    network = step.surrogate.network(0)
    expected = matching_losses(network, batches, weights, synthetic, step.signal, step.distance)
    torch.testing.assert_close(parts.matching, expected)
