"""ZCA whitening: images whose pixels are uncorrelated over the training set, as MTT's networks see them."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.tensor_cache import cached_tensors

EPSILON = 0.1
"""Added to the variances: MTT's value (kornia's ``ZCAWhitening(eps=0.1)``)."""

LARGEST = 3 * 64 * 64
"""Numbers of an image up to which whitening is for: its matrices are of as many rows and columns."""


def refuse_large(image_shape: tuple[int, int, int]) -> None:
    """Refuse images whose whitening would take tens of gigabytes; MTT whitens those of 32 pixels only.

    Raises:
        ConfigError: With the way out.
    """
    size = prod(image_shape)
    if size > LARGEST:
        _, height, width = image_shape
        raise ConfigError(
            f"whitening images of {height}x{width} pixels takes matrices of {size:,} x {size:,} numbers: leave it out "
            "(zca: null), or take images of 64x64 pixels at most"
        )


class ZCA:
    """Turns normalised images into whitened ones, and back.

    Fitted on pixels in 0..1: with the covariance U diag(s) U^T of the flattened training images (divided by N - 1) it
    is x -> (x - mean) U diag(s + eps)^(-1/2) U^T.

    Args:
        center: Mean of the pixels, (C * H * W,).
        forward: Symmetric matrix, (C * H * W, C * H * W).
        inverse: Its inverse.
        mean: Normalisation of the images, per channel.
        std: Normalisation of the images, per channel.

    Example:
        >>> zca = ZCA(torch.zeros(4), 2 * torch.eye(4), torch.eye(4) / 2, mean=(0.5,), std=(0.5,))
        >>> zca.whiten(torch.ones(1, 1, 2, 2)).unique()
        tensor([2.])
    """

    def __init__(
        self, center: Tensor, forward: Tensor, inverse: Tensor, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        self.center, self.forward, self.inverse = center, forward, inverse
        self.mean, self.std = (torch.tensor(values, dtype=torch.float64).view(-1, 1, 1) for values in (mean, std))

    @classmethod
    @torch.no_grad()
    def fit(cls, data: ImageSet, epsilon: float = EPSILON, chunk: int = 4096) -> ZCA:
        """Fit on a training set; the memory is that of a few matrices (C * H * W, C * H * W) in double precision.

        Args:
            data: The training images.
            epsilon: Added to the variances.
            chunk: Images read at a time; bounds the memory, not the result.
        """

        def pixels(index: Tensor) -> Tensor:
            return data.pixels(index).flatten(1).double().cpu() / 255

        parts = torch.arange(len(data)).split(chunk)
        center = torch.stack([pixels(part).sum(0) for part in parts]).sum(0) / len(data)
        covariance = torch.zeros(len(center), len(center), dtype=torch.float64)
        for part in parts:
            centred = pixels(part) - center
            covariance.addmm_(centred.T, centred)
        values, vectors = torch.linalg.eigh(covariance / max(len(data) - 1, 1))
        root = (values.clamp(min=0.0) + epsilon).sqrt()
        return cls(center, (vectors / root) @ vectors.T, (vectors * root) @ vectors.T, data.mean, data.std)

    def whiten(self, images: Tensor) -> Tensor:
        """Return whitened images, (N, C, H, W), from normalised ones."""
        pixels = (images * self.std.to(images) + self.mean.to(images)).flatten(1)
        return ((pixels - self.center.to(images)) @ self.forward.to(images)).view_as(images)

    def restore(self, whitened: Tensor) -> Tensor:
        """Return normalised images, (N, C, H, W), from whitened ones."""
        pixels = whitened.flatten(1) @ self.inverse.to(whitened) + self.center.to(whitened)
        return (pixels.view_as(whitened) - self.mean.to(whitened)) / self.std.to(whitened)

    def to(self, device: torch.device) -> ZCA:
        """Move to a device and to single precision, as it is used; returns itself."""
        self.center, self.forward, self.inverse = (
            tensor.to(device, torch.float32) for tensor in (self.center, self.forward, self.inverse)
        )
        return self


def cached_zca(data: ImageSet, epsilon: float, data_fingerprint: str) -> ZCA:
    """Return the whitening of a training set, fitted once and kept in the cache.

    ``data_fingerprint`` is that of exactly the images of ``data``; epsilon is added to the variances.
    """

    def compute() -> dict[str, Tensor]:
        zca = ZCA.fit(data, epsilon).to(torch.device("cpu"))  # in the precision of the file, so that both are equal
        return {name: getattr(zca, name).contiguous() for name in ("center", "forward", "inverse")}

    key = {"zca": epsilon, "data": data_fingerprint, "size": len(data)}
    return ZCA(**cached_tensors("whitening", key, compute), mean=data.mean, std=data.std)
