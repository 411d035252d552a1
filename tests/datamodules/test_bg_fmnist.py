from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import BGFMNIST
from fdd_lightning.datamodules.bg_fmnist import SCENES
from fdd_lightning.datasets import textures
from fdd_lightning.datasets.image_set import count_cells
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, FileFormatError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.datamodules.test_cfmnist import OTHER, ROOT, needs_fashion
from tests.fakes import write_mnist
from tests.fakes_scenes import write_flat_scenes, write_miniplaces, write_picture, write_scenes

OWN_TEN = tuple(f"room{i}" for i in range(10))


class TestBGFMNIST(DataModuleContract):
    kind = BGFMNIST
    ways_out = ("FDD_DATA", "root", "scenes", "textures")

    def write_source(self, root: Path) -> None:
        write_mnist(root, name="FashionMNIST")
        write_scenes(root / "scenes")

    def test_counts(self, data):
        assert (len(data.train), len(data.test)) == (600, 200)
        assert int(data.train.cells(10, 10)[OTHER].sum()) == 30
        assert data.group_names == SCENES

    def test_images_stand_in_their_scenes(self, data):
        """The corners show nothing but the scene."""
        corners = []
        for split in (data.train, data.test):
            seen: list[set[tuple[int, ...]]] = [set() for _ in range(10)]
            for corner, group in zip(split.images[:, :, 0, 0].tolist(), split.groups.tolist(), strict=True):
                seen[group].add(tuple(corner))
            corners.append(seen)
        train, test = corners
        for group in range(10):
            assert len(train[group]) == 4  # pictures of the miniature
            assert len(test[group]) == 2
            assert not train[group] & test[group]
            assert not any(train[group] & train[other] for other in range(group))

    def test_miniplaces_gives_the_same(self, data, places):
        (places / "scenes").rename(places / "aside")
        write_miniplaces(places / "miniplaces" / "data")
        other = self.kind()
        other.setup()
        assert other.fingerprint == data.fingerprint

    def test_another_folder_by_argument(self, data, places, tmp_path):
        (places / "scenes").rename(tmp_path / "mine")
        with pytest.raises(DatasetNotFoundError, match="scenes"):
            self.kind().setup()
        other = self.kind(scenes=str(tmp_path / "mine"))
        other.setup()
        assert torch.equal(other.train.images, data.train.images)
        assert "your own" in other.licence
        assert "MiniPlaces" in data.licence

    def test_any_folder_of_ten_scenes_serves(self, tmp_path):
        write_flat_scenes(tmp_path / "mine", OWN_TEN)
        data = self.kind(scenes=str(tmp_path / "mine"))
        assert data.group_names == OWN_TEN
        data.setup()
        assert data.verify()["groups"] == list(OWN_TEN)
        again = self.kind(**self.kind.arguments(data.parameters))
        assert again.cache_folder == data.cache_folder

    def test_scenes_by_name(self, data, places):
        write_scenes(places / "scenes", OWN_TEN)
        names = [*OWN_TEN[::-1][:5], *SCENES[:5]]
        other = self.kind(scene_names=names)
        other.setup()
        assert other.group_names == tuple(names)
        assert other.cache_folder != data.cache_folder
        assert not torch.equal(other.train.images, data.train.images)
        again = self.kind(**self.kind.arguments(other.parameters))
        assert again.cache_folder == other.cache_folder

    def test_new_photographs_are_another_set(self, data, places):
        write_picture(places / "scenes" / "val" / "cockpit" / "more.jpg", (5,))
        other = self.kind()
        assert other.cache_folder != data.cache_folder
        other.setup()
        assert other.fingerprint != data.fingerprint

    def test_textures_need_no_photographs(self, places):
        (places / "scenes").rename(places / "aside")
        data = self.kind(scenes="textures")
        assert data.group_names == textures.NAMES
        data.setup()
        assert int(data.train.cells(10, 10)[OTHER].sum()) == 30
        assert "MiniPlaces" not in data.licence
        bars, rows = (textures.NAMES.index(name) for name in ("bars", "rows"))
        edge = data.train.images[..., 0]  # of the left column, beside the garment
        assert (edge[data.train.groups == bars] == edge[data.train.groups == bars][..., :1]).all()
        assert not (edge[data.train.groups == rows] == edge[data.train.groups == rows][..., :1]).all()

    def test_missing_garments_are_one_line(self, places):
        (places / "FashionMNIST").rename(places / "aside")
        with pytest.raises(DatasetNotFoundError) as caught:
            self.kind().prepare_data()
        assert all(word in str(caught.value) for word in ("FashionMNIST", "FDD_DATA", "root", "download"))

    def test_scenes_are_not_fetched(self, places):
        (places / "scenes").rename(places / "aside")
        assert "scenes/{train,val}" in str(self.kind(download=True).missing)

    def test_a_truncated_photograph_leaves_nothing_behind(self, places):
        path = places / "scenes" / "val" / "runway" / "00000001.jpg"
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(FileFormatError, match=path.name) as caught:
            self.kind().prepare_data()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert list(paths.cache_root().iterdir()) == []

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"composite": "glue"}, "alpha, mask"),
            ({"scene_names": ["a", "b"]}, "10 different scenes"),
            ({"scene_names": ["a"] * 10}, "10 different scenes"),
            ({"scene_names": list(OWN_TEN), "scenes": "textures"}, "leave out scene_names"),
        ],
    )
    def test_senseless_choices_are_one_line(self, arguments, said):
        with pytest.raises(ConfigError, match=said) as caught:
            self.kind(**arguments)
        assert "\n" not in str(caught.value)

    def test_composites_differ(self, data):
        other = self.kind(composite="mask")
        other.setup()
        assert other.cache_folder != data.cache_folder
        assert not torch.equal(other.train.images, data.train.images)
        assert torch.equal(other.train.groups, data.train.groups)


@needs_fashion
@pytest.mark.parametrize(
    ("ratio", "conflicting", "cells"), [(0.01, 600, (6, 7)), (0.02, 1200, (13, 14)), (0.05, 3000, (33, 34))]
)
def test_counts_on_real_fashion_mnist(ratio, conflicting, cells):
    photographs = any(Path(str(ROOT), name).is_dir() for name in ("scenes", "miniplaces"))
    data = BGFMNIST(conflict_ratio=ratio, root=ROOT, scenes=None if photographs else "textures")
    splits = data.build()  # the images themselves are made when they are written
    train, test = (count_cells(splits[name].targets, splits[name].groups, 10, 10) for name in ("train", "test"))
    assert train.sum(1).tolist() == train.sum(0).tolist() == [6000] * 10
    assert train.diag().tolist() == [6000 - conflicting // 10] * 10
    assert int(train[OTHER].sum()) == conflicting
    assert (int(train[OTHER].min()), int(train[OTHER].max())) == cells
    assert test.tolist() == [[100] * 10] * 10


@needs_fashion
@pytest.mark.skipif(not ROOT or not Path(ROOT, "scenes").is_dir(), reason="set FDD_DATA to a root with scenes")
def test_the_unbiased_twin_and_the_colors_of_real_scenes(tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    data = BGFMNIST(conflict_ratio=None, root=ROOT)
    data.setup()
    assert data.manifest["cells"] == {"train": [[600] * 10] * 10, "test": [[100] * 10] * 10}
    corner = data.train.images[:, :, :2].double().mean((2, 3))  # above the garment: the scene alone
    red, green, blue = torch.stack([corner[data.train.groups == g].mean(0) for g in range(10)]).unbind(1)  # (10, 3)
    assert int((green - (red + blue) / 2).argmax()) == SCENES.index("bamboo_forest")  # nothing else is as green
