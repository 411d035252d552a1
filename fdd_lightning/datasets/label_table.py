"""Tables of labels, as people keep them beside their images: CSV by the standard library, Parquet by pyarrow.

Every cell is text, so that a label is what stands there: ``01`` stays ``01``, and ``NA`` may be a country. Names of
columns and cells are compared as they look (:func:`~fdd_lightning.utils.plain_text.plain`).
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TextIO

from fdd_lightning.errors import ConfigError, DatasetNotFoundError, DependencyNotFoundError, FileFormatError
from fdd_lightning.utils.plain_text import ABOUT_YAML, plain

PARQUET = frozenset({".parquet", ".pq"})
SPREADSHEETS = frozenset({".xls", ".xlsx", ".ods", ".numbers"})
DELIMITERS = ",;\t|"
YAML_WORDS = ("true", "false", "True", "False")
"""What a name is turned to that YAML takes for yes or no."""


@dataclass(frozen=True)
class LabelTable:
    """Some columns of a table.

    Attributes:
        file: Where it was read.
        names: Names of all its columns.
        columns: The cells of the columns that were asked for and are there.
        numbers: The number of each row, as a spreadsheet shows it (the head of a CSV is row 1).

    Example:
        >>> table = LabelTable(Path("t.csv"), ("image", "sex"), {"sex": ["f", "m"]}, [2, 3])
        >>> table.cells("sex", "group"), table.row(1)
        (['f', 'm'], 't.csv, row 3')
    """

    file: Path
    names: tuple[str, ...]
    columns: dict[str, list[str]]
    numbers: list[int]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numbers)

    def row(self, place: int) -> str:
        """Return what to call a row in a message."""
        return f"{self.file}, row {self.numbers[place]}"

    def cells(self, name: str, argument: str) -> list[str]:
        """Return a column, of which no cell may be empty; ``argument`` is what names it, for the error.

        Raises:
            ConfigError: There is no such column.
            FileFormatError: A cell is empty, or NaN.
        """
        if name not in self.columns:
            typed = f"; if you wrote another name, {ABOUT_YAML}" if name in YAML_WORDS or name.isdecimal() else ""
            raise ConfigError(
                f"{self.file} has no column {name!r}{did_you_mean(name, self.names)}: name one of its columns by "
                f"`{argument}` ({shortened(self.names)}){typed}"
            )
        for place, cell in enumerate(self.columns[name]):
            if not cell or cell.lower() == "nan":
                raise FileFormatError(
                    f"{self.row(place)}: column {name!r} is {'NaN' if cell else 'empty'}: fill it in, or take the row "
                    "out"
                )
        return self.columns[name]


def read_table(file: Path, wanted: Collection[str]) -> LabelTable:
    """Read columns of a table.

    Args:
        file: Parquet by its ending (.parquet, .pq), any other is CSV: UTF-8, names of columns first, parted by commas,
            semicolons, tabs or bars; empty lines and Excel's ``sep=;`` may stand before them.
        wanted: Names of the columns to keep, in plain form; those that are not there are left out.

    Raises:
        DatasetNotFoundError: There is no such file.
        DependencyNotFoundError: It is Parquet, and pyarrow is not installed.
        FileFormatError: It is no table, or has no rows.
    """
    if not file.is_file():
        raise DatasetNotFoundError(f"table {str(file)!r} does not exist: name a CSV or Parquet file")
    if file.suffix.lower() in SPREADSHEETS:
        raise FileFormatError(f"{file} is a spreadsheet: save it as CSV (UTF-8) and name that file")
    read = _read_parquet if file.suffix.lower() in PARQUET else _read_csv
    table = read(file, wanted)
    if not len(table):
        raise FileFormatError(f"{file} has no rows: write one for each image, below the names of the columns")
    return table


def did_you_mean(name: str, names: Collection[str]) -> str:
    """Return the likeliest of some names for one that is not among them, as part of a sentence; nothing if none is."""
    lower = {other.lower(): other for other in names}
    close = get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return f" (did you mean {lower[close[0]]!r}?)" if close else ""


def shortened(names: Collection[str], most: int = 8, mark: str = ", ") -> str:
    """Return names as a list for a message, the last ones left out where there are many."""
    shown = mark.join(list(names)[:most])
    return shown if len(names) <= most else f"{shown}{mark}... ({len(names)})"


def _read_csv(file: Path, wanted: Collection[str]) -> LabelTable:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            before, delimiter = _to_the_head(stream)
            lines = csv.reader(stream, delimiter=delimiter, skipinitialspace=True, strict=True)
            names = [plain(name) for name in next(lines, [])]
            if not any(names):
                raise FileFormatError(f"{file} is empty: write the names of the columns, then a row for each image")
            for name in {name for name in names if names.count(name) > 1} & set(wanted):
                raise FileFormatError(f"{file} has two columns {name!r}: rename one of them")
            kept = {name: names.index(name) for name in wanted if name in names}
            columns: dict[str, list[str]] = {name: [] for name in kept}
            numbers = []
            for number, line in enumerate(lines, before + 2):
                if not any(cell.strip() for cell in line):
                    continue
                if len(line) != len(names):
                    raise FileFormatError(
                        f"{file}, row {number} has {len(line)} cells, its head {len(names)}: correct the row (a cell "
                        f"with {delimiter!r} in it needs quotes)"
                    )
                for name, place in kept.items():
                    columns[name].append(plain(line[place]))
                numbers.append(number)
    except UnicodeDecodeError:
        raise FileFormatError(f"{file} is no text in UTF-8: save the table as CSV (UTF-8)") from None
    except csv.Error as error:
        number = before + lines.line_num
        raise FileFormatError(f"{file} cannot be read as CSV (line {number}: {error}): correct it") from None
    return LabelTable(file, tuple(name for name in names if name), columns, numbers)


def _to_the_head(stream: TextIO) -> tuple[int, str]:
    """Go to the line of the columns' names: return how many lines stand before it, and what parts its cells."""
    said, before = "", 0
    while True:
        here = stream.tell()
        line = stream.readline()
        bare = line.strip()
        if line and not said and not before and bare.lower().startswith("sep=") and len(bare) <= len("sep=") + 1:
            said = line.strip("\r\n")[len("sep=") :]
        elif not line or bare.strip(DELIMITERS):
            stream.seek(here)
            return before, said or max(DELIMITERS, key=line.count)
        before += 1


def _read_parquet(file: Path, wanted: Collection[str]) -> LabelTable:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise DependencyNotFoundError(
            f"{file} is Parquet, which needs pyarrow: pip install 'fdd-lightning[parquet]', or save the table as CSV"
        ) from None
    try:
        names = {plain(name): name for name in parquet.read_schema(file).names}
        kept = [name for name in wanted if name in names]
        content = parquet.read_table(file, columns=[names[name] for name in kept])
        columns = {name: [_text(value) for value in content.column(names[name]).to_pylist()] for name in kept}
        count = parquet.read_metadata(file).num_rows
    except (ValueError, OSError) as error:  # pyarrow's own errors are kinds of these
        raise FileFormatError(
            f"{file} cannot be read as Parquet ({' '.join(str(error).split())[:80]}): write it anew"
        ) from None
    return LabelTable(file, tuple(names), columns, list(range(1, count + 1)))


def _text(value: Any) -> str:
    """Return a value as it would stand in a CSV; nothing for null and NaN."""
    if value is None or value != value:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else plain(str(value))
