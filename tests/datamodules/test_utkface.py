from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from fdd_lightning.datamodules import UTKFace
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.utils import paths
from tests.datamodules.contract import DataModuleContract
from tests.fakes_natural import cut_short, write_picture, write_utkface

# Read at import: the tests of the contract set the variable to their own miniature.
ROOT = os.environ.get("FDD_DATA")


class TestUTKFace(DataModuleContract):
    kind = UTKFace
    twin = False
    ways_out = ("FDD_DATA", "root", "UTKFace.tar.gz", "UTKFace")

    def write_source(self, root: Path) -> None:
        write_utkface(root)

    def test_counts(self, data):
        assert data.test.cells(3, 4).tolist() == [[2] * 4] * 3
        assert data.train.cells(3, 4).tolist() == [[2, 4, 3, 6], [7, 5, 10, 4], [3, 9, 4, 7]]
        assert data.conflict_ratio is None
        assert data.manifest["left_out"] == {
            "file names without age_gender_race_date": 4,
            "faces of race 4 (others)": 6,
        }

    def test_names(self):
        assert UTKFace().class_names == ("under 20", "20 to 39", "40 and over")
        assert UTKFace().group_names == ("White", "Black", "Asian", "Indian")
        both = UTKFace(target="gender", group=["race", "age"], age_bins=[50])
        assert both.class_names == ("male", "female")
        assert both.group_names[:3] == ("White, under 50", "White, 50 and over", "Black, under 50")

    def test_one_group_may_be_a_list(self):
        assert UTKFace(group=["gender"]).parameters == UTKFace(group="gender").parameters
        several = UTKFace(group=["race", "gender"])
        assert UTKFace(**UTKFace.arguments(several.parameters)).parameters == several.parameters

    def test_balanced(self):
        data = UTKFace(balanced=True)
        data.setup()
        assert data.train.cells(3, 4).tolist() == [[2] * 4] * 3
        whole = UTKFace()
        whole.setup()
        assert torch.equal(data.test.images, whole.test.images)

    def test_other_files_are_another_set(self, data, places):
        before = data.cache_folder
        write_picture(places / "UTKFace" / "24_0_0_20990101.jpg")
        other = UTKFace()
        assert other.cache_folder != before
        other.setup()
        assert len(other.train) == len(data.train) + 1

    def test_a_truncated_image_is_named_and_nothing_is_left(self, places):
        torn = cut_short(sorted((places / "UTKFace").iterdir())[5])
        with pytest.raises(FileFormatError, match=torn.name):
            UTKFace().prepare_data()
        assert list(paths.cache_root().iterdir()) == []

    @pytest.mark.parametrize(
        "arguments",
        [
            {"target": "height"},
            {"target": "race"},
            {"group": []},
            {"group": ["race", "race"]},
            {"group": "shoe size"},
            {"age_bins": []},
            {"age_bins": [40, 20]},
            {"age_bins": [0, 20]},
        ],
    )
    def test_what_cannot_mean_anything_is_one_line(self, arguments):
        with pytest.raises(ConfigError, match=r"utkface: .*(age_bins|group)=") as caught:
            UTKFace(**arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    not ROOT or not Path(ROOT, "UTKFace").is_dir(), reason="set FDD_DATA to a data root with the folder UTKFace"
)
def test_real_faces_add_up(tmp_path, monkeypatch):
    # Any subset of the official faces: counted from the names, no image is read.
    assert ROOT is not None
    names = [path.name.split("_") for path in Path(ROOT, "UTKFace").iterdir() if path.name.count("_") == 3]
    cells = torch.zeros(3, 4, dtype=torch.int64)
    for age, _, race, _ in names:
        if race in "0123":
            cells[(int(age) >= 20) + (int(age) >= 40), int(race)] += 1
    data = UTKFace(root=ROOT)
    built = data.build()
    count = min(100, int(cells.min()) // 2)
    test, train = (torch.bincount(built[s].targets * 4 + built[s].groups).view(3, 4) for s in ("test", "train"))
    assert (test == count).all()
    assert torch.equal(train, cells - count)
    image = next(iter(built["test"].images))
    assert image.shape[1:] == (3, 64, 64)
