from __future__ import annotations

import pytest
import torch

from fdd_lightning.datasets.cache import conflict_ratio


def test_conflict_ratio_equals_a_loop():
    cells = torch.randint(100, (4, 6), generator=torch.Generator().manual_seed(0))
    aligned = torch.rand(4, 6, generator=torch.Generator().manual_seed(1)) < 0.3
    conflicting = sum(int(cells[c, g]) for c in range(4) for g in range(6) if not aligned[c, g])
    assert conflict_ratio(cells, aligned) == pytest.approx(conflicting / int(cells.sum()), abs=0)
    assert conflict_ratio(cells, None) is None
