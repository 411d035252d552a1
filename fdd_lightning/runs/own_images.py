"""A recipe for a user's own images: what a folder or a table of them leads to where nothing else is said."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from PIL import Image

from fdd_lightning.configuration.choices import class_path
from fdd_lightning.datamodules import Folder
from fdd_lightning.datasets.folder_files import Columns
from fdd_lightning.datasets.label_table import read_table
from fdd_lightning.errors import ConfigError, FDDError, say
from fdd_lightning.metrics import BY_CROWD
from fdd_lightning.runs.recipe import is_table, read_recipe
from fdd_lightning.utils.files import atomic_path, fingerprint
from fdd_lightning.utils.outputs import require_output

SIZES = (16, 32)
"""Sizes of images without a GPU, where 64 pixels take seven times as long as 32; with one there are more."""
LARGE = (*SIZES, 64, 96, 128)
LOOKED_AT = 100
"""Images whose size is looked up."""

TEMPLATE = """\
# {title}
# Written by `fdd run {source}`. Edit it and give the same command again, or `fdd run {file}`.
# Larger `size`, `width`, `iterations` and more `ipcs` show more and take longer (--dry-run says how long).
name: {name}
data: {data}
methods:
  - {{name: random, weightings: {corrections}}}             # images drawn by the same weights: is distilling worth it?
  - {{name: dm_recommended, weightings: {weightings}, iterations: {iterations}}}   # vanilla: without correction
  - full                       # all training images: what they come to before any distilling
ipcs: {ipcs}                    # images per class
distill_seeds: {seeds}       # so many sets of each, for the noise
distill: {{surrogate.network.width: {width}}}
eval: {evaluation}
"""


WRITTEN = "(written; edit it to change anything)"
STAMP = "# as written: "
"""Begins the last line of a recipe that was written here."""


def own_arguments(text: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the folder's data module: those given, and where its images and its table are.

    A folder's only table counts if it has the column of images.

    Raises:
        ConfigError: It is the folder of a run.
    """
    path = Path(text)
    if is_table(text):
        return {"path": str(path.parent), "table": path.name, **given}
    if (path / "results.json").is_file() or (path / "recipe.yaml").is_file():
        raise ConfigError(f"{text!r} is the folder of a run: name its recipe ({path / 'recipe.yaml'}), or your images'")
    column = str(given.get("image", Columns().image))
    tables = [file.name for file in sorted(path.iterdir()) if is_table(file.name) and _has(file, column)]
    return {"path": str(path), **({"table": tables[0]} if len(tables) == 1 else {}), **given}


def sizes_of(images: Folder, *, gpu: bool) -> dict[str, Any]:
    """Return what is sized by the counts of the images, by their pixels, and by the kind of device.

    Nothing is measured by the clock: the same images give the same sizes.
    """
    fewest = min(count for count in images.class_counts() if count)
    files = images.index.splits["train"].files
    own = median(min(_size(file)) for file in files[:: max(1, len(files) // LOOKED_AT)])
    fitting = [size for size in (LARGE if gpu else SIZES) if size <= own] or [SIZES[0]]
    return {
        "size": fitting[-1],
        "ipc": min(10, fewest),
        "iterations": 1000 if gpu else 150,
        "width": 128 if gpu else 32,
        "sets": 3,  # two leave intervals too wide for a verdict
        "networks": 5 if gpu else 3,
    }


def own_recipe(
    source: str, images: Folder, arguments: Mapping[str, Any], file: Path, *, gpu: bool | None = None
) -> str:
    """Return the recipe of one's own images as the text of a file.

    Args:
        source: What was typed.
        images: The images' data module, which reads the folder once.
        arguments: Its arguments.
        file: Where the recipe will be.
        gpu: Whether there is a GPU; None looks.

    Raises:
        FDDError: The images cannot be used; the line says why.
    """
    sizes = sizes_of(images, gpu=torch.cuda.is_available() if gpu is None else gpu)
    own = {key: value for key, value in arguments.items() if key != "name"}
    data: dict[str, Any] = {"name": images.entry, "size": sizes["size"], **own}
    data |= {"init_args": {"name": arguments["name"]}} if "name" in arguments else {}
    grouped = images.num_groups > 1
    corrections = ["fairdd", "vote"] if grouped else ["vote"]
    evaluation: dict[str, Any] = {
        "count": sizes["networks"],
        "preset": "quick",
        "networks": [{"name": "convnet", "width": sizes["width"]}],
    }
    if not grouped:  # what can be known of the bias without groups
        evaluation["metrics"] = [class_path(metric) for metric in BY_CROWD]
    count = sum(images.class_counts())
    kinds = f"{len(images.group_names)} groups" if grouped else "no groups"
    text = TEMPLATE.format(
        title=_flow(f"{images.name}: {count:,} training images, {images.num_classes} classes, {kinds}.")[1:-1],
        source=_flow(str(Path(source)))[1:-1],
        file=_flow(str(file))[1:-1],
        name=_flow(_run_name(images.name)),
        data=_flow(data),
        corrections=_flow(corrections),
        weightings=_flow(["vanilla", *corrections]),
        iterations=sizes["iterations"],
        ipcs=_flow([sizes["ipc"]]),
        seeds=_flow(list(range(sizes["sets"]))),
        width=sizes["width"],
        evaluation=_flow(evaluation),
    )
    return _stamped(text)


def write_own_recipe(text: str, given: Mapping[str, Any], output: str | None) -> tuple[Path, str]:
    """Write the recipe of a folder or table of images, unless there is one that was edited.

    Args:
        text: The folder or table, as it was typed.
        given: Arguments of the data module that were typed.
        output: The run's folder; ``runs/NAME`` if None.

    Returns:
        The recipe's file, and a line that says what became of it.

    Raises:
        FDDError: The images cannot be used, or there is another recipe in spite of arguments given.
    """
    arguments = own_arguments(text, given)
    images = Folder(**arguments)
    root = Path("runs") / _run_name(images.name) if output is None else Path(output)
    require_output("--output", root if output is None else output, images.own_paths)
    if "table" not in given and not is_table(text):
        _refuse_outside(images)
    file = root / "recipe.yaml"
    for note in images.index.notes:
        say(note)
    recipe = own_recipe(text, images, arguments, file)
    if not file.is_file():
        with atomic_path(file) as temporary:
            temporary.write_text(recipe, encoding="utf-8")
        return file, f"recipe: {file} {WRITTEN}"
    there = file.read_text(encoding="utf-8")
    if there == recipe:
        return file, f"recipe: {file}"
    if there != _stamped(there.rpartition(STAMP)[0]):  # somebody edited it
        says = read_recipe(file).data[0].leaves
        asked = {**arguments, "table": arguments.get("table")}
        other = next((key for key, value in asked.items() if says.get(key) != value), None)
        if other is not None:
            raise ConfigError(
                f"{file} was edited and says {other}: {says.get(other)!r}, where {asked[other]!r} is asked for: edit "
                "it again, remove it for a new one, or name another --output"
            )
        return file, f"recipe: {file} (as it was edited; remove it for a new one)"
    with atomic_path(file) as temporary:
        temporary.write_text(recipe, encoding="utf-8")
    return file, f"recipe: {file} (written anew)"


def _has(file: Path, column: str) -> bool:
    """Tell whether a file is a table with a column of this name."""
    try:
        return column in read_table(file, [column]).names
    except FDDError:
        return False


def _refuse_outside(images: Folder) -> None:
    """Refuse a table that the user did not name and that reads images from elsewhere."""
    inside = os.path.realpath(images.source()) + os.sep
    files = (file for part in images.index.splits.values() for file in part.files) if images.table else ()
    if stray := next((f for f in files if not os.path.realpath(f).startswith(inside)), None):
        raise ConfigError(
            f"{images.table} names an image outside the folder ({str(stray)!r}): name the table yourself if that is "
            f"meant (fdd run {Path(images.path or '', images.table or '')})"
        )


def _stamped(text: str) -> str:
    """Return a recipe's text with a last line by which one that was edited is told from one that was not."""
    return f"{text}{STAMP}{fingerprint(text)[:8]}\n"


def _run_name(name: str) -> str:
    """Return a name for the run's folder."""
    return name.strip().lstrip(".") or "own"


def _size(file: Path) -> tuple[int, int]:
    """Return width and height of an image; (0, 0) where it cannot be read, which is told when it is."""
    try:
        with Image.open(file) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return (0, 0)


def _flow(value: Mapping[str, Any] | Sequence[Any] | str) -> str:
    """Return a value as YAML on one line: as JSON, so that no text is taken for a number, or for another line."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(mark if mark.isprintable() else f"\\U{ord(mark):08x}" for mark in text)
