"""Whether networks are as often right as they are sure."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_calibration_error

from fdd_lightning.metrics.base import EvaluationMetric

SURE = math.nextafter(1.0, 0.0)
"""The largest confidence: torchmetrics would give 1 a bin of its own, and take 1 and a bit for a logit."""
BINS = 15
"""Equally wide bins of confidence, as Guo et al. (ICML 2017) have them."""


class CalibrationError(EvaluationMetric):
    """Expected calibration error: how far confidence and accuracy are apart, on average over images.

    Images are sorted into 15 bins by how sure the network is of its prediction; a bin's gap is the difference between
    the mean of that and the share of them that are classified correctly.

    Attributes:
        confidences: float64 (n,) each: the largest probability of the images of a batch.
        right: int64 (n,) each: 1 where the prediction is correct.

    Example:
        >>> metric = CalibrationError(num_classes=2, num_groups=1)
        >>> sure = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
        >>> metric(sure.argmax(1), torch.tensor([0, 1]), torch.tensor([0, 0]), sure)
        tensor(0.2500, dtype=torch.float64)
    """

    name, heading, higher_is_better = "calibration_error", "ECE", False

    confidences: list[Tensor]
    right: list[Tensor]

    def __init__(
        self, num_classes: int, num_groups: int, aligned: Tensor | None = None, least: int = 1, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, num_groups, aligned, least, **kwargs)
        self.add_state("confidences", [], dist_reduce_fx="cat")
        self.add_state("right", [], dist_reduce_fx="cat")

    def update(self, predictions: Tensor, targets: Tensor, groups: Tensor, probabilities: Tensor) -> None:
        """Keep how sure the network is of each image, and whether it is right.

        Args:
            predictions: Predicted classes, int64 (N,).
            targets: True classes, int64 (N,).
            groups: Groups, int64 (N,); they do not matter here.
            probabilities: float (N, num_classes).
        """
        self.confidences.append(probabilities.double().amax(1).clamp(max=SURE))
        self.right.append((predictions == targets).long())

    def compute(self) -> Tensor:
        """Return the error, a float64 scalar in [0, 1]; ``nan`` without images."""
        confidences, right = (torch.cat([*each]) if len(each) else torch.empty(0) for each in self._kept())
        if not len(confidences):
            return torch.tensor(torch.nan, device=self.device)
        # In one order, on one kind of device: sums then do not depend on batches, processes or a GPU's scheduling.
        confidences, places = confidences.cpu().sort()
        return binary_calibration_error(confidences, right.cpu()[places], n_bins=BINS, validate_args=False)

    def _kept(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return both lists; after a synchronisation each is one tensor."""
        one, other = self.confidences, self.right
        return ([one], [other]) if isinstance(one, Tensor) else (one, other)
