from pathlib import Path

import fdd_lightning.report.figures as package
from fdd_lightning.report.figures import PICTURES, draw_all
from tests.report.fake_rows import by_size, quickstart


def test_every_file_of_the_folder_is_a_picture(tmp_path):
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    assert len(PICTURES) == len(files) >= 2
    patterns = [pattern for picture in PICTURES for pattern in picture.FILES]
    assert len(set(patterns)) == len(patterns)
    for picture in PICTURES:
        assert picture.draw([], tmp_path) == []
        for path in picture.draw(by_size(), tmp_path):
            assert path.is_file()
            assert any(path.match(pattern) for pattern in picture.FILES)


def test_what_no_longer_applies_is_removed(tmp_path):
    (tmp_path / "mine.png").touch()
    first = draw_all(by_size(), tmp_path)
    assert {path.name for path in first} == {"accuracy_deo.png", "accuracy_ipc.png"}
    draw_all(quickstart(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.png", "accuracy_deo.png"}
    assert draw_all([], tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"mine.png"}
