"""A kind of fit: the mean brightness of the training images, and a weighting that reads it."""

import json
from pathlib import Path

import torch

from fdd_lightning.matching.weightings import Evidence, Weighting, WeightMatrix
from fdd_lightning.modules.base import FitModule


class Brightness(FitModule):
    """Learns one number by gradient descent.

    Args:
        num_classes: Linked from the data.
        num_groups: Linked from the data.
        image_shape: Linked from the data.
        steps: Optimiser steps.
        seed: Seed of every draw.
    """

    kind = "brightness"
    help = "file of the mean brightness (brightness.json of `fdd fit --model my_fit.Brightness`)"
    what = "the mean brightness"
    advice = "train it with `fdd fit --model my_fit.Brightness --output DIR` and pass --brightness DIR/brightness.json"
    artefact = "brightness.json"

    def __init__(self, num_classes, num_groups, image_shape, steps: int = 5, seed: int = 0):
        super().__init__()
        self.remember()
        self.steps, self.seed = steps, seed
        self.level = torch.nn.Parameter(torch.zeros(()))

    @property
    def num_steps(self):
        """As told."""
        return self.steps

    def configure_optimizers(self):
        """Return plain SGD."""
        return torch.optim.SGD([self.level], lr=0.5)

    def training_step(self, batch, batch_idx):
        """Return the squared distance from the batch's mean."""
        return (self.level - batch["image"].mean()).square()

    def save_artefact(self, folder):
        """Write the number."""
        path = folder / self.artefact
        path.write_text(json.dumps({"level": float(self.level.detach())}))
        return path


class ByBrightness(Weighting):
    """Uniform weights, once the fit was read; refused without it."""

    name = "by_brightness"
    needs_brightness = True

    def take(self, kind: str, path: Path) -> None:
        """Read the number."""
        self.level = json.loads(path.read_text())["level"]

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return one row."""
        level = getattr(self, "level", 0.0)
        weights = torch.full((1, evidence.size), 1.0 / evidence.size, dtype=torch.float64) * (
            level / level if level else 1
        )
        return WeightMatrix(weights, torch.ones(1, dtype=torch.float64))
