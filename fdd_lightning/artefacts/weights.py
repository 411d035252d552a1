"""What a weighting made of the real images, of some of them: kept beside a synthetic set for people to look at."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from torch import Tensor

from fdd_lightning.artefacts.file_kind import FileKind

FILE = "weights.safetensors"
"""Its name in the folder of `fdd distill`."""

WEIGHTS = FileKind(
    "weights",
    "name a weights.safetensors written by fdd distill",
    "distil again",
    tensors=("targets", "groups", "weights", "represents"),
    facts={"class_names": list[str], "group_names": list[str], "weighting": str},
)


@dataclass(frozen=True)
class RealWeights:
    """Weights of some real images, of every class and group.

    Attributes:
        targets: Class of each image, int64 (n,).
        groups: Group of each, int64 (n,); nothing but the weighting's own choice read it on the way.
        weights: How much each counts in its class, float32 (n,); 1 is as much as without a correction.
        represents: For how many images of the training set each stands here, float32 (n,).
        conflict: Whether each goes against the bias, bool (n,); None where that is not known.
        points: Where each lies in the bias encoder's space, its two main directions, float32 (n, 2); None without one.
        facts: Metadata: ``class_names``, ``group_names``, ``weighting``, ``dataset``.

    Example:
        >>> import torch
        >>> one, facts = torch.ones(2), {"class_names": ["a"], "group_names": ["b"], "weighting": "vanilla"}
        >>> RealWeights(one.long() * 0, one.long() * 0, one, one, facts=facts).points is None
        True
    """

    targets: Tensor
    groups: Tensor
    weights: Tensor
    represents: Tensor
    conflict: Tensor | None = None
    points: Tensor | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write the file, whole or not at all."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        WEIGHTS.write(path, tensors, self.facts)

    @classmethod
    def load(cls, path: str | Path) -> RealWeights:
        """Read a file.

        Raises:
            FileFormatError: Not one of these, cut short, or of an unknown version.
        """
        tensors, facts = WEIGHTS.read(path)
        return cls(**{each.name: tensors[each.name] for each in fields(cls) if each.name in tensors}, facts=facts)
