"""A training algorithm: plain training on smoothed labels."""

from torch.nn.functional import cross_entropy

from fdd_lightning.algorithms import ERM


class Smoothed(ERM):
    """Cross-entropy with label smoothing.

    Args:
        network: Architecture of the network.
        num_classes: Number of classes.
        image_shape: (C, H, W).
        size: Number of training images.
        regime: Settings of its own; null: those of whoever trains it.
        smoothing: Share of each label that goes to all classes.
    """

    name = "smoothed"

    def __init__(self, network, num_classes, image_shape, size, regime=None, smoothing: float = 0.1):
        super().__init__(network, num_classes, image_shape, size, regime)
        self.smoothing = smoothing

    def loss(self, batch):
        """Return the smoothed cross-entropy."""
        return cross_entropy(self.network(batch["image"]), batch["target"], label_smoothing=self.smoothing)
