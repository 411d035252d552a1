"""The table of `fdd data list`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from fdd_lightning.command_line.data_by_name import find
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets.cache import read_manifest
from fdd_lightning.errors import FDDError
from fdd_lightning.utils.paths import cache_root

WIDTH = 120
"""Columns of text where the table does not go to a terminal."""
UNKNOWN = "?"
"""Stands for what only the source files know."""


def print_table(names: Sequence[str], options: Sequence[str] = ()) -> None:
    """Print one line for each data set, built with options such as ``--data.key=value``, and why some cannot be had."""
    console = Console(markup=False)
    if not console.is_terminal:
        console.width = WIDTH
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("name", "what it is", "classes\nx groups", "image", "conflict\nratio", "state"):
        table.add_column(title, no_wrap=title != "what it is", overflow="fold")
    reasons: dict[str, list[str]] = {}
    for name in names:
        note = ""
        try:
            named = find(name)
            note = named.note
            data = named.data(options)
            state, missing = state_of(data)
            facts = _facts(data)
        except FDDError as error:  # one that cannot be had as it is still has its line
            missing, state, facts = str(error), "see below", (UNKNOWN,) * 3
        if missing is not None:
            reasons.setdefault(missing, []).append(name)
        table.add_row(name, note, *facts, state)
    console.print(table)
    for reason, which in reasons.items():
        line = f"{', '.join(which)}: {reason.removeprefix(f'{which[0]}: ')}"
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def state_of(data: BaseDataModule) -> tuple[str, str | None]:
    """Return whether a data set is built, in a word, and why it cannot be had.

    Folders of images are not listed for it, which takes seconds for large ones. So a set whose images have changed
    since it was built still counts as built here; it is built anew once it is used.
    """
    try:
        if data.reads_root:
            data.source()
        if _is_built(data):
            return "built", None
        data.check_source()
    except FDDError as error:
        return "missing", str(error)
    return "to build", None


def _is_built(data: BaseDataModule) -> bool:
    for folder in cache_root().glob(f"{data.entry}-*"):
        try:
            manifest = read_manifest(folder)
        except (FDDError, OSError):  # damaged: said where it is used
            continue
        if (manifest["dataset"], manifest["parameters"]) == (data.entry, data.parameters):
            return True
    return False


def _facts(data: BaseDataModule) -> tuple[str, str, str]:
    """Return cells, image shape and nominal conflict ratio, for people."""
    return (
        _known(lambda: f"{data.num_classes} x {data.num_groups}"),
        _known(lambda: "x".join(map(str, data.image_shape))),
        _known(lambda: "-" if data.conflict_ratio is None else f"{100 * data.conflict_ratio:g}%"),
    )


def _known(fact: Callable[[], str]) -> str:
    try:
        return fact()
    except (FDDError, OSError):  # facts that stand in files which are not there
        return UNKNOWN
