"""Plain Fashion-MNIST, for figures without any bias."""

from __future__ import annotations

from fdd_lightning.datamodules.original import AsPublished
from fdd_lightning.datasets.originals import FASHION_MNIST


class FashionMNIST(AsPublished):
    """Fashion-MNIST as it is: 60,000 and 10,000 grey images, 28x28, one group; normalised as in DC, DSA and DM.

    Args:
        batch_size: Images per batch, of all processes together in training.
        seed: Seed of the validation cut and of the order of training batches; the images do not depend on it.
        validation: Share of the training images set aside for validation, in 0..1, drawn per class.
        root: Folder that holds ``FashionMNIST/raw``, instead of the data root.
        download: Fetch Fashion-MNIST if it is not there.

    Example:
        >>> FashionMNIST().class_names[:3]
        ('T-shirt/top', 'Trouser', 'Pullover')
    """

    name = "fashion_mnist"
    origin = FASHION_MNIST
    image_shape = (1, 28, 28)
    mean = (0.2861,)
    std = (0.3530,)
