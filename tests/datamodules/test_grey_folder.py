from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.datamodules import GreyFolder
from fdd_lightning.errors import ConfigError, DatasetNotFoundError
from tests.datamodules.contract import DataModuleContract


def write_folders(folder: Path, classes=("ant", "bee", "cat", "dog"), train=20, test=5) -> None:
    draw = np.random.default_rng(0)
    for split, count in (("train", train), ("val", test)):
        for name in classes:
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                Image.fromarray(draw.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(place / f"{number:02}.png")


class TestGreyFolder(DataModuleContract):
    kind = GreyFolder
    ways_out = ("FDD_DATA", "root")

    def write_source(self, root: Path) -> None:
        write_folders(root / "grey_folder")

    def test_counts(self, data):
        assert data.train.cells(4, 2).tolist() == [[18, 2]] * 2 + [[2, 18]] * 2
        assert data.test.cells(4, 2).tolist() == [[5, 5]] * 4

    def test_grey_images_are_grey(self, data):
        for images in (data.train, data.test):
            even = (images.images == images.images[:, :1]).flatten(1).all(dim=1)
            assert torch.equal(even, images.groups == 0)

    def test_some_classes_in_an_order_of_ones_own(self):
        data = GreyFolder(classes=["dog", "bee"], size=8, name="pets_s")
        data.setup()
        assert (data.name, data.class_names, data.image_shape) == ("pets_s", ("dog", "bee"), (3, 8, 8))
        assert data.train.cells(2, 2).tolist() == [[18, 2], [2, 18]]

    def test_what_is_missing_is_one_line(self):
        with pytest.raises(DatasetNotFoundError, match="no class folder 'eel' in"):
            GreyFolder(classes=["ant", "eel"]).prepare_data()
        with pytest.raises(DatasetNotFoundError, match=r"no folder train in .*nowhere.*put class folders there"):
            GreyFolder("nowhere").prepare_data()
        for wrong in ("/etc", "../x"):
            with pytest.raises(ConfigError, match="name one below the data root"):
                GreyFolder(wrong)
        with pytest.raises(ConfigError, match="two or more different"):
            GreyFolder(classes=["ant", "ant"])
