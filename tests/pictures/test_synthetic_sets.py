import numpy as np
import torch
from PIL import Image

from fdd_lightning.pictures.synthetic_sets import sets_side_by_side
from tests.report.fake_rows import fake_set


def shown(sets):
    return {title: (*each.shown(), each.class_names) for title, each in sets.items()}


def test_sets_are_shown_pixel_by_pixel(tmp_path):
    one, two = fake_set(0), fake_set(1)
    path = tmp_path / "sets.png"
    assert sets_side_by_side(shown({"dm vanilla": one, "dm fairdd": two}), path) == path
    page = np.asarray(Image.open(path).convert("RGB"))
    for each in (one, two):
        image = (each.tensors(clamp=True)[0][4] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        tile = image.repeat(4, 0).repeat(4, 1)
        windows = np.lib.stride_tricks.sliding_window_view(page, tile.shape)[:, :, 0]
        corner = (windows[:, :, 0, 0] == tile[0, 0]).all(-1)
        places = [p for p in np.argwhere(corner) if (windows[tuple(p)] == tile).all()]
        assert len(places) == 1


def test_sets_of_several_sizes_and_classes(tmp_path):
    many = {f"set number {n} with a rather long name": fake_set(n, ipc=12) for n in range(9)}
    sets_side_by_side(shown(many), tmp_path / "many.png")
    page = Image.open(tmp_path / "many.png")
    assert page.size[0] <= 1600
    mixed = {"a": fake_set(0), "b": fake_set(1, ipc=1, names=("x", "y", "z"))}
    assert sets_side_by_side(shown(mixed), tmp_path / "mixed.png") == tmp_path / "mixed.png"
