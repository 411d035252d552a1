"""The picture of `fdd data show`."""

from __future__ import annotations

from pathlib import Path

from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets.manifest import conflict_ratio
from fdd_lightning.errors import ConfigError, FDDError
from fdd_lightning.pictures.mosaic import mosaic
from fdd_lightning.utils.files import atomic_path


def write_picture(data: BaseDataModule, split: str, path: Path | None = None, per_cell: int | None = None) -> Path:
    """Draw a split of a data set that is set up: classes by groups, with the number of images of each cell.

    Args:
        data: The data set.
        split: ``train``, ``val`` or ``test``.
        path: The PNG; ``NAME_SPLIT.png`` in the current folder if not given.
        per_cell: Images of each cell; as many as fit if not given.

    Returns:
        The path.

    Raises:
        ConfigError: There is no such split, or the path is no PNG's.
        FDDError: The picture cannot be written.
    """
    path = path or Path(f"{data.name}_{split}.png")
    if path.suffix.lower() != ".png":
        raise ConfigError(f"--output {path}: the picture is a PNG: name it {path.with_suffix('.png')}")
    images = {"train": data.train, "val": data.val, "test": data.test}[split]
    if images is None:
        raise ConfigError(f"{data.name} has no validation images: set a share of them aside by --data.validation")
    cells = images.cells(data.num_classes, data.num_groups)
    ratio = conflict_ratio(cells, data.aligned)
    notes = [] if ratio is None else [f"{100 * ratio:.2f}% bias-conflicting; frames: bias-aligned cells"]
    picture = mosaic(
        images,
        data.class_names,
        data.group_names,
        title=f"{data.name}, {split}: {len(images):,} images",
        notes=notes,
        aligned=data.aligned,
        per_cell=per_cell,
    )
    try:
        with atomic_path(path) as temporary:
            picture.save(temporary, format="png")
    except OSError as error:
        raise FDDError(
            f"the picture {path} cannot be written ({error.strerror or error}): choose another --output"
        ) from None
    return path
