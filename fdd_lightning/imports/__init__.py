"""Other people's sets: what their programs save, read without running anything, made into a synthetic set of ours.

A new format is one class, a :class:`SetFormat`.
"""

from fdd_lightning.imports.assemble import import_set
from fdd_lightning.imports.base import Found, SetFormat, format_named, set_formats
from fdd_lightning.imports.formats import (
    ClassFolders,
    Experiments,
    ImagesBesideLabels,
    ImagesWithLabels,
    NamedArrays,
)
from fdd_lightning.imports.source import Source

__all__ = [
    "ClassFolders",
    "Experiments",
    "Found",
    "ImagesBesideLabels",
    "ImagesWithLabels",
    "NamedArrays",
    "SetFormat",
    "Source",
    "format_named",
    "import_set",
    "set_formats",
]
