"""A signal: the mean image, as the network never sees it."""

from fdd_lightning.matching.signals import Signal


class MeanImage(Signal):
    """Pixels themselves are matched."""

    def targets(self, network, batches, rows):
        """Return the weighted mean image of each class."""
        return [
            [weights.to(batch.images) @ batch.images.flatten(1)] for batch, weights in zip(batches, rows, strict=True)
        ]

    def synthetic(self, network, batches):
        """Return the mean synthetic image of each class."""
        return [[batch.images.flatten(1).mean(0)] for batch in batches]
