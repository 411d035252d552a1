"""The synthetic set: a few images per class with their labels and where they come from, in one safe file.

A file is a safetensors file with the tensors ``images`` (normalised, as the network sees them after decoding) and
``labels``, the stored parameters as ``parameters.NAME`` where they differ from the images, and one metadata entry
``fdd``, a JSON object. Anyone can read it with ``safetensors.torch.load_file`` and plain torch.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from fdd_lightning.artefacts.exports import in_bytes, write_folder, write_parquet
from fdd_lightning.artefacts.file_kind import COMMON, FileKind
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from fdd_lightning.utils.files import atomic_path
from fdd_lightning.utils.typed_json import misfits

if TYPE_CHECKING:
    from PIL import Image

PARAMETER_PREFIX = "parameters."
AGAIN = "distil it again, or fetch the file again"
JSON: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "allow_nan": False}
SYNTHETIC = FileKind(
    "synthetic set",
    "name a synthetic.safetensors written by fdd distill",
    AGAIN,
    tensors=("images", "labels"),
    absent=DatasetNotFoundError,
    json=JSON,
)
REQUIRED = ("class_names", "image_shape", "mean", "std")
"""Metadata without which the tensors cannot be read; the rest tells where the set comes from."""


class SyntheticSet:
    """Synthetic images with their labels and their history.

    Iterating and indexing give ``(image, label)`` with the image de-normalised, as :meth:`tensors` gives it.

    Args:
        images: Normalised images (N, C, H, W); kept as float32 on the CPU.
        labels: Class of each image (N,); kept as int64.
        metadata: JSON-able facts; at least ``class_names``, ``image_shape``, ``mean`` and ``std``. A file's have
            ``format``, ``dataset``, ``value_range``, ``method``, ``weighting``, ``ipc``, ``distill_seed``,
            ``settings``, ... as well.
        parameters: What is stored and decoded into ``images``, by name, or None where the images are the parameters.

    Raises:
        TypeError: The metadata cannot be written as JSON.
        ValueError: The metadata hold a number that is not finite.

    Example:
        >>> facts = {"class_names": ["cat", "dog"], "image_shape": [1, 2, 2], "mean": [0.5], "std": [0.5]}
        >>> pixels, labels = SyntheticSet(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), facts).tensors()
        >>> pixels.unique(), labels
        (tensor([0.5000]), tensor([0, 1]))
    """

    images: Tensor
    labels: Tensor
    metadata: dict[str, Any]
    parameters: dict[str, Tensor] | None

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        metadata: Mapping[str, Any],
        parameters: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.images = images.detach().to("cpu", torch.float32).contiguous()
        self.labels = labels.detach().to("cpu", torch.int64).contiguous()
        # Through JSON and back: an own copy that is equal to what a reader of the file will get.
        self.metadata = json.loads(json.dumps({"format": SYNTHETIC.format, **metadata}, **JSON))
        self.parameters = {k: v.detach().cpu().contiguous() for k, v in parameters.items()} if parameters else None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one de-normalised image (C, H, W) and its label."""
        return self._pixels(self.images[index]), int(self.labels[index])

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        """Yield de-normalised images (C, H, W) with their labels."""
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        known = {k: self.metadata[k] for k in ("dataset", "method", "weighting", "ipc") if k in self.metadata}
        facts = "".join(f", {k}={v!r}" for k, v in known.items())
        return f"{type(self).__name__}(images={tuple(self.images.shape)}{facts})"

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of their labels."""
        return list(self.metadata["class_names"])

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.metadata["class_names"])

    def tensors(self, normalised: bool = False, clamp: bool = False) -> tuple[Tensor, Tensor]:
        """Return all images and labels.

        Args:
            normalised: Give images as the network sees them; otherwise on the scale of the pixels (0 to 1 unless
                ``value_range`` says otherwise).
            clamp: Cut pixels to ``value_range``, for showing. Distilled images leave that range freely.

        Returns:
            Float32 images (N, C, H, W) and int64 labels (N,); changing them leaves the set as it is.
        """
        images = self._pixels(self.images) if clamp or not normalised else self.images.clone()
        if clamp:
            low, high = self.metadata.get("value_range", (0.0, 1.0))
            images = images.clamp(low, high)
        if clamp and normalised:
            mean, std = self._normalisation()
            images = (images - mean) / std
        return images, self.labels.clone()

    @property
    def digest(self) -> str:
        """The start of a SHA-256 of images and labels, which tells sets of one name from each other."""
        content = b"".join(each.numpy().tobytes() for each in (self.images, self.labels))
        return hashlib.sha256(content).hexdigest()[:8]

    @property
    def lr(self) -> float | None:
        """The step size that was learned with the images, for training on them (``parameters.lr``), or None.

        Raises:
            FileFormatError: It is not one positive number.
        """
        lr = (self.parameters or {}).get("lr")
        if lr is not None and (lr.numel() != 1 or not 0 < float(lr) < math.inf):
            raise FileFormatError(f"the step size learned with the synthetic set is {lr.tolist()}: {AGAIN}")
        return None if lr is None else float(lr)

    @property
    def soft_labels(self) -> Tensor | None:
        """A distribution over classes for each image (``parameters.soft_labels``, (N, num_classes)), or None.

        Raises:
            FileFormatError: They are no distributions.
        """
        labels, shape = (self.parameters or {}).get("soft_labels"), (len(self), self.num_classes)
        if labels is not None and (tuple(labels.shape) != shape or not distributions(labels)):
            raise FileFormatError(
                f"the soft labels of the synthetic set, of shape {tuple(labels.shape)}, are not one distribution over "
                f"{shape[1]} classes for each of {shape[0]} images: {AGAIN}"
            )
        return labels

    @property
    def learned(self) -> tuple[str, ...]:
        """What was learned besides the images, and is used in training on them: ``lr``, ``soft_labels``."""
        return tuple(name for name in ("lr", "soft_labels") if name in (self.parameters or {}))

    @classmethod
    def load(cls, path: str | Path, *, bare: bool = False) -> Self:
        """Read a set from a ``synthetic.safetensors`` and check it; nothing in the file is executed.

        Args:
            path: The file.
            bare: Take a file of another program too, which lacks metadata or has none at all: its images are then taken
                as they stand (mean 0, standard deviation 1), its classes called by their numbers.

        Raises:
            DatasetNotFoundError: There is no such file.
            FileFormatError: It is no safetensors file, cut short, of another kind or format version, or its content
                contradicts itself.
        """
        tensors, metadata = SYNTHETIC.read(path, unmarked=bare)
        images, labels = tensors.pop("images"), tensors.pop("labels")
        parameters = {k.removeprefix(PARAMETER_PREFIX): v for k, v in tensors.items() if k.startswith(PARAMETER_PREFIX)}
        if not images.is_floating_point() or labels.is_floating_point() or labels.is_complex():
            raise FileFormatError(
                f"{path}: images must be floats and labels integers, found {images.dtype} and {labels.dtype}: {AGAIN}"
            )
        unsaid = _as_they_stand(images, labels) if bare else {}
        loaded = cls(images, labels, {**unsaid, **metadata}, parameters or None)
        loaded.check(str(path))
        return loaded

    def save(self, path: str | Path) -> Path:
        """Write the file, and a picture of it (same name, ``.png``) beside it.

        Written whole or not at all; equal content gives equal bytes. The path is returned.

        Raises:
            FileFormatError: The set contradicts itself (see :meth:`check`).
        """
        self.check()
        path = Path(path)
        tensors = {"images": self.images, "labels": self.labels}
        tensors |= {PARAMETER_PREFIX + k: v.clone() for k, v in (self.parameters or {}).items()}
        with atomic_path(path.with_suffix(".png")) as temporary:
            self.grid().save(temporary)
        SYNTHETIC.write(path, tensors, self.metadata)  # after the picture: whoever sees the file may rely on both
        return path

    def in_bytes(self) -> tuple[Tensor, int]:
        """Return images in 256 levels (uint8), as image files hold them, and how many of their values are cut for it.

        Values are cut to ``value_range``; the others move by half a level at most.
        """
        low, high = self.metadata.get("value_range", (0.0, 1.0))
        return in_bytes((self.tensors()[0] - low) / (high - low))

    def to_folder(self, path: str | Path) -> Path:
        """Write ``train/CLASS/NUMBER.png``, with ``train/metadata.jsonl``, as ``datasets`` and torchvision load them.

        Written whole or not at all. The path is returned.

        Raises:
            ConfigError: The folder holds something, or no PNG holds such images.
        """
        return write_folder(path, self.in_bytes()[0], self.labels, self.class_names)

    def to_parquet(self, path: str | Path) -> Path:
        """Write one Parquet file with the columns ``image`` (PNG) and ``label``; needs pyarrow. The path is returned.

        Raises:
            ConfigError: No PNG holds such images.
            DependencyNotFoundError: pyarrow is not installed.
        """
        return write_parquet(path, self.in_bytes()[0], self.labels, self.class_names)

    def check(self, where: str = "synthetic set") -> None:
        """Verify that tensors and metadata fit each other; the message says ``where``.

        Raises:
            FileFormatError: Something is missing, mis-shaped, outside the classes or not finite.
        """
        problem = self._problem()
        if problem:
            raise FileFormatError(f"{where}: {problem}: {AGAIN}")

    def grid(self) -> Image.Image:
        """Draw the set: one class per row, its name in front, pixels clamped and enlarged by a whole number."""
        from fdd_lightning.pictures.layout import lay_out
        from fdd_lightning.pictures.synthetic_sets import class_panel

        return lay_out([[class_panel(*self.shown(), self.class_names)]])

    def shown(self) -> tuple[Tensor, Tensor]:
        """Return images clamped and scaled to 0..1 whatever their ``value_range``, and labels: for pictures."""
        images, labels = self.tensors(clamp=True)
        low, high = self.metadata.get("value_range", (0.0, 1.0))
        return (images - low) / (high - low), labels

    def show(self) -> None:
        """Open the picture in the desktop's viewer (a notebook shows a set by itself)."""
        self.grid().show()

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        self.grid().save(stream, "PNG")
        return stream.getvalue()

    def _normalisation(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation, shaped to broadcast over images."""
        mean, std = (torch.tensor(self.metadata[k], dtype=torch.float32).view(-1, 1, 1) for k in ("mean", "std"))
        return mean, std

    def _pixels(self, images: Tensor) -> Tensor:
        mean, std = self._normalisation()
        return images * std + mean

    def _problem(self) -> str | None:
        """Say in a few words what is wrong, or return None."""
        meta, images, labels = self.metadata, self.images, self.labels
        if meta["format"] != SYNTHETIC.format:
            return f"format version {meta['format']!r} instead of {SYNTHETIC.format}"
        for name, problem in (found for key in meta.keys() & COMMON for found in misfits(meta[key], COMMON[key], key)):
            return f"its metadata have {name!r} {problem}"
        missing = [k for k in REQUIRED if not isinstance(meta.get(k), list)]
        if missing:
            return f"its metadata lack the list {missing[0]!r}"
        shape = meta["image_shape"]
        if len(shape) != 3 or images.ndim != 4 or list(images.shape[1:]) != shape:
            return f"images of shape {list(images.shape)} instead of [number, {', '.join(map(str, shape))}]"
        if labels.ndim != 1 or len(labels) != len(images):
            return f"labels of shape {list(labels.shape)} for {len(images)} images"
        if not len(images):
            return "no images"
        for name in ("mean", "std"):
            if not _numbers(meta[name], shape[0]) or (name == "std" and min(meta[name]) <= 0):
                kind = "positive number" if name == "std" else "number"
                return f"{name} {meta[name]} is not one {kind} for each of {shape[0]} channels"
        limits = meta.get("value_range", [0.0, 1.0])
        if not _numbers(limits, 2) or limits[0] >= limits[1]:
            return f"value_range {limits} is not a lower and an upper limit"
        classes = len(meta["class_names"])
        outside = labels[(labels < 0) | (labels >= classes)]
        if len(outside):
            return f"label {int(outside[0])} outside the {classes} classes"
        bad = int((~torch.isfinite(images)).sum())
        if bad:
            return f"{bad} pixels are not finite"
        return None


def _as_they_stand(images: Tensor, labels: Tensor) -> dict[str, Any]:
    """Return the metadata of a set that says nothing of itself."""
    channels = images.shape[1] if images.ndim > 1 else 1
    classes = int(labels.max()) + 1 if labels.numel() else 0
    return {
        "class_names": [str(number) for number in range(classes)],
        "image_shape": list(images.shape[1:]),
        "mean": [0.0] * channels,
        "std": [1.0] * channels,
    }


def _numbers(values: Any, count: int) -> bool:
    """Tell whether ``values`` is a list of ``count`` finite numbers."""
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    )


def distributions(rows: Tensor) -> bool:
    """Tell whether every row is a distribution."""
    return bool((rows >= 0).all() and ((rows.double().sum(1) - 1).abs() < 1e-3).all())
