"""Photographs of scenes as backgrounds: found in one of three layouts, checked, and resized once.

Layouts, told apart by what lies in the folder:

- class folders per split, ``{train,val}/<scene>/*.jpg``;
- MiniPlaces as its makers lay it out (CSAILVision/miniplaces): ``train.txt`` and ``val.txt`` with lines ``path id``,
  ``categories.txt`` with lines ``/<initial>/<scene>[/<sub>] id``, and the images at these paths below ``images/``; all
  of it directly in the folder, or in ``data/``;
- class folders without splits, ``<scene>/*.jpg``: one image in ten of every scene is set aside for the test.

A scene ``track/outdoor`` of MiniPlaces is called ``track_outdoor`` here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from fdd_lightning.datasets.assignment import first_that_fit
from fdd_lightning.datasets.copies import equal_files
from fdd_lightning.datasets.image_files import image_files, is_hidden, listing, read_images, resized
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.utils import rng
from fdd_lightning.utils.plain_text import on_disk, plain

FOLDERS = ("scenes", "miniplaces")
"""Where scenes are looked for below the data root, in this order."""

LISTS = ("train.txt", "val.txt", "categories.txt")
TEST_SHARE = 10
"""One image in so many of a scene is for the test, where the folder has no splits (as in BAM)."""

LICENCE = (
    "MiniPlaces (B. Zhou, A. Khosla and others, 2015; part of Places2: photographs of the web without a stated "
    "licence, for research)"
)


def scenes_folder(root: Path) -> Path:
    """Return the folder of scenes below a data root.

    Raises:
        DatasetNotFoundError: There is none; the line says what to put where. (No address to fetch them from lasts.)
    """
    for name in FOLDERS:
        if (root / name).is_dir():
            return root / name
    raise DatasetNotFoundError(
        f"no scenes in root={str(root)!r}: put photographs at scenes/{{train,val}}/<scene>/*.jpg there, or MiniPlaces "
        f"(images/, {', '.join(LISTS)}) at miniplaces/; or set FDD_DATA or `root` to the folder that holds them, or "
        "`scenes` to a folder of scenes, or to `textures` for drawn backgrounds"
    )


def scene_names(folder: Path) -> tuple[str, ...]:
    """Return the names of all scenes of a folder, sorted; hidden folders are left out.

    Raises:
        DatasetNotFoundError: The folder does not exist, or lacks a part of its layout.
        FileFormatError: A list of MiniPlaces is not as it should be.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(
            f"folder of scenes {str(folder)!r} does not exist: put photographs at {{train,val}}/<scene>/*.jpg there, "
            "or point `scenes` to another folder"
        )
    if (lists := _miniplaces(folder)) is not None:
        return tuple(sorted(_categories(lists).values()))
    return tuple(sorted(_class_folders(folder / "train" if _has_splits(folder) else folder)))


def some_names(folder: Path, wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return the wanted names, or those of the folder if it has none of the former but as many scenes.

    So that any folder of ten scenes serves as it is. A folder that is not there is left for :func:`find_scenes` to
    tell: names can be asked for before there are any data.
    """
    try:
        present = scene_names(folder)
    except FDDError:
        return wanted
    return present if len(present) == len(wanted) and not set(present) & set(wanted) else wanted


def find_scenes(
    folder: Path, names: Sequence[str], seed: int, others: Counter[str] | None = None
) -> dict[str, list[list[Path]]]:
    """Find the files of the named scenes, in any of the layouts; images are not decoded.

    The seed draws which images are for the test where the folder has no splits; equal files are drawn together. What is
    left out is counted in ``others``, by ending.

    Returns:
        For ``train`` and ``test`` the files of each scene, in the order of the names.

    Raises:
        DatasetNotFoundError: The folder, a scene, or an image that a list names is missing, or a scene has no images.
        FileFormatError: A list of MiniPlaces is not as it should be.
    """
    present, names = scene_names(folder), [plain(name) for name in names]
    for name in names:
        if name not in present:
            some = ", ".join(present[:12]) + (", ..." if len(present) > 12 else "")
            raise DatasetNotFoundError(
                f"no scene {name!r} in {str(folder)!r}, which has {some or 'no folder of a scene'}: put it there, or "
                "choose others by `scene_names`"
            )
    if (lists := _miniplaces(folder)) is not None:
        train, test = (_listed(lists, split, names) for split in ("train", "val"))
    elif _has_splits(folder):
        train, test = (
            [image_files(_class_folder(folder / s, name), others) for name in names] for s in ("train", "val")
        )
    else:
        train, test = _cut([image_files(_class_folder(folder, name), others) for name in names], names, seed)
    return {"train": train, "test": test}


def scenes_state(folder: Path, names: Sequence[str], seed: int) -> str:
    """Hash which files :func:`find_scenes` finds: their names and contents."""
    found = find_scenes(folder, names, seed)
    return listing(folder, [path for part in found.values() for files in part for path in files])


def read_scenes(scenes: Sequence[Sequence[Path]], size: int) -> list[Tensor]:
    """Read every image once; its whole (of one that is not square, the centre) is made ``size`` x ``size``.

    Whole rather than a random part: at this size a scene is known by its layout, not by detail.

    Returns:
        Per scene, uint8, (n, 3, size, size).

    Raises:
        FileFormatError: An image is cut short or no image; the line names it.
    """
    return [torch.cat(list(read_images(files, resized(size)))) for files in scenes]


def _has_splits(folder: Path) -> bool:
    """Whether the folder has ``train/`` and ``val/``; with one of them only it is incomplete."""
    there = [(folder / split).is_dir() for split in ("train", "val")]
    if any(there) and not all(there):
        lacking = "val" if there[0] else "train"
        raise DatasetNotFoundError(
            f"folder of scenes {str(folder)!r} has no {lacking}/: put {lacking}/<scene>/*.jpg beside "
            f"{'train' if there[0] else 'val'}/"
        )
    return all(there)


def _class_folders(folder: Path) -> list[str]:
    return [plain(path.name) for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name)]


def _class_folder(folder: Path, name: str) -> Path:
    named = on_disk(folder / name)
    if not named.is_dir():
        raise DatasetNotFoundError(f"no scene {name!r} in {str(folder)!r}: put its photographs at {name}/*.jpg there")
    return named


def _cut(
    scenes: Sequence[Sequence[Path]], names: Sequence[str], seed: int
) -> tuple[list[list[Path]], list[list[Path]]]:
    """Split the images of each scene into those for training and those for the test; copies stay on one side."""
    orders, start = [], 0
    for name, photographs in zip(names, scenes, strict=True):
        if len(photographs) < 2:
            raise DatasetNotFoundError(
                f"scene {str(photographs[0].parent)!r} has one image, but training and test need one each: add more"
            )
        order = torch.randperm(len(photographs), generator=rng.generator(seed, "scenes", "test", name))
        orders.append(start + order)
        start += len(photographs)
    sizes = torch.tensor([len(photographs) for photographs in scenes])
    quota = torch.tensor([max(1, round(len(photographs) / TEST_SHARE)) for photographs in scenes])
    strata = torch.arange(len(scenes)).repeat_interleave(sizes)
    files = [path for photographs in scenes for path in photographs]
    test = set(first_that_fit(torch.cat(orders), strata, quota, equal_files(files)).tolist())
    cut: tuple[list[list[Path]], list[list[Path]]] = [[] for _ in scenes], [[] for _ in scenes]
    for place, (scene, path) in enumerate(zip(strata.tolist(), files, strict=True)):
        cut[place in test][scene].append(path)
    for name, tested in zip(names, cut[1], strict=True):
        if not tested:
            raise DatasetNotFoundError(
                f"scene {name!r} has no image for the test that is not in training too (equal files): add others"
            )
    return cut


# MiniPlaces.


def _miniplaces(folder: Path) -> Path | None:
    """Return the folder of MiniPlaces' lists; None if the folder has another layout."""
    for lists in (folder, folder / "data"):
        if any((lists / name).is_file() for name in LISTS):
            for name in LISTS:
                if not (lists / name).is_file():
                    raise DatasetNotFoundError(
                        f"MiniPlaces in {str(lists)!r} has no {name}: put it beside the other lists (github "
                        "CSAILVision/miniplaces, data/)"
                    )
            return lists
    return None


def _lines(path: Path) -> list[tuple[str, int]]:
    """Read a list of lines ``path id``."""
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 2 or not words[1].isascii() or not words[1].isdecimal():
            raise FileFormatError(f"{path}, line {number}: {line[:60]!r} is not `path id`: restore the official list")
        entries.append((words[0], int(words[1])))
    return entries


def _categories(lists: Path) -> dict[int, str]:
    """Read which id is which scene."""
    entries = _lines(lists / "categories.txt")
    names = {number: "_".join(path.strip("/").split("/")[1:]) for path, number in entries}
    if len(names) != len(entries) or len(set(names.values())) != len(entries) or "" in names.values():
        raise FileFormatError(
            f"{lists / 'categories.txt'}: every line has to be `/<initial>/<scene> id`, scenes and ids each only once: "
            "restore the official list"
        )
    return names


def _listed(lists: Path, split: str, names: Sequence[str]) -> list[list[Path]]:
    """Return the files that one list gives to each scene, in the list's order."""
    path, scenes = lists / f"{split}.txt", _categories(lists)
    images = lists / "images"
    if not images.is_dir() and (lists / split).is_dir():
        images = lists  # the layout as its README shows it
    chosen: dict[str, list[Path]] = {name: [] for name in names}
    for entry, number in _lines(path):
        scene = scenes.get(number)
        folders = entry.split("/")[:-1]
        if scene is None:
            raise FileFormatError(f"{path}: {entry!r} has id {number}, which categories.txt does not have")
        # Training images stand in their scene's folder, which has to be that of their id.
        if folders[:1] != [split] or ".." in folders or (split == "train" and "_".join(folders[2:]) != scene):
            raise FileFormatError(f"{path}: {entry!r} is not where an image of id {number} ({scene}) should be")
        if scene in chosen:
            chosen[scene].append(images / entry)
    for name, files in chosen.items():
        if not files:
            raise DatasetNotFoundError(f"{path} lists no image of {name!r}: choose another scene by `scene_names`")
        for file in files:
            if not file.is_file():
                raise DatasetNotFoundError(
                    f"image {str(file)!r} of {path} is missing: unpack the images of MiniPlaces into {images}"
                )
    return list(chosen.values())
