from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import BFFHQ
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.fakes_natural import DFA_CELLS, cut_short, write_dfa, write_picture


class TestBFFHQ(DataModuleContract):
    kind = BFFHQ
    twin = False
    ways_out = ("FDD_DATA", "root", "bffhq.zip", "0.5pct/align", "test")

    def write_source(self, root: Path) -> None:
        write_dfa(root / "bffhq")

    def test_counts(self, data):
        assert data.train.cells(2, 2).tolist() == [list(row) for row in DFA_CELLS]
        assert data.test.cells(2, 2).tolist() == [[5, 5], [5, 5]]
        assert data.conflict_ratio == 0.005
        assert data.manifest["conflict_ratio"] == 7 / 62
        assert "left_out" not in data.manifest

    def test_names_of_aligned_cells(self):
        data = BFFHQ()
        assert data.aligned is not None
        pairs = [(data.class_names[c], data.group_names[g]) for c, g in data.aligned.nonzero().tolist()]
        assert pairs == [("young", "female"), ("old", "male")]

    def test_balanced(self, data):
        twin = BFFHQ(balanced=True)
        twin.setup()
        assert twin.train.cells(2, 2).tolist() == [[3, 3], [3, 3]]
        assert twin.aligned is None
        assert twin.conflict_ratio is None
        assert twin.manifest["conflict_ratio"] is None
        assert twin.manifest["left_out"] == {"training images beyond the smallest cell": 50}
        assert torch.equal(twin.test.images, data.test.images)

    def test_conflicting_test_images_only(self):
        data = BFFHQ(conflict_test=True)
        data.setup()
        assert data.test.cells(2, 2).tolist() == [[0, 5], [5, 0]]
        assert data.manifest["left_out"] == {"aligned test images": 10}

    def refused(self, kind: type[FDDError], words: str) -> None:
        with pytest.raises(kind, match=words) as caught:
            BFFHQ().prepare_data()
        assert "\n" not in str(caught.value)
        assert list(paths.cache_root().iterdir()) == []

    def test_bad_input_is_one_line_and_nothing_is_left(self, places):
        folder = places / "bffhq" / "0.5pct"
        strange = write_picture(folder / "align" / "0" / "9_0_2.png")
        self.refused(FileFormatError, r"9_0_2\.png.* group 2, outside")
        strange.rename(strange.with_name("nine.png"))
        self.refused(FileFormatError, r"nine\.png.*_CLASS_GROUP")
        strange.with_name("nine.png").unlink()
        torn = cut_short(next((folder / "conflict" / "1").iterdir()))
        self.refused(FileFormatError, torn.name)
        torn.unlink()
        for path in (folder / "conflict" / "1").iterdir():
            path.unlink()
        self.refused(DatasetNotFoundError, r"conflict/1' holds no image")

    def test_an_empty_class_is_one_line(self, places):
        for path in (places / "bffhq" / "test").glob("*_1_?.png"):
            path.unlink()
        self.refused(FileFormatError, "test of .*bffhq' holds no image of the class 'old'")
