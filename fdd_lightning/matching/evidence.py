"""What a weighting may know of the images that it weighs."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fdd_lightning.errors import ConfigError


@dataclass(frozen=True)
class Evidence:
    """Facts about n real images of one class; each is None unless it was asked for (``needs_...``).

    Attributes:
        size: n, at least 1.
        groups: Protected-attribute value of each image, int64 (n,) in 0..num_groups - 1.
        num_groups: Groups of the data set, also those that no image here is of; comes with ``groups``.
        embeddings: Bias-encoder embedding of each image, float (n, d), rows of length 1.
        index: Place of each image in the training set, int64 (n,): what tells it from the others at every step.
        cell_sizes: Training images of this class in each group, int64 (num_groups,), whatever the batch holds.
    """

    size: int
    groups: Tensor | None = None
    num_groups: int | None = None
    embeddings: Tensor | None = None
    index: Tensor | None = None
    cell_sizes: Tensor | None = None

    def embeddings_for(self, reader: object) -> Tensor:
        """Return the embeddings for a choice that cannot do without.

        Raises:
            ConfigError: There are none; the line names the reader's class.
        """
        if self.embeddings is None:
            raise ConfigError(
                f"{type(reader).__name__} needs a bias encoder: train one with `fdd fit` and pass it with "
                "--encoder FILE"
            )
        return self.embeddings
