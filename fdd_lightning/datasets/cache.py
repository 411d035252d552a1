"""Built data sets on disk: one folder each, written whole or not at all, read memory-mapped.

A folder holds ``{train,test}_{images,targets,groups}.npy`` and ``manifest.json``: what was built, how, and what came
out.
"""

# Annotations are not postponed here: TypedDict would not see which key is NotRequired.
import hashlib
import io
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import numpy as np
import torch
from torch import Tensor

from fdd_lightning.datasets.image_set import Split, count_cells
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.utils.files import IN_CACHE, read_json, sha256_file, write_json, writing
from fdd_lightning.utils.locks import locked
from fdd_lightning.utils.progress import track
from fdd_lightning.utils.typed_json import misfits

MANIFEST = "manifest.json"
SPLITS = ("train", "test")
PARTS = {"images": (torch.uint8, 4), "targets": (torch.int64, 1), "groups": (torch.int64, 1)}
"""Type and number of axes of each array."""
SPOTS = 16
"""Images of a file that are compared whenever it is opened."""


class Manifest(TypedDict):
    """Contents of ``manifest.json``.

    Attributes:
        dataset: Row name of the data set.
        parameters: What, with the name, determines the bytes.
        seed: Seed of the construction, also among the parameters.
        classes: Class names.
        groups: Names of the protected attribute's values.
        cells: Per split a matrix of counts, class by group.
        conflict_ratio: True share of training images outside the aligned cells; null where none is aligned by
            construction.
        sha256: Of the text that ``sha256sum *.npy`` prints: one figure for the whole result.
        files: SHA-256 of each file.
        left_out: Source images that were not used, by reason; only where there are any.
        spots: SHA-256 of a few images of each file of images, which are compared whenever the set is opened; not in
            sets that older releases built.

    Example:
        >>> sorted(Manifest.__optional_keys__)
        ['left_out', 'spots']
    """

    dataset: str
    parameters: dict[str, Any]
    seed: int
    classes: list[str]
    groups: list[str]
    cells: dict[str, list[list[int]]]
    conflict_ratio: float | None
    sha256: str
    files: dict[str, str]
    left_out: NotRequired[dict[str, int]]
    spots: NotRequired[dict[str, str]]


def conflict_ratio(cells: Tensor, aligned: Tensor | None) -> float | None:
    """Return the share of images outside the aligned cells; None where nothing is aligned by construction."""
    if aligned is None:
        return None
    return int(cells[~aligned].sum()) / int(cells.sum())


def digest(files: Mapping[str, str]) -> str:
    """Sum up the files' hashes in one: SHA-256 of the lines ``HASH  NAME``, by name."""
    text = "".join(f"{value}  {name}\n" for name, value in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def write(
    folder: Path,
    splits: Mapping[str, Split],
    *,
    dataset: str,
    parameters: Mapping[str, Any],
    class_names: Sequence[str],
    group_names: Sequence[str],
    image_shape: tuple[int, int, int],
    aligned: Tensor | None,
) -> None:
    """Write a built data set; nothing is left behind if that fails, and a folder already there is left as it is.

    Of several processes that build at once one works, and the others wait for it. ``splits`` are ``train`` and
    ``test``, of which images given in chunks are never held in memory together; the rest are facts of the data module.

    Raises:
        ConfigError: A split does not fit what was announced.
        WriteError: The folder cannot be written (full disk, no permission).
    """
    sizes = len(class_names), len(group_names)
    temporary = folder.with_name(f".{folder.name}.part")
    with writing(folder, IN_CACHE):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f".{folder.name}.lock")), ExitStack() as stack:
            if folder.is_dir():
                return  # built by another process meanwhile
            shutil.rmtree(temporary, ignore_errors=True)  # of a process that was killed: nobody else holds the lock
            temporary.mkdir()
            stack.callback(shutil.rmtree, temporary, ignore_errors=True)
            files: dict[str, str] = {}
            spots: dict[str, str] = {}
            cells: dict[str, Tensor] = {}
            left_out: Counter[str] = Counter()
            for name, split in splits.items():
                where = f"{dataset} ({name})"
                _check_labels(where, split, *sizes)
                cells[name] = count_cells(split.targets, split.groups, *sizes)
                left_out.update(split.left_out)
                images = [split.images] if isinstance(split.images, Tensor) else split.images
                parts: dict[str, tuple[Iterable[Tensor], torch.dtype, tuple[int, ...]]] = {
                    "images": (track(images, len(split.targets), where), torch.uint8, image_shape),
                    "targets": ([split.targets], torch.int64, ()),
                    "groups": ([split.groups], torch.int64, ()),
                }
                for part, (chunks, dtype, shape) in parts.items():
                    file = f"{name}_{part}.npy"
                    written = _write_array(temporary / file, chunks, dtype, (len(split.targets), *shape), where)
                    files[file] = written[0]
                    if part == "images":
                        spots[file] = written[1]
            manifest: Manifest = {
                "dataset": dataset,
                "parameters": dict(parameters),
                "seed": int(parameters.get("seed", 0)),
                "classes": list(class_names),
                "groups": list(group_names),
                "cells": {split: counts.tolist() for split, counts in cells.items()},
                "conflict_ratio": conflict_ratio(cells["train"], aligned),
                "sha256": digest(files),
                "files": dict(sorted(files.items())),
                "spots": spots,
            }
            told = {reason: count for reason, count in left_out.items() if count}
            if told:
                manifest["left_out"] = told
            write_json(temporary / MANIFEST, manifest)
            temporary.rename(folder)


def read(folder: Path, dataset: str, parameters: Mapping[str, Any]) -> tuple[Manifest, dict[str, Split]]:
    """Read the manifest and the splits of a built data set; images are memory-mapped, so only what is used is read.

    Images that are written to change in memory only. Labels and groups are compared with the manifest to the last byte,
    of the images a few; :func:`verify` compares all.

    Raises:
        FileFormatError: It is damaged, or has another row name or other parameters than these.
    """
    manifest = read_manifest(folder)
    if (manifest["dataset"], manifest["parameters"]) != (dataset, dict(parameters)):
        raise _damaged(folder, f"it holds {manifest['dataset']} built with {manifest['parameters']}")
    if digest(manifest["files"]) != manifest["sha256"]:
        raise _damaged(folder, "the hashes in the manifest contradict each other")
    splits = {}
    for name, counts in manifest["cells"].items():
        images, targets, groups = (_read_array(folder / f"{name}_{part}.npy", part, manifest) for part in PARTS)
        if not len(images) == len(targets) == len(groups) == sum(map(sum, counts)):
            raise _damaged(folder, f"{name}: the arrays do not have as many images as the manifest says")
        splits[name] = split = Split(images, targets, groups)
        sizes = len(manifest["classes"]), len(manifest["groups"])
        try:
            _check_labels(name, split, *sizes)
        except ConfigError as error:
            raise _damaged(folder, str(error)) from None
        if count_cells(targets, groups, *sizes).tolist() != counts:
            raise _damaged(folder, f"{name}: cell counts differ from the manifest")
    return manifest, splits


def verify(folder: Path, dataset: str, parameters: Mapping[str, Any]) -> Manifest:
    """Check a built data set against its manifest to the last byte of all its files.

    Raises:
        FileFormatError: Something differs; the line says what.
    """
    manifest, _ = read(folder, dataset, parameters)
    for name, value in manifest["files"].items():
        if not (folder / name).is_file() or sha256_file(folder / name) != value:
            raise _damaged(folder, f"{name}: it is not the file that was built")
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a built data set.

    Raises:
        FileFormatError: There is none, or it lacks a key.
    """
    if not (folder / MANIFEST).is_file():
        raise _damaged(folder, f"{MANIFEST} is missing")
    manifest = read_json(folder / MANIFEST)
    for name, problem in misfits(manifest, Manifest, MANIFEST):
        raise _damaged(folder, f"{name} is {problem}")
    shape = [len(manifest["groups"])] * len(manifest["classes"])
    for split in SPLITS:
        if [len(line) for line in manifest["cells"].get(split, [])] != shape:
            raise _damaged(folder, f"{MANIFEST} has no cells of {split} by classes and groups")
    return cast(Manifest, manifest)


def _damaged(folder: Path, reason: str) -> FileFormatError:
    return FileFormatError(
        f"cached data set {str(folder)!r} cannot be used ({reason}): delete the folder to build it again"
    )


def _check_labels(where: str, split: Split, num_classes: int, num_groups: int) -> None:
    if not 0 < len(split.targets) == len(split.groups):
        raise ConfigError(
            f"{where} has {len(split.targets)} targets and {len(split.groups)} groups: one of each per image"
        )
    for kind, values, size in (("target", split.targets, num_classes), ("group", split.groups, num_groups)):
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= size:
            raise ConfigError(
                f"{where} has a {kind} {low if low < 0 else high}, outside 0..{size - 1}: correct the labels"
            )


def _write_array(
    path: Path, chunks: Iterable[Tensor], dtype: torch.dtype, shape: tuple[int, ...], where: str
) -> tuple[str, str]:
    """Write an .npy file piece by piece; return its SHA-256, and that of its :func:`_spots`.

    A plain stream, not a memory map: on a full disk a map ends the process, a stream raises.
    """
    header = io.BytesIO()
    kind = torch.empty(0, dtype=dtype).numpy().dtype
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    )
    sha, of_spots, written = hashlib.sha256(header.getvalue()), hashlib.sha256(), 0
    spots = _spots(shape[0])
    with path.open("wb") as stream:
        stream.write(header.getvalue())
        for chunk in chunks:
            if chunk.dtype != dtype or chunk.shape[1:] != shape[1:]:
                raise ConfigError(
                    f"{where} has {chunk.dtype} of shape {tuple(chunk.shape)}, not {dtype} of (n, *{shape[1:]})"
                )
            data = chunk.contiguous().numpy().data
            stream.write(data)
            sha.update(data)
            for spot in spots:
                if written <= spot < written + len(chunk):
                    of_spots.update(chunk[spot - written].contiguous().numpy().data)
            written += len(chunk)
    if written != shape[0]:
        raise ConfigError(f"{where} has {written} images for {shape[0]} targets: one of each per image")
    return sha.hexdigest(), of_spots.hexdigest()


def _spots(size: int) -> list[int]:
    """Return places spread over a file of so many images, the first and the last among them."""
    return sorted({i * (size - 1) // (SPOTS - 1) for i in range(SPOTS)}) if size else []


def _read_array(path: Path, part: str, manifest: Manifest) -> Tensor:
    """Read a file: labels and groups whole, compared with the manifest; images as they are used, compared in spots."""
    try:
        if part != "images" and sha256_file(path) != manifest["files"].get(path.name):
            raise ValueError("it is not the file that was built")
        # A map takes no memory before the file was found to be as long as its header says. Copy-on-write: torch wants
        # writable memory, and pages that nobody writes to stay shared with the file.
        mapped = np.load(path, mmap_mode="c")
        array = torch.from_numpy(mapped if part == "images" else np.array(mapped))
        known = manifest.get("spots", {}).get(path.name)
        if known is not None:
            found = hashlib.sha256()
            for spot in _spots(len(array)):
                found.update(array[spot].contiguous().numpy().data)
            if found.hexdigest() != known:
                raise ValueError("it is not the file that was built")
    except FileNotFoundError:
        raise _damaged(path.parent, f"{path.name}: it is missing") from None
    except Exception as error:  # numpy reads the header by any means
        raise _damaged(path.parent, f"{path.name}: {' '.join(str(error).split())[:200]}") from None
    if (array.dtype, array.ndim) != PARTS[part]:
        raise _damaged(path.parent, f"{path.name}: {array.dtype} of shape {tuple(array.shape)}")
    return array
