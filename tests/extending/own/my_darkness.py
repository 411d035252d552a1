"""A weighting by what the pictures show: dark images count more."""

import torch

from fdd_lightning.matching.weightings import Evidence, Gallery, Weighting, WeightMatrix, single_row


class Darkness(Weighting):
    """Images weigh by how dark they are.

    Args:
        power: 0 gives uniform weights.
    """

    needs_index = True

    def __init__(self, power: float = 1.0) -> None:
        self.power = power

    def prepare(self, gallery: Gallery) -> None:
        """Look at all training images."""
        brightness = torch.tensor([image.float().mean() for image in gallery.real.images]) / 255
        self.darkness = 1.01 - brightness.double()  # above 0, for images that are all white

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return one row."""
        assert evidence.index is not None
        weights = self.darkness.to(evidence.index.device)[evidence.index] ** self.power
        return single_row(weights / weights.sum())
