from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fdd_lightning.datasets.dfa_folders import dfa_parts, dfa_paths, labelled, padded, require_dfa
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from tests.fakes_natural import DFA_CELLS, write_dfa


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dfa(tmp_path / "set")


def test_shares_are_named_in_percent():
    for ratio, name in ((0.005, "0.5pct"), (0.01, "1pct"), (0.02, "2pct"), (0.05, "5pct")):
        assert dfa_parts(Path(), ratio)[0].parent.name == name


@pytest.mark.parametrize("test_classes", [False, True])
def test_files_and_labels(tmp_path, test_classes):
    folder = write_dfa(tmp_path / "set", share="2pct", test_classes=test_classes)
    train, test = dfa_paths(folder, 0.02)
    assert (len(train), len(test)) == (62, 20)
    assert [path.parent.parent.name for path in train] == ["align"] * 55 + ["conflict"] * 7
    files = labelled("toy", train, 2, 2)
    cells = [[0, 0], [0, 0]]
    for path, target, group in zip(files.files, files.targets.tolist(), files.groups.tolist(), strict=True):
        assert path.name.endswith(f"_{target}_{group}.png")
        assert path.parent.name == str(target)
        cells[target][group] += 1
    assert cells == [list(row) for row in DFA_CELLS]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("7_0.png", r"7_0\.png' does not end in _CLASS_GROUP\.png"),
        ("a_b_c.png", "does not end"),
        ("7_1_2.png", r"7_1_2\.png' says class 1 and group 2, outside 0\.\.1 and 0\.\.1"),
        ("7_2_1.png", "says class 2 and group 1"),
    ],
)
def test_names_that_do_not_say_labels_are_one_line(name, words):
    with pytest.raises(FileFormatError, match=words) as caught:
        labelled("toy", [Path("1_0_1.png"), Path(name)], 2, 2)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(folder):
    require_dfa("toy", folder, 0.005, "unpack it")
    with pytest.raises(DatasetNotFoundError, match=r"lacks 1pct/align, 1pct/conflict \(it has 0\.5pct\): unpack it"):
        require_dfa("toy", folder, 0.01, "unpack it")
    with pytest.raises(DatasetNotFoundError, match=r"lacks 1pct/align, 1pct/conflict, test: unpack it"):
        require_dfa("toy", folder / "elsewhere", 0.01, "unpack it")


@pytest.mark.parametrize("empty", ["0.5pct/conflict/7", "0.5pct/align/7", "test/7"])
def test_an_empty_class_folder_is_named(folder, empty):
    (folder / empty).mkdir()
    with pytest.raises(DatasetNotFoundError, match=rf"{empty}.*holds no image"):
        dfa_paths(folder, 0.005)


@pytest.mark.parametrize(("width", "height"), [(28, 28), (32, 32), (5, 8), (40, 40), (64, 32)])
def test_small_images_are_padded_and_others_resized(width, height):
    picture = Image.new("RGB", (width, height), (200, 100, 50))
    result = padded(32)(picture)
    assert result.size == (32, 32)
    left, top = max((32 - width) // 2, 0), max((32 - height) // 2, 0)
    for x in range(32):
        for y in range(32):
            inside = left <= x < left + width and top <= y < top + height
            assert result.getpixel((x, y)) == ((200, 100, 50) if inside else (0, 0, 0))
