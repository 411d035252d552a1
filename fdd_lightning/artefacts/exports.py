"""Labelled images in the layouts that others load: a folder of PNGs, or one Parquet file (Hugging Face ``datasets``).

Both hold 8 bits per channel: pixels are rounded to the nearest of 256 levels, those outside of 0..1 are cut.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from fdd_lightning.errors import ConfigError, DependencyNotFoundError
from fdd_lightning.utils.files import atomic_path, new_folder
from fdd_lightning.utils.plain_text import plain

SPLIT = "train"
"""The one split that a set is."""
TABLE = "metadata.jsonl"
"""What says which image is of which class, by number and name; the name that ``datasets`` looks for."""
LONGEST = 80
"""Letters of the name of a class's folder."""
MODES = {1: "L", 3: "RGB"}
"""What Pillow calls images of so many channels."""


def require_image_channels(channels: int) -> None:
    """Refuse images that no plain image file holds.

    Raises:
        ConfigError: They have neither one channel nor three.
    """
    if channels not in MODES:
        raise ConfigError(f"images of {channels} channels are no PNGs (1 or 3): share synthetic.safetensors itself")


def in_bytes(images: Tensor) -> tuple[Tensor, int]:
    """Return images on a 0..1 scale in 256 levels (uint8), and how many of their values were outside and are cut.

    A value that rounding alone brings inside does not count.

    Example:
        >>> in_bytes(torch.tensor([-0.2, 0.5, 1.001]))
        (tensor([  0, 128, 255], dtype=torch.uint8), 1)
    """
    levels = (images.detach().cpu().float() * 255).round()
    return levels.clamp(0, 255).to(torch.uint8), int(((levels < 0) | (levels > 255)).sum())


def folder_names(class_names: Sequence[str]) -> list[str]:
    """Return a folder's name for each class: its own where that may be one and sorting keeps the order of the labels.

    Many loaders number classes in the order of their sorted names. Where that would be another one, or a name is no
    name of a folder everywhere, the number stands in front.

    Example:
        >>> folder_names(["cat", "dog"]), folder_names(["dog", "cat"]), folder_names(["a/b", "CON"])
        (['cat', 'dog'], ['0_dog', '1_cat'], ['0_a_b', '1_CON'])
    """
    own = [re.sub(r"[^\w .+-]", "_", plain(name))[:LONGEST].strip(" .") for name in class_names]
    taken = {"aux", "con", "nul", "prn", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
    folded = [name.casefold() for name in own]
    fit = own == list(class_names) and all(own) and not taken & {name.partition(".")[0] for name in folded}
    if fit and own == sorted(own) and len(set(folded)) == len(own):
        return own
    width = len(str(max(len(own) - 1, 0)))
    return [f"{number:0{width}d}_{name}" if name else f"{number:0{width}d}" for number, name in enumerate(own)]


def features(class_names: Sequence[str]) -> dict[str, Any]:
    """Return the columns as ``datasets`` describes them in a Parquet file."""
    return {"image": {"_type": "Image"}, "label": {"names": list(class_names), "_type": "ClassLabel"}}


def write_folder(folder: str | Path, levels: Tensor, labels: Tensor, class_names: Sequence[str]) -> Path:
    """Write ``train/CLASS/NUMBER.png`` and ``train/metadata.jsonl``, whole or not at all.

    Args:
        folder: A folder that is not there yet, or is empty; returned.
        levels: Images (N, C, H, W), uint8.
        labels: Their classes (N,).
        class_names: Names of the classes.

    Raises:
        ConfigError: The folder holds something, or no PNG holds such images.
    """
    require_image_channels(levels.shape[1])
    names, width = folder_names(class_names), len(str(max(len(levels) - 1, 0)))
    with new_folder(folder) as temporary:
        rows = []
        for number, (image, label) in enumerate(zip(pictures(levels), labels.tolist(), strict=True)):
            file = Path(names[label], f"{number:0{width}d}.png")
            (temporary / SPLIT / file).parent.mkdir(parents=True, exist_ok=True)
            image.save(temporary / SPLIT / file)
            rows.append({"file_name": file.as_posix(), "label": label, "class": class_names[label]})
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (temporary / SPLIT / TABLE).write_text(lines, encoding="utf-8")
    return Path(folder)


def write_parquet(path: str | Path, levels: Tensor, labels: Tensor, class_names: Sequence[str]) -> Path:
    """Write one Parquet file with the columns ``image`` (PNG) and ``label``, which ``datasets`` decodes by itself.

    Args:
        path: The file, which is returned.
        levels: Images (N, C, H, W), uint8.
        labels: Their classes (N,).
        class_names: Names of the classes.

    Raises:
        ConfigError: No PNG holds such images.
        DependencyNotFoundError: pyarrow is not installed.
    """
    require_image_channels(levels.shape[1])
    try:
        arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise DependencyNotFoundError(
            "Parquet needs pyarrow: pip install 'fdd-lightning[parquet]', or take the folder of PNGs"
        ) from None
    image = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    told = {"huggingface": json.dumps({"info": {"features": features(class_names)}})}
    schema = arrow.schema([("image", image), ("label", arrow.int64())], metadata=told)
    encoded = [{"bytes": _png(each), "path": None} for each in pictures(levels)]
    table = arrow.table({"image": arrow.array(encoded, image), "label": labels.tolist()}, schema=schema)
    with atomic_path(path) as temporary:
        parquet.write_table(table, temporary)
    return Path(path)


def pictures(levels: Tensor) -> Iterator[Image.Image]:
    """Yield each of some images (N, C, H, W), uint8, as Pillow has it."""
    for image in levels.permute(0, 2, 3, 1).contiguous().numpy():
        yield Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)


def _png(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
