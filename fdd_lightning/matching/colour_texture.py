"""Hand-made statistics of colour and texture, which no training has shaped."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

EDGES = (0.004, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
"""Edges of the histograms of filter responses, for pixels in 0..1."""


def colour_shares(pixels: Tensor) -> Tensor:
    """Return how an image's pixels are spread over 4 x 4 x 4 colours: the square roots of their shares.

    Args:
        pixels: uint8 (n, 3, H, W), or (n, 1, H, W).

    Returns:
        float32 (n, 64).

    Example:
        >>> colour_shares(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))[:, 0]
        tensor([1., 1.])
    """
    red, green, blue = (pixels.long() // 64).expand(-1, 3, -1, -1).flatten(2).unbind(1)
    place = 16 * red + 4 * green + blue
    counts = torch.zeros(len(pixels), 64, device=pixels.device).scatter_add_(1, place, torch.ones_like(place).float())
    return (counts / place.shape[1]).sqrt()


def texture_shares(pixels: Tensor) -> Tensor:
    """Return how strongly an image changes from pixel to pixel: square roots of the shares of 8 strengths.

    For grey, red - green and blue - green, at two scales (as it is, and halved by averaging), the absolute responses of
    three filters: differences along x and y, and the Laplacian.

    Args:
        pixels: uint8 (n, 3, H, W), or (n, 1, H, W); at least 6 pixels high and wide.

    Returns:
        float32 (n, 144).

    Example:
        >>> texture_shares(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)).shape
        torch.Size([2, 144])
    """
    red, green, blue = (pixels.float() / 255).expand(-1, 3, -1, -1).unbind(1)
    shares = []
    for plane in ((red + green + blue) / 3, red - green, blue - green):
        for scaled in (plane, avg_pool2d(plane.unsqueeze(1), 2).squeeze(1)):
            inner = scaled[:, 1:-1, 1:-1]
            beside = scaled[:, :-2, 1:-1] + scaled[:, 2:, 1:-1] + scaled[:, 1:-1, :-2] + scaled[:, 1:-1, 2:]
            for response in (scaled.diff(dim=2), scaled.diff(dim=1), 4 * inner - beside):
                strength = response.abs().flatten(1)
                reached = torch.stack([(strength >= edge).float().mean(1) for edge in EDGES], 1)
                ends = torch.ones_like(reached[:, :1]), torch.zeros_like(reached[:, :1])
                shares.append(-torch.cat([ends[0], reached, ends[1]], 1).diff(dim=1))
    return torch.cat(shares, 1).clamp(min=0.0).sqrt()


def standardised(values: Tensor) -> Tensor:
    """Return columns with mean 0 and standard deviation 1, those that do not vary as 0."""
    spread = values.std(0, unbiased=False)
    varies = spread > 1e-6
    return torch.where(varies, (values - values.mean(0)) / torch.where(varies, spread, 1.0), 0.0)


def principal(values: Tensor, components: int) -> Tensor:
    """Return the first principal components of some columns, or all columns where there are no more of them."""
    from sklearn.decomposition import PCA  # slow to import, needed by few

    if not bool((values.std(0, unbiased=False) > 0).any()):
        return torch.zeros(len(values), components)  # all images alike: nothing to divide by
    analysis = PCA(min(components, *values.shape), svd_solver="covariance_eigh")
    return torch.from_numpy(analysis.fit_transform(values.double().cpu().numpy())).float()
