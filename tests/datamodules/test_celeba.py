from __future__ import annotations

from pathlib import Path

import pytest

from fdd_lightning.datamodules import CelebA
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.fakes_natural import celeba_rows, cut_short, write_celeba, write_picture


class TestCelebA(DataModuleContract):
    kind = CelebA
    twin = False
    ways_out = ("FDD_DATA", "root", "img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt")

    def write_source(self, root: Path) -> None:
        write_celeba(root)

    def test_counts(self, data):
        cells = [[0, 0], [0, 0]]
        for _, values, split in celeba_rows():
            if split == 0:
                cells[values[1] == 1][values[2] == 1] += 1
        assert data.train.cells(2, 2).tolist() == cells
        assert len(set(data.test.cells(2, 2).flatten().tolist())) == 1

    def test_names(self):
        data = CelebA(group=["Male", "Wearing_Necktie"])
        assert data.class_names == ("not attractive", "attractive")
        assert data.group_names == (
            "not male, not wearing necktie",
            "not male, wearing necktie",
            "male, not wearing necktie",
            "male, wearing necktie",
        )
        assert CelebA(group=["Male"]).parameters == CelebA().parameters
        assert CelebA(**CelebA.arguments(data.parameters)).parameters == data.parameters

    def test_several_attributes_and_the_twin(self):
        data = CelebA(target="Young", group=["Male", "Wearing_Necktie"], balanced=True, cut_test=False)
        data.setup()
        assert len(set(data.train.cells(2, 4).flatten().tolist())) == 1
        assert len(data.test) == 50

    def test_other_tables_are_another_set(self, places):
        before = CelebA().cache_folder
        path = places / "celeba" / "list_eval_partition.txt"
        path.write_text(path.read_text().replace("000003.jpg 0", "000003.jpg 1"))
        assert CelebA().cache_folder != before

    def test_images_are_not_needed_once_it_is_built(self, data, places):
        write_picture(places / "celeba" / "img_align_celeba" / "another.jpg")
        assert CelebA().missing is None

    def test_an_unknown_attribute_is_one_line_and_nothing_is_left(self):
        with pytest.raises(ConfigError, match=r"'Neckties'.*Wearing_Necktie"):
            CelebA(group=["Male", "Neckties"]).prepare_data()
        assert list(paths.cache_root().iterdir()) == []

    def test_a_truncated_image_is_named_and_nothing_is_left(self, places):
        cut_short(places / "celeba" / "img_align_celeba" / "000007.jpg")
        with pytest.raises(FileFormatError, match=r"000007\.jpg"):
            CelebA().prepare_data()
        assert list(paths.cache_root().iterdir()) == []

    @pytest.mark.parametrize("arguments", [{"target": "Male"}, {"group": []}, {"group": ["Young", "Young"]}])
    def test_what_cannot_mean_anything_is_one_line(self, arguments):
        with pytest.raises(ConfigError, match="different attributes"):
            CelebA(**arguments)
