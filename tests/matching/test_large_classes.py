"""Densities of a class of any size need the same memory, and of a very large one not all pairs."""

import math

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import KDE, kde


def test_fewer_rows_are_compared_at_a_time(monkeypatch):
    points = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    whole = kde.kernel_density(points)
    for entries in (1, 100, 160):
        monkeypatch.setattr(kde, "ENTRIES", entries)
        torch.testing.assert_close(kde.kernel_density(points), whole, rtol=1e-12, atol=0)


def test_a_point_counts_itself_and_the_others_by_the_mean_over_the_references():
    points = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).double()
    references = torch.tensor([7, 0, 4, 5])
    found = kde.kernel_density(points, 0.3, references=references)
    for i in range(9):
        kernels = [math.exp(-(math.dist(points[i], points[j]) ** 2) / 0.6) for j in references.tolist() if j != i]
        expected = (1 + 8 * sum(kernels) / len(kernels)) / 9 / math.sqrt(2 * math.pi * 0.3)
        assert float(found[i]) == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(kde.kernel_density(points, references=torch.arange(9)), kde.kernel_density(points))


def test_a_very_large_class_is_judged_by_some_of_it_and_that_is_said(capsys):
    poles = torch.tensor([[1.0, 0.0]] * 360 + [[0.0, 1.0]] * 40)
    noise = 0.1 * torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    points = torch.nn.functional.normalize(poles + noise, dim=1)
    whole = KDE().weights(points)
    assert not capsys.readouterr().err
    some = KDE(references=200).weights(points)
    assert capsys.readouterr().err == "KDE: densities of 400 images are estimated against 200 of them\n"
    assert torch.equal(some, KDE(references=200).weights(points)), "the same every time"
    assert float(torch.corrcoef(torch.stack([whole, some]))[0, 1]) > 0.9
    with pytest.raises(ConfigError, match="references"):
        KDE(references=1)
