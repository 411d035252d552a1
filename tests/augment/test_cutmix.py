"""CutMix, pixel by pixel, and the labels that go with it."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from fdd_lightning.augment.cutmix import cutmix, mix_batch
from fdd_lightning.utils.rng import generator


def literal(images, others, share, draws):
    """The reference's rectangle: sides int(size * sqrt(1 - share)), half on each side of the centre, clipped."""
    height, width = images.shape[2], images.shape[3]
    row, column = int(torch.randint(height, (1,), generator=draws)), int(torch.randint(width, (1,), generator=draws))
    tall, wide = int(height * (1 - share) ** 0.5), int(width * (1 - share) ** 0.5)
    mixed, pasted = images.clone(), 0
    for i in range(height):
        for j in range(width):
            if row - tall // 2 <= i < row + tall // 2 and column - wide // 2 <= j < column + wide // 2:
                pasted += 1
                for n in range(len(images)):
                    for c in range(images.shape[1]):
                        mixed[n, c, i, j] = others[n, c, i, j]
    return mixed, 1 - pasted / (height * width)


@pytest.mark.parametrize("size", [(10, 10), (7, 9)])
def test_cutmix_equals_the_loop(size):
    images, others = torch.rand(2, 3, 3, *size, generator=generator(1)).unbind()
    for trial in range(15):
        share = float(torch.rand(1, generator=generator(0, trial)))
        mixed, kept = cutmix(images, others, share, generator(2, trial))
        expected, left = literal(images, others, share, generator(2, trial))
        assert torch.equal(mixed, expected)
        assert kept == pytest.approx(left, abs=1e-12)


def test_cutmix_keeps_the_share_that_it_says():
    images, others = torch.zeros(2, 3, 10, 10), torch.ones(2, 3, 10, 10)
    for trial in range(20):
        draws = generator(0, trial)
        wanted = float(torch.rand(1, generator=draws))
        mixed, kept = cutmix(images, others, wanted, draws)
        assert kept == pytest.approx(1 - mixed.mean().item(), abs=1e-6)
        assert kept >= wanted - 1e-6  # clipped at the border the rectangle is smaller, never larger
        rows, columns = mixed[0, 0].any(1), mixed[0, 0].any(0)
        assert torch.equal(mixed[0, 0].bool(), rows[:, None] & columns[None, :])
    assert not images.any()


def batch(soft=False):
    draws = generator(5)
    found = {"image": torch.rand(6, 3, 8, 8, generator=draws), "target": torch.randint(4, (6,), generator=draws)}
    return {**found, "soft_target": torch.rand(6, 4, generator=draws).softmax(1)} if soft else found


@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_is_the_mix_of_both_losses(soft):
    given, logits = batch(soft), torch.randn(6, 4, generator=generator(3))
    for trial in range(5):
        mixed = mix_batch(given, 1.0, 4, generator(7, trial))
        draws = generator(7, trial)
        torch.rand(1, generator=draws)
        partner, share = torch.randperm(6, generator=draws), float(torch.rand(1, generator=draws))
        images, kept = literal(given["image"], given["image"][partner], share, draws)
        labels = given.get("soft_target", given["target"])
        expected = kept * cross_entropy(logits, labels) + (1 - kept) * cross_entropy(logits, labels[partner])
        assert torch.equal(mixed["image"], images)
        assert torch.equal(mixed["target"], given["target"])
        torch.testing.assert_close(cross_entropy(logits, mixed["soft_target"]), expected, rtol=1e-6, atol=1e-6)


def test_as_often_as_told():
    given = batch()
    assert all(mix_batch(given, 0.0, 4, generator(0, trial)) is given for trial in range(20))
    assert all(mix_batch(given, 1.0, 4, generator(0, trial)) is not given for trial in range(20))
    share = sum(mix_batch(given, 0.5, 4, generator(0, trial)) is not given for trial in range(400)) / 400
    assert share == pytest.approx(0.5, abs=0.1)
