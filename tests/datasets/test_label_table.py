"""Tables as people write them."""

import sys
from pathlib import Path

import pytest

from fdd_lightning.datasets.label_table import read_table
from fdd_lightning.errors import ConfigError, DatasetNotFoundError, DependencyNotFoundError, FDDError, FileFormatError

WANTED = ["image", "target", "group"]


@pytest.fixture
def read(tmp_path):
    def call(text: str | bytes, name: str = "t.csv"):
        file = tmp_path / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(file, WANTED)

    return call


@pytest.mark.parametrize(
    "text",
    [
        "image,target\na.png,1\nb.png,01\n",
        "image,target\r\na.png,1\r\nb.png,01",
        "image;target\na.png;1\nb.png;01\n",
        "image\ttarget\na.png\t1\nb.png\t01\n",
        "image, target\na.png, 1\nb.png, 01 \n",
        "\ufeffimage,target\na.png,1\nb.png,01\n",
        '"image","target"\n"a.png","1"\n"b.png","01"\n',
        ",image,target,size\n0,a.png,1,5\n1,b.png,01,5\n",
    ],
    ids=["plain", "windows", "semicolons", "tabs", "spaces", "excel", "quotes", "pandas"],
)
def test_every_habit_gives_the_same_cells(read, text):
    table = read(text)
    assert table.cells("image", "image") == ["a.png", "b.png"]
    assert table.cells("target", "target") == ["1", "01"]
    assert set(table.columns) == {"image", "target"}
    assert table.row(1).endswith("t.csv, row 3")


def test_rows_are_numbered_as_in_a_spreadsheet(read):
    table = read('image,target\n\na.png,"cat, grey"\n,\nb.png,dog\n')
    assert table.cells("target", "target") == ["cat, grey", "dog"]
    assert table.numbers == [3, 5]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "t.csv is empty"),
        ("\n\n", "t.csv is empty"),
        ("image,target\n", "t.csv has no rows"),
        ("image,target\n\n,\n", "t.csv has no rows"),
        ("image,target\na.png,1\nb.png\n", "row 3 has 1 cells, its head 2"),
        ("image,target\na.png,1,2\n", "row 2 has 3 cells, its head 2"),
        ('image,target\n"a.png,1\nb.png,2\n', "cannot be read as CSV"),
        ("image,target,image\na,1,2\n", "two columns 'image'"),
        (b"image,target\n\xff\xfe\x00,1\n", "no text in UTF-8"),
        ("image,target\n".encode("utf-16"), "no text in UTF-8"),
    ],
)
def test_what_is_no_table(read, text, told):
    with pytest.raises(FileFormatError, match=told) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path):
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        read_table(tmp_path / "t.csv", WANTED)
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(FileFormatError, match="save it as CSV"):
        read_table(tmp_path / "t.xlsx", WANTED)


@pytest.mark.parametrize(("cell", "told"), [("", "empty"), (" ", "empty"), ("nan", "NaN"), ("NaN", "NaN")])
def test_cells_must_not_be_empty(read, cell, told):
    table = read(f"image,target\na.png,NA\nb.png,{cell}\n")
    assert table.cells("image", "image") == ["a.png", "b.png"]
    with pytest.raises(FileFormatError, match=rf"t\.csv, row 3: column 'target' is {told}"):
        table.cells("target", "target")


@pytest.mark.parametrize(
    ("head", "told"), [("Target", "did you mean 'Target'?"), ("taget", "'taget'?"), ("x", "(image, x)")]
)
def test_a_missing_column_names_what_is_near(read, head, told):
    with pytest.raises(ConfigError) as caught:
        read(f"image,{head}\na.png,1\n").cells("target", "target")
    assert told in str(caught.value)
    assert "`target`" in str(caught.value)


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = {"image": ["a", "b", "c"], "target": [1.0, 2.0, None], "group": [True, False, True], "pixels": [b"1"] * 3}
    parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet", WANTED)
    assert table.names == ("image", "target", "group", "pixels")
    assert table.columns == {"image": ["a", "b", "c"], "target": ["1", "2", ""], "group": ["True", "False", "True"]}
    with pytest.raises(FileFormatError, match="row 3: column 'target' is empty"):
        table.cells("target", "target")
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(FileFormatError, match="cannot be read as Parquet"):
        read_table(tmp_path / "t.parquet", WANTED)
    parquet.write_table(pyarrow.table({"image": pyarrow.array([], pyarrow.string())}), tmp_path / "t.parquet")
    with pytest.raises(FileFormatError, match="no rows"):
        read_table(tmp_path / "t.parquet", WANTED)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    Path(tmp_path / "t.parquet").write_bytes(b"PAR1")
    with pytest.raises(DependencyNotFoundError, match=r"fdd-lightning\[parquet\]") as caught:
        read_table(tmp_path / "t.parquet", WANTED)
    assert isinstance(caught.value, FDDError)
