from __future__ import annotations

import numpy as np
import pytest
import torch

from fdd_lightning.datasets.corruptions import corrupt
from tests.datasets.corruptions.pictures import LEVELS, compare, generators


@pytest.mark.parametrize("level", LEVELS)
def test_gaussian_noise(level):
    std = {1: 0.04, 2: 0.06, 3: 0.08, 4: 0.09, 5: 0.10}[level]

    def literal(image, generator):
        out = np.empty_like(image)
        for place in np.ndindex(image.shape):
            out[place] = image[place] + std * generator.standard_normal()
        return out

    compare("gaussian_noise", level, literal)


@pytest.mark.parametrize("level", LEVELS)
def test_shot_noise(level):
    photons = {1: 500, 2: 250, 3: 100, 4: 75, 5: 50}[level]
    compare("shot_noise", level, lambda image, generator: generator.poisson(image * photons) / photons)


@pytest.mark.parametrize("level", LEVELS)
def test_speckle_noise(level):
    std = {1: 0.06, 2: 0.1, 3: 0.12, 4: 0.16, 5: 0.2}[level]
    compare("speckle_noise", level, lambda image, generator: image + image * generator.normal(0, std, image.shape))


@pytest.mark.parametrize("level", LEVELS)
def test_impulse_noise(level):
    amount = {1: 0.01, 2: 0.02, 3: 0.03, 4: 0.05, 5: 0.07}[level]
    grey = torch.full((60, 3, 32, 32), 100, dtype=torch.uint8)
    out = corrupt(grey, "impulse_noise", level, generators(60))
    assert set(out.unique().tolist()) == {0, 100, 255}
    assert float((out == 0).double().mean()) == pytest.approx(amount / 2, rel=0.1)
    assert float((out == 255).double().mean()) == pytest.approx(amount / 2, rel=0.1)
    hit = (out != 100).double()
    together = float((hit[:, 0] * hit[:, 1]).mean())
    assert together == pytest.approx(amount**2, rel=0.4, abs=1e-4)  # each channel on its own
