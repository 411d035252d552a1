"""What a source is: the images that stand for the real ones in distillation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.configuration.choices import Choice
from fdd_lightning.datasets import ImageSet


class Source(Choice, ABC):
    """Base of every source.

    Attributes:
        needs_classifier: Reads a trained classifier.
    """

    needs_classifier: ClassVar[bool] = False

    @abstractmethod
    def images(self, real: ImageSet, classifier: Algorithm | None, seed: int, device: torch.device) -> ImageSet:
        """Return the set that is distilled, equal on all processes.

        Args:
            real: The training set.
            classifier: The trained classifier, frozen, in evaluation mode; None where none is needed.
            seed: Seed of every draw.
            device: Where to compute.

        Raises:
            ConfigError: The classifier is not of the kind that is needed.
        """

    def fingerprint(self, real: str, classifier: str, seed: int) -> str:
        """Return what names exactly these images: what is computed of them is kept under it.

        Args:
            real: Fingerprint of the training set.
            classifier: Hash of the classifier's file; empty where none is needed.
            seed: Seed of every draw.
        """
        return real
