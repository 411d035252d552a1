"""``fdd data``: list, prepare, verify, show."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from fdd_lightning.command_line import LineParser
from fdd_lightning.errors import ConfigError, FDDError, in_one_line, say
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.files import atomic_path

if TYPE_CHECKING:
    from argparse import Namespace

    from fdd_lightning.datamodules import BaseDataModule
    from fdd_lightning.datasets.cache import Manifest

OVERVIEW = """\
fdd data: the data sets, from their source files to what networks see

  fdd data list [NAME ...]      what there is: classes, groups, bias, and whether it is built
  fdd data prepare NAME ...     build into the cache (FDD_CACHE), once
  fdd data verify NAME ...      check what was built against its manifest, to the last byte
  fdd data show NAME ...        a picture: classes by groups, with the number of images of each cell

NAME is one of configs/data, the path of a YAML file with a section `data`, or a class path. Arguments of the data set
follow, spelt as in the other commands: fdd data prepare cmnist --data.conflict_ratio 0.01
`fdd data prepare NAME --help` lists those of one data set.
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
    asked = _ask(LineParser(prog=f"fdd data {action}", usage="fdd data list [NAME ...]", add_help=False), args)
    if asked is None:
        return 0
    from fdd_lightning.command_line.data_list import print_table
    from fdd_lightning.configuration import menu

    names, options, _ = asked
    print_table(names or menu.names("data"), options)
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
    parser = LineParser(prog=f"fdd data {action}", usage=USAGE.format(action, flags), add_help=False)
    parser.add_argument("--split", choices=("train", "val", "test"), default="train", help="which images (train)")
    parser.add_argument("--per_cell", type=int, metavar="N", help="images shown of each cell; as many as fit")
    parser.add_argument("--output", type=Path, metavar="FILE.png", help="the picture (NAME_SPLIT.png here)")
    asked = _ask(parser, args)
    if asked is None:
        return 0
    names, options, how = asked
    require({"--per_cell": how.per_cell}, least=1, of=f"fdd data {action}:")
    if how.output is not None and len(names) > 1:
        raise ConfigError(f"fdd data {action}: one --output cannot take the pictures of {len(names)} data sets")
    return _in_turn(names, options, lambda data: _shown(data, how.split, how.output, how.per_cell))


def _shown(data: BaseDataModule, split: str, path: Path | None, per_cell: int | None) -> None:
    """Draw a split of one data set: classes by groups, with the number of images of each cell."""
    from fdd_lightning.datasets.cache import conflict_ratio
    from fdd_lightning.pictures.mosaic import mosaic

    data.setup()
    found = _bias_found(data)
    path = path or Path(f"{data.name}_{split}.png")
    if path.suffix.lower() != ".png":
        raise ConfigError(f"--output {path}: the picture is a PNG: name it {path.with_suffix('.png')}")
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
    try:
        with atomic_path(path) as temporary:
            picture.save(temporary, format="png")
    except OSError as error:
        raise FDDError(
            f"the picture {path} cannot be written ({error.strerror or error}): choose another --output"
        ) from None
    print(path)
    for note in found:
        sys.stderr.write(f"{data.name}, training images: {note}\n")


USAGE = "fdd data {} NAME ... {}[--data.ARGUMENT VALUE ...]"


def _ask(parser: LineParser, args: Sequence[str]) -> tuple[list[str], list[str], Namespace] | None:
    """Sort what was typed into names, arguments of the data set (as ``--data.key=value``) and options of the command.

    Returns None where help was asked for and given.
    """
    names = list(takewhile(lambda arg: not arg.startswith("-"), args))
    rest = list(args[len(names) :])
    if set(rest) & {"-h", "--help"}:
        _help(parser, names)
        return None
    how, left = parser.parse_known_args(rest)
    if not names and not parser.prog.endswith("list"):
        parser.error("name at least one data set, before the options (`fdd data list` shows what there is)")
    options: list[str] = []
    for i, arg in enumerate(left):
        key, equals, value = arg.partition("=")
        if not arg.startswith("--"):
            if i == 0 or not left[i - 1].startswith("--") or "=" in left[i - 1]:
                parser.error(f"{arg!r} belongs to nothing: names of data sets come first, then options")
            continue
        if not equals:
            following = left[i + 1] if i + 1 < len(left) else "--"
            value = "true" if following.startswith("--") else following
        options.append(f"--data.{key.removeprefix('--').removeprefix('data.')}={value}")
    return names, options, how


def _help(parser: LineParser, names: Sequence[str]) -> None:
    """Print the options of an action, and the arguments of the data sets that were named."""
    print(parser.format_help() if not names else parser.format_usage(), end="")
    for name in names:
        from fdd_lightning.command_line.data_by_name import find

        print(f"\n{find(name).parser().format_help()}", end="")
    if not names:
        print("\nWith the name of a data set --help lists its arguments.")


def _each(work: Callable[[BaseDataModule], None], action: str, args: list[str]) -> int:
    """Do an action that has no options of its own."""
    asked = _ask(LineParser(prog=f"fdd data {action}", usage=USAGE.format(action, ""), add_help=False), args)
    return 0 if asked is None else _in_turn(*asked[:2], work)


ACTIONS: dict[str, Callable[[str, list[str]], int]] = {
    "list": _list,
    "prepare": partial(_each, _prepared),
    "verify": partial(_each, _verified),
    "show": _show,
}


def _in_turn(names: Sequence[str], options: Sequence[str], work: Callable[[BaseDataModule], None]) -> int:
    """Do the work for each data set; with several, one that fails does not keep the others from their turn."""
    from fdd_lightning.command_line.data_by_name import find

    modules = [find(name).data(options) for name in names]  # all are checked before the first begins
    failed = 0
    for module in modules:
        try:
            work(module)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("nothing half-built is left; the same command again starts anew") from None
        except (FDDError, OSError) as error:
            line = in_one_line(error)
            if len(modules) == 1 or line is None or os.environ.get("FDD_DEBUG"):
                raise
            say(f"error: {line}")
            failed += 1
    return 2 if failed else 0


def _images(manifest: Manifest) -> str:
    """Count the images of a built data set, for people."""
    counts = (f"{sum(map(sum, cells)):,} {split}" for split, cells in manifest["cells"].items())
    return f"{' + '.join(counts)} images"
