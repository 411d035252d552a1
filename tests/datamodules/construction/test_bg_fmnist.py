from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules import BGFMNIST
from fdd_lightning.datamodules.bg_fmnist import COMPOSITES, SCENES, background_of, composited
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.originals import FASHION_MNIST
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng
from tests.fakes import mnist_arrays, write_mnist
from tests.fakes_scenes import write_scenes

OTHER = ~torch.eye(10, dtype=torch.bool)
COUNTS = (3, 4, 5, 6, 7, 3, 4, 5, 6, 7)


@pytest.fixture(scope="module")
def banks() -> list[Tensor]:
    """Backgrounds of distinct images."""
    generator = rng.generator(0, "banks")
    return [torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=generator) for n in COUNTS]


def bg_fmnist(images, labels, banks: list[Tensor], ratio, composite, seed, split) -> Split:
    class Given(BGFMNIST):
        def backgrounds(self, split: str) -> list[Tensor]:
            return banks

    return Given(conflict_ratio=ratio, composite=composite, seed=seed).construct(images, labels, split)


def pixels(split: Split) -> Tensor:
    return torch.cat(list(split.images))


def cells(split: Split) -> Tensor:
    return torch.bincount(split.targets * 10 + split.groups, minlength=100).view(10, 10)


def test_the_pairs_of_the_paper():
    pairs = dict(zip(FASHION_MNIST.class_names, SCENES, strict=True))
    assert pairs["T-shirt/top"] == "bamboo_forest"
    assert pairs["Trouser"] == "living_room"
    assert list(SCENES[2:]) == sorted(SCENES[2:])
    bam = {
        "bamboo_forest", "bedroom", "bowling_alley", "bus_interior", "cockpit",
        "corn_field", "laundromat", "runway", "ski_slope", "track_outdoor",
    }  # fmt: skip
    assert set(SCENES) == bam - {"bedroom"} | {"living_room"}


@pytest.mark.parametrize("composite", COMPOSITES)
def test_pixels_equal_the_literal_rule(banks, composite):
    images, labels = mnist_arrays(40)
    split = bg_fmnist(images, labels, banks, 0.2, composite, 0, "train")
    made = pixels(split)
    assert made.shape == (40, 3, 32, 32)
    assert made.dtype == torch.uint8
    assert torch.equal(split.targets, labels)
    choice = background_of(split.groups, COUNTS, rng.generator(0, "bg_fmnist", "train", "backgrounds"))
    for n in range(0, 40, 8):
        group = int(split.groups[n])
        back = banks[group][int(choice[n]) - sum(COUNTS[:group])]
        for y in range(32):
            for x in range(32):
                grey = int(images[n, y - 2, x - 2]) if 2 <= y < 30 and 2 <= x < 30 else 0
                for channel in range(3):
                    behind = int(back[channel, y, x])
                    if composite == "mask":
                        expected = grey if grey > 0 else behind
                    else:
                        share = grey / 255
                        expected = int(share * grey + (1 - share) * behind + 0.5)
                    assert int(made[n, channel, y, x]) == expected


def test_every_pair_of_levels_is_rounded_right():
    level = torch.arange(256, dtype=torch.uint8)
    images = level.view(256, 1, 1).expand(256, 32, 32)  # no margin is left to add
    back = level.view(1, 1, 256).expand(1, 3, 256).repeat(1, 1, 4).view(1, 3, 32, 32)
    made = torch.cat(list(composited(images, back, torch.zeros(256, dtype=torch.int64), "alpha")))
    g, b = images[:, None].double(), back.double()
    exact = (g * g + (255 - g) * b) / 255
    assert torch.equal(made.double(), (exact + 0.5).floor().expand_as(made))


def test_many_images_are_composited_as_few_are(banks):
    images = mnist_arrays(600)[0]
    bank = torch.cat(banks)
    choice = torch.arange(600) % len(bank)
    whole = torch.cat(list(composited(images, bank, choice, "alpha")))
    for n in (0, 255, 256, 599):
        [alone] = composited(images[n : n + 1], bank, choice[n : n + 1], "alpha")
        assert torch.equal(whole[n : n + 1], alone)


@pytest.mark.parametrize(("ratio", "conflicting"), [(0.01, 600), (0.02, 1200), (0.05, 3000), (0, 0)])
def test_counts_of_the_real_size(ratio, conflicting, banks):
    """Fashion-MNIST has 6,000 images of each class."""
    labels = torch.arange(60_000) % 10
    split = bg_fmnist(torch.zeros(60_000, 28, 28, dtype=torch.uint8), labels, banks, ratio, "alpha", 0, "train")
    counts = cells(split)
    assert int(counts[OTHER].sum()) == conflicting
    assert counts.diag().tolist() == [6000 - conflicting // 10] * 10
    assert int(counts[OTHER].max() - counts[OTHER].min()) <= 1
    assert counts.sum(0).tolist() == [6000] * 10


def test_without_a_ratio_every_class_is_everywhere(banks):
    images, labels = mnist_arrays(600)
    counts = cells(bg_fmnist(images, labels, banks, None, "alpha", 0, "test"))
    assert int((counts.max(1).values - counts.min(1).values).max()) <= 1
    assert counts.sum(1).tolist() == torch.bincount(labels).tolist()


def test_more_conflicting_images_than_there_are(banks):
    images, labels = mnist_arrays(100)
    labels[10:] = 0
    with pytest.raises(ConfigError, match="conflict_ratio"):
        bg_fmnist(images, labels, banks, 0.5, "alpha", 0, "train")


def test_backgrounds_are_used_equally_often_and_at_random():
    groups = torch.randint(10, (1000,), generator=rng.generator(0))
    choice = background_of(groups, COUNTS, rng.generator(1))
    ends = [sum(COUNTS[: i + 1]) for i in range(10)]
    for group, (low, high) in enumerate(pairwise([0, *ends])):
        used = choice[groups == group]
        assert low <= int(used.min()) <= int(used.max()) < high
        times = torch.bincount(used - low, minlength=high - low)
        assert int(times.max() - times.min()) <= 1
        assert used.tolist() != sorted(used.tolist())
    assert not torch.equal(choice, background_of(groups, COUNTS, rng.generator(2)))


def test_more_backgrounds_than_images_are_drawn_from_all():
    used = torch.cat([background_of(torch.zeros(3, dtype=torch.int64), [50], rng.generator(s)) for s in range(20)])
    assert len(used.unique()) > 25
    assert int(used.max()) > 40


@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_images_of_one_source_have_the_same_photograph(tmp_path, monkeypatch, validation):
    """Outside the garment's frame an image is its photograph."""
    monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))
    write_mnist(tmp_path / "data", name="FashionMNIST")
    write_scenes(tmp_path / "data" / "scenes")
    data = BGFMNIST(root=str(tmp_path / "data"), conflict_ratio=0.2, validation=validation)
    data.setup()
    frames, sources = data.train.images[:, :, :2].flatten(1), data.sources
    assert sources is not None
    assert len(sources) == len(data.train)
    assert len(sources.unique()) < len(sources) / 2
    for source in sources.unique():
        assert (frames[sources == source] == frames[sources == source][0]).all()
    assert len(frames.unique(dim=0)) == len(sources.unique())
