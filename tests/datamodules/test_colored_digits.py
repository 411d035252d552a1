from __future__ import annotations

import torch

from fdd_lightning.datamodules import ColoredDigits
from tests.datamodules.contract import DataModuleContract


class TestColoredDigits(DataModuleContract):
    kind = ColoredDigits

    def test_counts(self, data):
        assert (len(data.train), len(data.test)) == (1297, 5000)
        assert data.image_shape == (3, 16, 16)
        assert data.manifest["conflict_ratio"] == 133 / 1297
        test = data.test.cells(10, 10)
        assert (test == test[:, :1]).all()  # balanced over colours, class by class
        assert torch.equal(data.aligned, torch.eye(10, dtype=torch.bool))
