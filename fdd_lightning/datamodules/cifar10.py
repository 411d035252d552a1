"""Plain CIFAR-10, for figures without any bias."""

from __future__ import annotations

from fdd_lightning.datamodules.original import AsPublished
from fdd_lightning.datasets import originals

MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2023, 0.1994, 0.2010)
"""What DC, DSA and DM normalise by; the true deviation over all pixels is larger, (0.247, 0.243, 0.262)."""


class CIFAR10(AsPublished):
    """CIFAR-10 as it is: ten classes, no groups; 50,000 and 10,000 images.

    Example:
        >>> CIFAR10().class_names[:3]
        ('airplane', 'automobile', 'bird')
    """

    name = "cifar10"
    origin = originals.CIFAR10
    mean = MEAN
    std = STD
