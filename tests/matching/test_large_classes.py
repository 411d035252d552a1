"""Densities of a class of any size need the same memory."""

import torch

from fdd_lightning.matching.weightings import kde


def test_fewer_rows_are_compared_at_a_time(monkeypatch):
    points = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    whole = kde.kernel_density(points)
    for entries in (1, 100, 160):
        monkeypatch.setattr(kde, "ENTRIES", entries)
        torch.testing.assert_close(kde.kernel_density(points), whole, rtol=1e-12, atol=0)
