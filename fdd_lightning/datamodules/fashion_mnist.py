"""Plain Fashion-MNIST, for figures without any bias."""

from __future__ import annotations

from fdd_lightning.datamodules.original import AsPublished
from fdd_lightning.datasets.originals import FASHION_MNIST


class FashionMNIST(AsPublished):
    """Fashion-MNIST as it is: 60,000 and 10,000 grey images, 28x28, one group; normalised as in DC, DSA and DM.

    Example:
        >>> FashionMNIST().class_names[:3]
        ('T-shirt/top', 'Trouser', 'Pullover')
    """

    name = "fashion_mnist"
    origin = FASHION_MNIST
    image_shape = (1, 28, 28)
    mean = (0.2861,)
    std = (0.3530,)
