"""ViT: a vision transformer for images of any size, to score sets on an architecture without convolutions."""

from __future__ import annotations

from math import log2
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fdd_lightning.errors import ConfigError
from fdd_lightning.networks.base import Network
from fdd_lightning.utils.checks import require

LARGEST_PATCH = 16
"""Of ViT-S/16, at 224 pixels."""


class Block(nn.Module):
    """Self-attention and two linear layers, each after a normalisation and beside a shortcut.

    The attention is written out: gradient matching differentiates twice, which torch's own kernels cannot.

    Args:
        width: Length of a token.
        heads: Number of heads, which divides the width.

    Example:
        >>> Block(8, heads=2)(torch.zeros(1, 5, 8)).shape
        torch.Size([1, 5, 8])
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm_mlp = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (N, tokens, width) of such tokens."""
        tokens = tokens + self.attention(self.norm_attention(tokens))
        return cast(Tensor, tokens + self.mlp(self.norm_mlp(tokens)))

    def attention(self, tokens: Tensor) -> Tensor:
        """Return what each token takes from all of them."""
        queries, keys, values = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        shares = (queries @ keys.transpose(2, 3) / queries.shape[-1] ** 0.5).softmax(3)
        return cast(Tensor, self.project((shares @ values).transpose(1, 2).flatten(2)))


class ViT(Network):
    """Vision transformer (Dosovitskiy et al., ICLR 2021), ViT-small as Touvron et al. (ICML 2021) have it: no weights.

    Patches become smaller with the images, so that some fifty to two hundred are seen at any size: 2 pixels at 16, 4 at
    28 and 32, 8 at 64, 16 from 96 on. What no patch fills is padded with zeros, at the right and below. Last feature:
    the class token, ``width`` long. Parameters: 22,050,664 for (3, 224, 224) and 1000 classes.

    Args:
        patch: Pixels of a patch's side; null for what the size of the images asks for.
        width: Length of a token.
        depth: Number of blocks.
        heads: Heads of the attention, which divide the width.

    Example:
        >>> ViT(10, (3, 32, 32), width=8, depth=1, heads=2).embed(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 8])
    """

    pure = True

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        patch: int | None = None,
        width: int = 384,
        depth: int = 12,
        heads: int = 6,
    ) -> None:
        super().__init__(num_classes, image_shape)
        patch = self.by_size(self.image_shape)["patch"] if patch is None else patch
        require({"patch": patch, "width": width, "depth": depth, "heads": heads}, least=1, of="ViT")
        if width % heads:
            raise ConfigError(f"ViT has a width of {width}, which {heads} heads cannot share: make it a multiple")
        channels, height, columns = image_shape
        self.patch = patch
        self.patches = nn.Conv2d(channels, width, kernel_size=patch, stride=patch)
        count = -(-height // patch) * -(-columns // patch)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.zeros(1, 1 + count, width))
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.feature_dim = width
        self.classifier = nn.Linear(width, num_classes)
        self._draw()

    @classmethod
    def by_size(cls, image_shape: tuple[int, int, int]) -> dict[str, int]:
        """Return the patch for images of a shape: the power of two next to an eighth of their shorter side."""
        return {"patch": min(LARGEST_PATCH, 2 ** max(0, round(log2(min(image_shape[1:]) / 8))))}

    def _draw(self) -> None:
        """Draw the parameters as the published code does."""
        for parameter in (self.token, self.places):
            nn.init.trunc_normal_(parameter, std=0.02)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def embed(self, x: Tensor) -> Tensor:
        """Return the class token after the last normalisation, (N, feature_dim)."""
        below, right = (-size % self.patch for size in self.image_shape[1:])
        maps = self.patches(F.pad(x, (0, right, 0, below)) if below or right else x)
        tokens = torch.cat([self.token.expand(len(x), -1, -1), maps.flatten(2).transpose(1, 2)], 1)
        return cast(Tensor, self.norm(self.blocks(tokens + self.places))[:, 0])
