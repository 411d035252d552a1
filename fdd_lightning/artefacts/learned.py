"""What was learned with a synthetic set besides its images, and is to be used with them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.errors import FileFormatError


@dataclass(frozen=True)
class Learned:
    """The step size and the soft labels of a set, from its stored parameters.

    Attributes:
        lr: Learning rate (``parameters.lr``, one positive number), or None.
        soft_labels: A distribution over classes for each image (``parameters.soft_labels``, float (N, num_classes)),
            or None.
    """

    lr: float | None = None
    soft_labels: Tensor | None = None

    @classmethod
    def of(cls, synthetic: SyntheticSet | None) -> Learned:
        """Take them from a set; nothing where there is no set.

        Raises:
            FileFormatError: They cannot be used.
        """
        found = (synthetic.parameters or {}) if synthetic is not None else {}
        lr, soft = found.get("lr"), found.get("soft_labels")
        if lr is not None and (lr.numel() != 1 or not 0 < float(lr) < math.inf):
            raise FileFormatError(f"the step size learned with the synthetic set is {lr.tolist()}: distil it again")
        if soft is not None and synthetic is not None:
            shape = (len(synthetic), synthetic.num_classes)
            if tuple(soft.shape) != shape or not _distributions(soft):
                raise FileFormatError(
                    f"the soft labels of the synthetic set, of shape {tuple(soft.shape)}, are not one distribution "
                    f"over {shape[1]} classes for each of {shape[0]} images: distil it again"
                )
        return cls(None if lr is None else float(lr), soft)

    @property
    def names(self) -> tuple[str, ...]:
        """What there is: ``lr``, ``soft_labels``."""
        return tuple(name for name in ("lr", "soft_labels") if getattr(self, name) is not None)


def _distributions(rows: Tensor) -> bool:
    """Tell whether every row is a distribution."""
    return bool((rows >= 0).all() and ((rows.double().sum(1) - 1).abs() < 1e-3).all())
