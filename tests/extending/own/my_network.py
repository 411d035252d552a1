"""A network: one hidden layer."""

from torch import nn

from fdd_lightning.networks import Network


class OneLayer(Network):
    """Pixels, hidden units, classes.

    Args:
        num_classes: Number of classes.
        image_shape: (C, H, W).
        width: Hidden units.
    """

    def __init__(self, num_classes, image_shape, width: int = 16):
        super().__init__(num_classes, image_shape)
        channels, height, side = self.image_shape
        self.hidden = nn.Linear(channels * height * side, width)
        self.feature_dim = width
        self.classifier = nn.Linear(width, num_classes)

    def embed(self, x):
        """Return the hidden layer."""
        return self.hidden(x.flatten(1)).relu()
