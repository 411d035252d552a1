from __future__ import annotations

import pytest
import torch

from fdd_lightning.datasets import ImageSet, image_set
from fdd_lightning.datasets.image_set import normalise
from fdd_lightning.errors import ConfigError

MEAN, STD = (0.1, 0.5, 0.9), (0.2, 0.5, 1.0)


@pytest.fixture
def data() -> ImageSet:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (50, 3, 4, 5), dtype=torch.uint8, generator=generator)
    targets = torch.randint(4, (50,), generator=generator)
    groups = torch.randint(3, (50,), generator=generator)
    groups[targets == 2] = 0  # a class that lacks groups
    return ImageSet(images, targets, groups, MEAN, STD)


def test_normalise_is_the_formula_pixel_by_pixel():
    pixels = torch.randint(256, (3, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    out = normalise(pixels, MEAN, STD)
    assert out.dtype == torch.float32
    for place in torch.cartesian_prod(*map(torch.arange, pixels.shape)).tolist():
        expected = (int(pixels[tuple(place)]) / 255 - MEAN[place[1]]) / STD[place[1]]
        assert float(out[tuple(place)]) == pytest.approx(expected, abs=1e-6)


def test_batch_and_sample_hold_the_same(data):
    index = torch.tensor([7, 3, 3, 49])
    batch = data.batch(index)
    assert {k: (v.dtype, tuple(v.shape)) for k, v in batch.items()} == {
        "image": (torch.float32, (4, 3, 4, 5)),
        "target": (torch.int64, (4,)),
        "group": (torch.int64, (4,)),
        "index": (torch.int64, (4,)),
    }
    for row, place in enumerate(index.tolist()):
        sample = data[place]
        assert all(torch.equal(sample[key], batch[key][row]) for key in batch)
        assert torch.equal(sample["image"], normalise(data.images[place : place + 1], MEAN, STD)[0])
        assert (sample["target"], sample["group"]) == (data.targets[place], data.groups[place])
    assert torch.equal(data[-1]["image"], data[49]["image"])
    with pytest.raises(IndexError, match="50 images"):
        data[50]


def test_members_and_cells_equal_a_loop(data):
    cells = data.cells(5, 4)
    assert cells.shape == (5, 4)
    for target in range(5):
        everyone = [i for i in range(50) if data.targets[i] == target]
        assert data.members(target).tolist() == everyone
        for group in range(4):
            cell = [i for i in everyone if data.groups[i] == group]
            assert data.members(target, group).tolist() == cell
            assert cells[target, group] == len(cell)
    assert data.members(-1).tolist() == data.members(1, -1).tolist() == []


def test_members_are_sorted_once(data, monkeypatch):
    data.members(0), data.members(0, 0)
    monkeypatch.setattr(torch, "argsort", None)
    assert len(data.members(1)) == sum(len(data.members(1, group)) for group in range(3))


def test_subset_of_a_subset(data):
    inner = data.subset(torch.arange(0, 50, 2)).subset(torch.tensor([20, 3, 4]))
    assert len(inner) == 3
    assert torch.equal(inner.images, data.images[[40, 6, 8]])
    assert inner.batch(torch.tensor([1]))["index"].tolist() == [1]
    assert torch.equal(inner[1]["image"], data[6]["image"])
    assert inner.targets.tolist() == data.targets[[40, 6, 8]].tolist()
    assert inner.members(int(inner.targets[1])).tolist() == [
        i for i in range(3) if inner.targets[i] == inner.targets[1]
    ]


def test_moving_keeps_everything(data):
    moved = data.subset(torch.tensor([5, 6])).to("cpu")
    assert torch.equal(moved.images, data.images[5:7])
    assert torch.equal(moved[0]["image"], data[5]["image"])


@pytest.mark.parametrize("piece", [1, 3, 4, 100])
def test_a_subset_is_moved_piece_by_piece(data, monkeypatch, piece):
    monkeypatch.setattr(image_set, "PIECE", piece)
    chosen = data.subset(torch.tensor([9, 2, 2, 40]))
    assert torch.equal(chosen.to("cpu").images, data.images[[9, 2, 2, 40]])
    assert len(data.subset(torch.zeros(0, dtype=torch.long)).to("cpu")) == 0


def test_images_in_another_order_of_memory_are_read_as_they_are(data):
    other = data.images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    again = ImageSet(other, data.targets, data.groups, MEAN, STD)
    index = torch.tensor([7, 3, 3, 49])
    assert torch.equal(again.pixels(index), data.pixels(index))
    assert torch.equal(again.subset(index).pixels(torch.tensor([3, 0])), data.pixels(index[[3, 0]]))


def test_the_shape_of_an_image_is_known_without_reading_any(data):
    assert data.image_shape == data.subset(torch.zeros(0, dtype=torch.long)).image_shape == (3, 4, 5)


def test_an_empty_set_has_no_members():
    none = torch.zeros(0, dtype=torch.int64)
    empty = ImageSet(torch.zeros(0, 3, 2, 2, dtype=torch.uint8), none, none, MEAN, STD)
    assert empty.members(0).tolist() == empty.members(0, 0).tolist() == []
    assert empty.cells(2, 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("images", "labels", "mean"),
    [
        (torch.zeros(2, 3, 2, 2), 2, MEAN),
        (torch.zeros(2, 2, 2, dtype=torch.uint8), 2, MEAN),
        (torch.zeros(2, 3, 2, 2, dtype=torch.uint8), 3, MEAN),
        (torch.zeros(2, 3, 2, 2, dtype=torch.uint8), 2, (0.5,)),
    ],
)
def test_what_does_not_fit_is_refused(images, labels, mean):
    with pytest.raises(ConfigError):
        ImageSet(images, torch.zeros(labels, dtype=torch.int64), torch.zeros(labels, dtype=torch.int64), mean, STD)
