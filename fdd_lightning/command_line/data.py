"""``fdd data``: list, prepare, verify, show, clean."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fdd_lightning.command_line import LineParser
from fdd_lightning.command_line.data_arguments import ask, in_turn
from fdd_lightning.command_line.data_clean import clean
from fdd_lightning.errors import ConfigError, FDDError
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.files import atomic_path
from fdd_lightning.utils.next_step import say_next
from fdd_lightning.utils.outputs import require_output

if TYPE_CHECKING:
    from fdd_lightning.datamodules import BaseDataModule
    from fdd_lightning.datasets.cache import Manifest

OVERVIEW = """\
fdd data: the data sets, from their source files to what networks see

  fdd data list [NAME ...]      what there is: classes, groups, bias, and whether it is built
  fdd data prepare NAME ...     build into the cache (FDD_CACHE), once
  fdd data verify NAME ...      check what was built against its manifest, to the last byte
  fdd data show NAME ...        a picture: classes by groups, with the number of images of each cell
  fdd data clean [NAME ...]     remove what was built from the cache; it asks first

NAME is one of configs/data, the path of a YAML file with a section `data`, or a class path. Arguments of the data set
follow, spelt as in the other commands: fdd data prepare cmnist --data.conflict_ratio 0.01
`fdd data prepare NAME --help` lists those of one data set.

example:
  fdd data list
  fdd data show colored_digits
"""


def data(args: list[str]) -> int:
    """Run one of the actions, by the arguments after ``fdd data``.

    Returns:
        The exit code: 0, or 2 where one of several data sets failed (its line has then been said).
    """
    if not args or args[0] in ("-h", "--help", "help"):
        print(OVERVIEW, end="")
        return 0
    if args[0] not in ACTIONS:
        raise ConfigError(f"fdd data: unknown action {args[0]!r}: choose one of {', '.join(ACTIONS)}")
    return ACTIONS[args[0]](args[0], args[1:])


def _list(action: str, args: list[str]) -> int:
    usage, example = "fdd data list [NAME ...]", "fdd data list cmnist cmnist_fg"
    asked = ask(LineParser(prog=f"fdd data {action}", usage=usage, add_help=False, example=example), args)
    if asked is None:
        return 0
    from fdd_lightning.command_line.data_list import print_table
    from fdd_lightning.configuration import menu

    names, options, _ = asked
    print_table(names or menu.names("data"), options)
    say_next("fdd data show colored_digits")
    return 0


def _prepared(data: BaseDataModule) -> None:
    """Build one data set and sum it up."""
    known = data.cache_folder.is_dir()
    start = time.perf_counter()
    data.setup()
    seconds = time.perf_counter() - start
    manifest = data.manifest
    train = [count for row in manifest["cells"]["train"] for count in row]
    ratio, left_out = manifest["conflict_ratio"], sum(manifest.get("left_out", {}).values())
    summary = [
        "was built before" if known else f"built in {seconds:.1f} s",
        _images(manifest),
        f"training cells of {min(train):,} to {max(train):,}",
        *([] if ratio is None else [f"{100 * ratio:.2f}% bias-conflicting"]),
        *_bias_found(data),
        *([f"{left_out:,} source images left out"] if left_out else []),
    ]
    print(f"{data.name}: {', '.join(summary)}\n  {data.cache_folder}")


def _bias_found(data: BaseDataModule) -> list[str]:
    """Say how class and group go together in the training split, where no construction says it."""
    from fdd_lightning.datasets.label_table import shortened

    if data.num_groups < 2 or data.aligned is not None:
        return []
    if data.alignment is None:
        return [f"{data.association}: no bias to speak of"]
    pairs = [f"{data.class_names[c]}: {data.group_names[g]}" for c, g in data.alignment.nonzero().tolist()]
    return [f"{data.association}: aligned is each class's majority ({shortened(pairs, 3, mark='; ')})"]


def _verified(data: BaseDataModule) -> None:
    """Check one data set."""
    if data.missing is not None:
        raise FDDError(data.missing)
    folder = data.cache_folder
    if not folder.is_dir():
        raise FDDError(f"{data.name} is not built (no {folder}): build it with `fdd data prepare {data.entry}`")
    manifest = data.verify()
    print(f"{data.name}: {_images(manifest)}; counts, cells and SHA-256 are those of the manifest\n  {folder}")


def _show(action: str, args: list[str]) -> int:
    flags = "[--split train|val|test] [--per_cell N] [--output FILE.png] "
    usage, example = USAGE.format(action, flags), "fdd data show cmnist --data.conflict_ratio 0.01"
    parser = LineParser(prog=f"fdd data {action}", usage=usage, add_help=False, example=example)
    parser.add_argument("--split", choices=("train", "val", "test"), default="train", help="which images (train)")
    parser.add_argument("--per_cell", type=int, metavar="N", help="images shown of each cell; as many as fit")
    parser.add_argument("--output", metavar="FILE.png", help="the picture (NAME_SPLIT.png here)")
    asked = ask(parser, args)
    if asked is None:
        return 0
    names, options, how = asked
    require({"--per_cell": how.per_cell}, least=1, of=f"fdd data {action}:")
    if how.output is not None and len(names) > 1:
        raise ConfigError(f"fdd data {action}: one --output cannot take the pictures of {len(names)} data sets")
    code = in_turn(names, options, lambda data: _shown(data, how.split, how.output, how.per_cell))
    say_next(shlex.join(["fdd", "audit", *names, *options]) if code == 0 else "")
    return code


def _shown(data: BaseDataModule, split: str, output: str | None, per_cell: int | None) -> None:
    """Draw a split of one data set: classes by groups, with the number of images of each cell."""
    from fdd_lightning.datasets.cache import conflict_ratio
    from fdd_lightning.pictures.mosaic import mosaic

    path = Path(f"{data.name}_{split}.png" if output is None else output)
    require_output("--output", path if output is None else output, data.own_paths, file=True)
    if path.suffix.lower() != ".png":
        raise ConfigError(f"--output {path}: the picture is a PNG: name it {path.with_suffix('.png')}")
    data.setup()
    found = _bias_found(data)
    images = {"train": data.train, "val": data.val, "test": data.test}[split]
    if images is None:
        raise ConfigError(f"{data.name} has no validation images: set a share of them aside by --data.validation")
    ratio = conflict_ratio(images.cells(data.num_classes, data.num_groups), data.alignment)
    frames = [] if ratio is None else [f"{100 * ratio:.2f}% bias-conflicting; frames: bias-aligned cells"]
    picture = mosaic(
        images,
        data.class_names,
        data.group_names,
        title=f"{data.name}, {split}: {len(images):,} images",
        notes=[*frames, *found],
        aligned=data.alignment,
        per_cell=per_cell,
    )
    with atomic_path(path) as temporary:
        picture.save(temporary, format="png")
    print(path)
    for note in found:
        sys.stderr.write(f"{data.name}, training images: {note}\n")


USAGE = "fdd data {} NAME ... {}[--data.ARGUMENT VALUE ...]"


def _each(work: Callable[[BaseDataModule], None], action: str, args: list[str]) -> int:
    """Do an action that has no options of its own."""
    usage, example = USAGE.format(action, ""), f"fdd data {action} colored_digits"
    asked = ask(LineParser(prog=f"fdd data {action}", usage=usage, add_help=False, example=example), args)
    if asked is None:
        return 0
    names, options, _ = asked
    code = in_turn(names, options, work)
    say_next(shlex.join(["fdd", "data", "show", names[0], *options]) if code == 0 else "")
    return code


ACTIONS: dict[str, Callable[[str, list[str]], int]] = {
    "list": _list,
    "prepare": partial(_each, _prepared),
    "verify": partial(_each, _verified),
    "show": _show,
    "clean": clean,
}


def _images(manifest: Manifest) -> str:
    """Count the images of a built data set, for people."""
    counts = (f"{sum(map(sum, cells)):,} {split}" for split, cells in manifest["cells"].items())
    return f"{' + '.join(counts)} images"
