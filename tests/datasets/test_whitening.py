"""ZCA whitening against its definition."""

import pytest
import torch

from fdd_lightning.datasets import ImageSet, whitening
from fdd_lightning.datasets.whitening import ZCA, cached_zca

MEAN, STD = (0.4, 0.5), (0.2, 0.3)


@pytest.fixture
def images():
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (40, 2, 3, 3), dtype=torch.uint8)
    pixels[:, 1] = pixels[:, 0] // 2  # correlated
    zeros = torch.zeros(40, dtype=torch.long)
    return ImageSet(pixels, zeros, zeros, MEAN, STD)


def literal(images, epsilon):
    """Each step by itself: mean, covariance entry by entry, inverse root by the eigenvectors one at a time."""
    flat = images.images.double().flatten(1) / 255
    n, d = flat.shape
    mean = sum(flat) / n
    covariance = torch.zeros(d, d, dtype=torch.float64)
    for x in flat:
        covariance += torch.outer(x - mean, x - mean)
    values, vectors = torch.linalg.eigh(covariance / (n - 1))
    root = torch.zeros(d, d, dtype=torch.float64)
    for s, u in zip(values, vectors.T, strict=True):
        root += torch.outer(u, u) / (s + epsilon) ** 0.5
    return torch.stack([root @ (x - mean) for x in flat]).view_as(images.images)


@pytest.mark.parametrize(("epsilon", "chunk"), [(0.1, 4096), (0.1, 7), (1e-3, 40)])
def test_whitening_is_its_definition_and_can_be_undone(images, epsilon, chunk):
    zca = ZCA.fit(images, epsilon, chunk)
    normalised = images.batch(torch.arange(40))["image"].double()
    whitened = zca.whiten(normalised)
    assert torch.allclose(whitened, literal(images, epsilon), atol=1e-6)  # images are normalised in single precision
    assert torch.allclose(zca.restore(whitened), normalised, atol=1e-10)


def test_without_an_addition_the_covariance_is_the_identity(images):
    torch.manual_seed(1)
    images = ImageSet(
        torch.randint(0, 256, (400, 1, 2, 2), dtype=torch.uint8), torch.zeros(400), torch.zeros(400), (0.0,), (1.0,)
    )
    zca = ZCA.fit(images, 0.0)
    whitened = zca.whiten(images.batch(torch.arange(400))["image"].double()).flatten(1)
    assert torch.allclose(torch.cov(whitened.T), torch.eye(4, dtype=torch.float64), atol=1e-5)


def test_it_is_fitted_once(images, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    first = cached_zca(images, 0.1, "x")
    (stored,) = (tmp_path / "whitening").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(whitening.ZCA, "fit", None)
        second = cached_zca(images, 0.1, "x")
    for name in ("center", "forward", "inverse"):
        assert getattr(first, name).dtype == torch.float32
        assert torch.equal(getattr(first, name), getattr(second, name))
    stored.write_bytes(stored.read_bytes()[:100])  # a damaged cache is made again
    assert torch.equal(cached_zca(images, 0.1, "x").forward, first.forward)
    cached_zca(images, 0.2, "x")
    cached_zca(images, 0.1, "y")
    assert len(list((tmp_path / "whitening").iterdir())) == 3
