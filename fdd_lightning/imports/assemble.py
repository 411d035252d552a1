"""From what a file holds to a synthetic set: checked against a data set, normalised as it is, with its provenance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.__about__ import __version__
from fdd_lightning.artefacts.exports import folder_names
from fdd_lightning.artefacts.synthetic import SyntheticSet, distributions
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets.label_table import shortened
from fdd_lightning.datasets.whitening import EPSILON, cached_zca, refuse_large
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.imports.base import Found, SetFormat, set_formats
from fdd_lightning.imports.normalisation import WHITENED, Normalisation, inferred, said
from fdd_lightning.imports.source import Source
from fdd_lightning.matching.parameterisations import MultiFormation
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.finite import not_finite
from fdd_lightning.utils.plain_text import plain, require_name

UNNAMED, UNSTATED = "imported", "unstated"
"""Method and weighting of a set where nobody says them."""


@dataclass(frozen=True)
class Imported:
    """A set that was read, and what is worth saying of it.

    Attributes:
        synthetic: The set.
        lines: What was read, which experiment, which normalisation, how far its pixels reach.
    """

    synthetic: SyntheticSet
    lines: tuple[str, ...]


def import_set(
    path: str | Path,
    data: BaseDataModule,
    *,
    normalisation: str | None = None,
    index: int | None = None,
    factor: int = 1,
    method: str = UNNAMED,
    weighting: str = UNSTATED,
    formats: Sequence[SetFormat] | None = None,
) -> Imported:
    """Make a synthetic set of what another program saved; nothing in it is executed.

    Args:
        path: A file or folder.
        data: The data set that it was made from; needs no set-up, unless its images are whitened.
        normalisation: ``data``, ``raw``, ``bytes``, ``zca``, or ``MEAN,.../STD,...``; None infers it from the values.
        index: Which experiment, counted from 0, where there are several; None takes the first.
        factor: Images side by side, and on top of each other, that are stored in one (IDC).
        method: Its name in files and tables.
        weighting: Likewise.
        formats: What to try in turn; by default every one that is known.

    Raises:
        FDDError: It cannot be read, or does not fit the data set.
    """
    require({"factor": factor}, least=1)
    require_name("method", method)
    require_name("weighting", weighting)
    told = None if normalisation is None else said(normalisation, data)
    source = Source(path)
    by, everything = _read(source, set_formats() if formats is None else formats)
    found, number = _chosen(everything, index, source.path)
    images, labels, soft = _checked(_named_by(found, data), data, factor, source.path)
    how = inferred(images, data, str(source.path)) if told is None else told
    normalised, more = _normalised(images.float(), how, data)
    parameters = {} if soft is None else {"soft_labels": soft}
    if factor > 1:
        tiles = MultiFormation(factor)
        tiles.prepare(data.mean, data.std)
        parameters["stored"] = said("data", data).pixels(normalised)
        normalised = tiles.decode(parameters["stored"])
        labels = labels.repeat_interleave(tiles.expansion)
    made = SyntheticSet(
        normalised,
        labels,
        {
            **data.described,
            **more,
            "method": plain(method),
            "weighting": plain(weighting),
            "ipc": max(1, round(len(images) / data.num_classes)),
            "value_range": [0.0, 1.0],
            "settings": data.settings,
            "parameterisation": "pixels" if factor == 1 else MultiFormation.name,
            "licence": data.licence,
            "code_version": __version__,
            "imported": {
                "format": by.name,
                "files": source.provenance(),
                "index": number,
                "experiments": len(everything),
                "normalisation": f"{how}, {how.reason}",
                "factor": factor,
            },
        },
        parameters or None,
    )
    made.check(str(path))
    made.metadata["settings"] |= {"set": made.digest}  # or two sets of one name would be one row of a report
    return Imported(made, tuple(_lines(made, by, found, everything, number, how)))


def _read(source: Source, formats: Sequence[SetFormat]) -> tuple[SetFormat, list[Found]]:
    """Return the first format that a source is of, and the sets that it holds."""
    for each in formats:
        if found := each.read(source):
            return each, found
    content = None if source.path.is_dir() else source.content
    holds = f"holds {_what(content)}" if content is not None else "is of no format that is known"
    raise FileFormatError(f"{source.path} {holds}: name one of: {'; '.join(each.looks for each in formats)}")


def _what(content: Any) -> str:
    """Say in a few words what a file holds that is no set."""
    if isinstance(content, dict):
        return f"no images with labels, but {shortened([str(key) for key in content], 3)}"
    if isinstance(content, Tensor):
        return f"a tensor of shape {list(content.shape)} alone"
    return f"a {type(content).__name__}"


def _chosen(found: Sequence[Found], index: int | None, path: Path) -> tuple[Found, int]:
    """Return one of several experiments, and its number."""
    number = 0 if index is None else index
    if not 0 <= number < len(found):
        held = "one experiment" if len(found) == 1 else f"{len(found)} experiments"
        raise ConfigError(f"--index {number}: {path} holds {held}: count from 0 to {len(found) - 1}")
    return found[number], number


def _named_by(found: Found, data: BaseDataModule) -> Found:
    """Return a set whose labels are those of the data set, where they number names of its own."""
    if found.class_names is None:
        return found
    known: dict[str, int] = {}
    for number, (name, folder) in enumerate(zip(data.class_names, folder_names(data.class_names), strict=True)):
        known |= {plain(name): number, folder: number}
    known = {str(number): number for number in range(data.num_classes)} | known  # a class's own name comes first
    strange = [name for name in found.class_names if name not in known]
    if strange:
        raise FileFormatError(
            f"{shortened(strange)}: no class of {data.name}, which has {shortened(data.class_names)}: name folders by "
            "class or by its number, or another data set"
        )
    order = torch.tensor([known[name] for name in found.class_names])
    return replace(found, labels=order[found.labels])


def _checked(found: Found, data: BaseDataModule, factor: int, path: Path) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return images (N, C, H, W), labels (N,) and soft labels, if there are any, that fit the data set."""
    for name, tensor in (("images", found.images), ("labels", found.labels)):
        _require_plain(tensor, f"{path}: its {name}")
    images = _channels_first(found.images.detach(), data, path)
    images = images if images.dtype == torch.uint8 else images.float()
    if problem := not_finite({"image": images}):
        raise FileFormatError(f"{path}: {problem}: take a set that came out well")
    labels, soft = _labels(found.labels.detach(), len(images), data, path)
    missing = sorted(set(range(data.num_classes)) - set(labels.tolist()))
    if missing:
        names = shortened([data.class_names[c] for c in missing])
        raise FileFormatError(
            f"{path} has no image of {names} of the {data.num_classes} classes of {data.name}: name the data set that "
            "it was made from"
        )
    if soft is not None and factor > 1:
        raise ConfigError(f"--factor {factor}: {path} has soft labels, which are those of whole images: leave it out")
    return images, labels, soft


def _require_plain(tensor: Tensor, what: str) -> None:
    """Refuse a tensor that is not plain numbers in memory, each in a place of its own."""
    strange = (
        tensor.is_complex() or tensor.is_quantized or tensor.layout != torch.strided or tensor.device.type != "cpu"
    )
    if strange or not tensor.numel() or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise FileFormatError(f"{what} are no plain tensor of numbers: save a copy of them as floats, labels as int64")


def _channels_first(images: Tensor, data: BaseDataModule, path: Path) -> Tensor:
    """Return images in the shape of the data set's, from whatever order of dimensions."""
    channels, *sides = data.image_shape
    shape = tuple(images.shape[1:])
    if channels == 1 and shape == (3, *sides) and bool((images == images[:, :1]).all()):
        return images[:, :1]  # grey, as image files are read
    if shape == data.image_shape:
        return images
    if shape == (*sides, channels):
        return images.permute(0, 3, 1, 2).contiguous()
    has, wants = ("x".join(map(str, each)) for each in (shape, data.image_shape))
    raise FileFormatError(
        f"{path}: its images are {has}, those of {data.name} {wants}: name the data set that it was made from"
    )


def _labels(labels: Tensor, count: int, data: BaseDataModule, path: Path) -> tuple[Tensor, Tensor | None]:
    """Return the class of each image, and distributions over classes where these were given."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim not in (1, 2) or len(labels) != count:
        raise FileFormatError(f"{path} has {count} images and labels of shape {list(labels.shape)}: save one for each")
    if labels.ndim == 2:
        if labels.shape[1] != data.num_classes or not distributions(labels):
            raise FileFormatError(
                f"{path}: its soft labels, {labels.shape[1]} for each image, are no distributions over the "
                f"{data.num_classes} classes of {data.name}: save their softmax, or the classes alone"
            )
        certain = bool((labels.amax(1) == 1).all())
        return labels.argmax(1), None if certain else labels.float()
    if labels.is_floating_point() and not bool((labels == labels.round()).all()):
        raise FileFormatError(f"{path}: its labels are no whole numbers: save the class of each image")
    strange = labels[(labels < 0) | (labels >= data.num_classes)]
    if len(strange):
        raise FileFormatError(
            f"{path} has label {int(strange[0])}, {data.name} only {data.num_classes} classes: name the data set that "
            "it was made from"
        )
    return labels.long(), None


def _normalised(images: Tensor, how: Normalisation, data: BaseDataModule) -> tuple[Tensor, dict[str, Any]]:
    """Return images normalised as the data set's are, and what the file must say of whitening."""
    if how.name == WHITENED:
        refuse_large(data.image_shape)
        data.setup()
        zca = cached_zca(data.train, EPSILON, data.train_fingerprint)
        return zca.restore(images), {"zca": EPSILON, "data_fingerprint": data.fingerprint}
    own = said("data", data)
    if (how.mean, how.std) == (own.mean, own.std):  # as they are, to the bit
        return images, {}
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (own.mean, own.std))
    return (how.pixels(images) - mean) / std, {}


def _lines(
    made: SyntheticSet, by: SetFormat, found: Found, everything: Sequence[Found], number: int, how: Normalisation
) -> list[str]:
    """Return what was read, in lines."""
    counts = made.labels.bincount().tolist()
    each = f"{counts[0]}" if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    read = f"read as {by.name}: {len(made)} images, {each} of each of {made.num_classes} classes"
    pixels, _ = made.tensors()
    _, cut = made.in_bytes()
    told = [read]
    if len(everything) > 1:
        told.append(f"experiment {number} is taken, of {len(everything)}, counted from 0 (another by --index)")
    if found.note and len(made) == len(found.images):
        told.append(found.note)
    told.append(f"values: {how}, {how.reason}")
    reach = f"pixels reach from {float(pixels.min()):.2f} to {float(pixels.max()):.2f}"
    told.append(f"{reach}, {cut / pixels.numel():.1%} of them beyond 0..1")
    return told
