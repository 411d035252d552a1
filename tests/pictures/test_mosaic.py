"""The picture of classes by groups: what is where, and that nothing is cut off."""

import time

import numpy as np
import pytest
import torch

from fdd_lightning.datasets import ImageSet
from fdd_lightning.pictures.layout import BELOW, INK, LINE, MARGIN
from fdd_lightning.pictures.mosaic import FRAME, VOID, mosaic

SHADES = {(0, 0): 40, (0, 1): 90, (1, 0): 140, (2, 1): 220}
"""Red of the images of each cell that is not empty."""


def colour(cell: tuple[int, int]) -> tuple[int, int, int]:
    return SHADES.get(cell, 128), 7, 200


def flat(counts: dict[tuple[int, int], int], size: int = 8) -> ImageSet:
    """Images of one colour per cell, which no text has."""
    cells = [cell for cell, count in counts.items() for _ in range(count)]
    images = torch.zeros(len(cells), 3, size, size, dtype=torch.uint8)
    for place, cell in enumerate(cells):
        images[place] = torch.tensor(colour(cell), dtype=torch.uint8)[:, None, None]
    targets, groups = (torch.tensor([cell[i] for cell in cells]) for i in (0, 1))
    return ImageSet(images, targets, groups, (0.5,) * 3, (0.5,) * 3)


def draw(data: ImageSet, classes: int, groups: int, **options: object) -> np.ndarray:
    names = [[f"{kind} {i}" for i in range(count)] for kind, count in (("class", classes), ("group", groups))]
    arguments: dict[str, object] = {"title": "a title", **options}
    return np.asarray(mosaic(data, *names, **arguments))  # type: ignore[arg-type]


def places(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere((picture == colour).all(-1))


def test_each_cell_stands_in_its_row_and_column():
    picture = draw(flat({(0, 0): 30, (0, 1): 30, (1, 0): 30, (2, 1): 30}), 3, 2, per_cell=1)
    middle = {cell: places(picture, colour(cell)).mean(0) for cell in SHADES}
    assert middle[0, 0][0] == middle[0, 1][0] < middle[1, 0][0] < middle[2, 1][0]
    assert middle[0, 0][1] == middle[1, 0][1] < middle[0, 1][1] == middle[2, 1][1]


def test_images_are_enlarged_pixel_by_pixel():
    pixels = (torch.arange(64, dtype=torch.uint8) * 3).view(1, 1, 8, 8)
    picture = draw(ImageSet(pixels, torch.tensor([0]), torch.tensor([0]), (0.5,), (0.5,)), 1, 1, per_cell=1)
    up = 96 // 8
    enlarged = pixels[0, 0].numpy().repeat(up, 0).repeat(up, 1)
    top, left = places(picture, (3, 3, 3))[0]
    part = picture[top : top + 8 * up, left - up : left + 7 * up, 0]
    assert np.array_equal(part, enlarged)


def test_a_cell_shows_no_more_than_it_has_and_its_rest_is_grey():
    picture = draw(flat({(0, 0): 2, (0, 1): 30}), 1, 2, per_cell=4)
    two, four = (len(places(picture, colour(cell))) for cell in ((0, 0), (0, 1)))
    assert four == 2 * two
    assert len(places(picture, VOID)) >= two


def test_images_are_spread_over_the_cell():
    pixels = torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1).expand(-1, -1, 4, 4).contiguous()
    zeros = torch.zeros(100, dtype=torch.long)
    picture = draw(ImageSet(pixels, zeros, zeros, (0.5,), (0.5,)), 1, 1, per_cell=4)
    assert all(len(places(picture, (shade,) * 3)) for shade in (0, 33, 66, 99))


def test_empty_cells_are_grey():
    full = draw(flat({(0, 0): 9, (0, 1): 9}), 1, 2, per_cell=3)
    half = draw(flat({(0, 0): 9}), 1, 2, per_cell=3)
    assert full.shape == half.shape
    assert len(places(half, VOID)) > len(places(full, VOID)) + len(places(full, colour((0, 1)))) - 1


def test_aligned_cells_are_framed():
    data = flat({(0, 0): 9, (0, 1): 9, (1, 0): 9, (1, 1): 9})
    assert len(places(draw(data, 2, 2), FRAME)) == 0
    framed = places(draw(data, 2, 2, per_cell=3, aligned=torch.tensor([[True, False], [False, False]])), FRAME)
    cell = places(draw(data, 2, 2, per_cell=3), colour((0, 0)))
    assert (framed.min(0) == cell.min(0) - 4).all()
    assert (framed.max(0) == cell.max(0) + 4).all()


@pytest.mark.parametrize(("name", "lines"), [("short", 1), ("a rather long name of a group", 3), ("x" * 50, 1)])
def test_long_group_names_take_several_lines_and_have_room(name, lines):
    data = flat({(0, 0): 3})
    picture, short = (
        np.asarray(mosaic(data, ["a"], [each] + ["x"] * 9, title="t", per_cell=1)) for each in (name, "y")
    )
    assert picture.shape == (short.shape[0] + (lines - 1) * LINE, short.shape[1], 3)
    ink = places(picture, INK)
    assert ink.min() >= MARGIN // 2
    assert (ink.max(0) < np.array(picture.shape[:2]) - MARGIN // 2).all()


def test_a_long_name_is_as_wide_as_its_column():
    data = flat({(0, 0): 20, (0, 1): 20}, 64)
    picture = np.asarray(mosaic(data, ["a"], ["long " * 12, "x"], title="t"))
    column = places(picture, colour((0, 0)))
    above = column[0][0] - 2 * LINE - BELOW
    ink = places(picture[above : column[0][0]], INK)[:, 1]
    ink = ink[ink < column[:, 1].max() + 5]
    assert np.ptp(column[:, 1]) - 60 < np.ptp(ink) <= np.ptp(column[:, 1]) + 1


def test_what_stands_outside_the_cells_is_not_cut_off():
    data = flat({(0, 0): 123456 // 100})
    picture = np.asarray(
        mosaic(data, ["a class with " + "a very long name " * 20], ["g"], title="a title " * 30, notes=["a note " * 40])
    )
    ink = places(picture, INK)
    assert (ink.min(0) >= MARGIN // 2).all()
    assert (ink.max(0) < np.array(picture.shape[:2]) - MARGIN // 2).all()


@pytest.mark.parametrize(
    ("size", "classes", "groups"), [(28, 10, 10), (32, 10, 2), (64, 2, 4), (224, 2, 2), (64, 40, 1), (500, 3, 5)]
)
def test_pages_have_a_size_that_can_be_looked_at(size, classes, groups):
    data = flat({(c, g): 12 for c in range(classes) for g in range(groups)}, size)
    start = time.process_time()
    height, width = draw(data, classes, groups).shape[:2]
    assert time.process_time() - start < 5
    assert 100 < height < 6000
    assert 150 < width < 2600


def test_many_classes_are_cut_and_a_note_says_so():
    some, all_of_them = (draw(flat({(c, 0): 1 for c in range(count)}), count, 1, per_cell=1) for count in (51, 50))
    assert some.shape[0] == all_of_them.shape[0] + LINE
