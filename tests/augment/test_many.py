"""Several batches augmented in one call are those augmented one by one, bit for bit."""

import pytest
import torch

from fdd_lightning.augment import DSA, Augmentation, DiffAug, NoAugmentation
from fdd_lightning.training import Preset
from fdd_lightning.utils.rng import generator


class Noise(Augmentation):
    """One of the user's own."""

    def __call__(self, images, generator, *, siamese):
        return images + torch.randn(images.shape[siamese:], generator=generator)


def draws(count):
    return [generator(0, "augmentation", number, 3) for number in range(count)]


@pytest.mark.parametrize(
    "augmentation", [DSA(), DSA("color_crop"), DiffAug(), DiffAug("flip"), NoAugmentation(), Noise()]
)
def test_each_batch_has_its_own_draws(augmentation):
    images = torch.rand(13, 5, 3, 8, 8, generator=generator(0, "images"))
    whole = augmentation.many(list(images), draws(13), siamese=False)
    for batch, own, expected in zip(images, draws(13), whole, strict=True):
        assert torch.equal(augmentation(batch, own, siamese=False), expected)


@pytest.mark.parametrize("soft", [False, True])
def test_mixed_batches_too(soft):
    preset = Preset(cutmix=0.5)
    batches = {
        "image": torch.rand(6, 5, 3, 8, 8, generator=generator(0, "images")),
        "target": torch.arange(30).view(6, 5) % 4,
    }
    if soft:
        batches["soft_target"] = torch.rand(6, 5, 4, generator=generator(0, "labels")).softmax(2)
    whole = preset.augment_many(batches, torch.float32, 4, draws(6))
    kinds = set()
    for j, own in enumerate(draws(6)):
        alone = preset.augment({key: value[j] for key, value in batches.items()}, torch.float32, 4, own)
        kinds.add("soft_target" in alone)
        hard = torch.nn.functional.one_hot(batches["target"][j], 4).float()
        assert torch.equal(alone["image"], whole["image"][j])
        assert torch.equal(alone.get("soft_target", hard), whole["soft_target"][j])
    assert kinds == ({True} if soft else {True, False})
