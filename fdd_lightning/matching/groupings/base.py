"""What a grouping is: it says which images of a class batch belong together."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from fdd_lightning.configuration.choices import Choice
from fdd_lightning.matching.evidence import Evidence


class Grouping(Choice, ABC):
    """Base of every grouping: where the groups of FairDD and its kin come from.

    A weighting with a grouping passes its needs on, so a grouping receives the evidence that its attributes ask for
    and no other. It has no state: groups are found anew in every batch, and their numbers mean nothing from one batch
    to the next.

    Attributes:
        needs_groups: Reads the group labels.
        needs_embeddings: Reads the bias encoder's embeddings.
        needs_index: Tells images apart by their place in the training set.
    """

    needs_groups: bool = False
    needs_embeddings: bool = False
    needs_index: bool = False

    @abstractmethod
    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the group of each image, int64 (n,), any numbers from 0; -1 leaves the image out of W."""
