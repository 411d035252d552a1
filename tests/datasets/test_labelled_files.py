from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fdd_lightning.datasets.image_files import resized
from fdd_lightning.datasets.labelled_files import (
    LabelledFiles,
    draw_per_cell,
    product_names,
    product_values,
    require_filled,
    smallest_cell,
)
from fdd_lightning.errors import FileFormatError
from fdd_lightning.utils import rng
from tests.fakes_natural import write_picture


def labels(n: int = 60, classes: int = 3, groups: int = 2) -> LabelledFiles:
    generator = rng.generator(1, "labels")
    targets = torch.randint(classes, (n,), generator=generator)
    values = (torch.rand(n, generator=generator) < 0.3).long() + (groups - 2)
    return LabelledFiles([Path(f"{i}.png") for i in range(n)], targets, values)


@pytest.mark.parametrize("count", [0, 1, 4, 1000])
def test_a_draw_takes_as_many_of_every_cell(count):
    files = labels(groups=3)  # group 0 is empty
    drawn = draw_per_cell(files.targets, files.groups, count, rng.generator(0, "draw"))
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    for target in range(3):
        for group in range(3):
            cell = [i for i in range(60) if files.targets[i] == target and files.groups[i] == group]
            assert len(set(cell) & set(drawn.tolist())) == min(count, len(cell))
    again = draw_per_cell(files.targets, files.groups, count, rng.generator(0, "draw"))
    other = draw_per_cell(files.targets, files.groups, count, rng.generator(1, "draw"))
    assert torch.equal(drawn, again)
    assert torch.equal(drawn, other) == (count in (0, 1000))


def test_every_image_of_a_cell_may_be_drawn():
    zeros = torch.zeros(5, dtype=torch.int64)
    seen = {int(i) for seed in range(60) for i in draw_per_cell(zeros, zeros, 1, rng.generator(seed, "draw"))}
    assert seen == set(range(5))


def test_nothing_to_draw_from():
    empty = torch.empty(0, dtype=torch.int64)
    assert draw_per_cell(empty, empty, 3, rng.generator(0, "draw")).tolist() == []


def test_the_smallest_cell_is_not_empty():
    files = labels(groups=3)
    sizes = [int(((files.targets == t) & (files.groups == g)).sum()) for t in range(3) for g in (1, 2)]
    assert smallest_cell(files) == min(sizes) > 0


def test_an_empty_class_and_a_single_group_are_refused():
    files = labels()
    require_filled(files, "toy", "abc", "xy")
    with pytest.raises(FileFormatError, match="toy holds no image of the class 'd': do something"):
        require_filled(files, "toy", "abcd", "xy", "do something")
    with pytest.raises(FileFormatError, match=r"one group only \('x'\)"):
        require_filled(files.subset((files.groups == 0).nonzero().flatten()), "toy", "abc", "xy")


def test_products_of_attributes():
    names = (("a", "b"), ("x", "y", "z"))
    first, second = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 2, 0, 1])
    values = product_values([first, second], [2, 3])
    together = product_names(names)
    assert together == ("a, x", "a, y", "a, z", "b, x", "b, y", "b, z")
    assert [together[v] for v in values] == ["a, x", "a, z", "b, x", "b, y"]
    assert product_names(names[:1]) == names[0]
    assert product_values([second], [3]) is not second
    assert torch.equal(product_values([second], [3]), second)


def test_a_split_reads_its_files_in_order(tmp_path):
    files = [write_picture(tmp_path / f"{i}.png", (8, 8)) for i in range(3)]
    labelled = LabelledFiles(files, torch.tensor([0, 1, 1]), torch.tensor([1, 0, 1])).subset(torch.tensor([2, 0]))
    split = labelled.split(resized(8), {"torn": 2})
    assert (split.targets.tolist(), split.groups.tolist(), split.left_out) == ([1, 0], [1, 1], {"torn": 2})
    (images,) = split.images
    expected = [
        torch.randint(256, (8, 8, 3), generator=rng.generator(0, f"{i}.png"), dtype=torch.uint8) for i in (2, 0)
    ]
    assert torch.equal(images, torch.stack(expected).permute(0, 3, 1, 2))
