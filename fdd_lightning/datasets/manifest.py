"""The manifest that every build leaves beside its arrays: what was built, how, and what came out."""

import hashlib
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from torch import Tensor


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

    Example:
        >>> sorted(Manifest.__optional_keys__)
        ['left_out']
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


def conflict_ratio(cells: Tensor, aligned: Tensor | None) -> float | None:
    """Return the share of images outside the aligned cells; None where nothing is aligned by construction."""
    if aligned is None:
        return None
    return int(cells[~aligned].sum()) / int(cells.sum())


def digest(files: Mapping[str, str]) -> str:
    """Sum up the files' hashes in one: SHA-256 of the lines ``HASH  NAME``, by name."""
    text = "".join(f"{value}  {name}\n" for name, value in sorted(files.items()))
    return hashlib.sha256(text.encode()).hexdigest()
