"""The bias encoder: a network whose embedding shows what is easiest to learn."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from fdd_lightning.networks.base import NetworkFactory


class Encoder(nn.Module):
    """A backbone and a two-layer projection head, with embeddings on the unit sphere.

    The model of SelecMix, which Cui et al. take over: backbone feature, Linear, ReLU, Linear, L2 normalisation.

    Args:
        network: The backbone's architecture; only its :meth:`~fdd_lightning.networks.Network.embed` is used.
        num_classes: Number of classes, for the backbone's constructor.
        image_shape: (C, H, W).
        hidden: Width of the head's hidden layer.
        dimension: Length of the embedding.

    Example:
        >>> import torch
        >>> from fdd_lightning.networks import ConvNet
        >>> encoder = Encoder(ConvNet, num_classes=10, image_shape=(3, 32, 32))
        >>> encoder(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 128])
    """

    def __init__(
        self,
        network: NetworkFactory,
        num_classes: int,
        image_shape: tuple[int, int, int],
        hidden: int = 512,
        dimension: int = 128,
    ) -> None:
        super().__init__()
        self.architecture = network
        self.facts: dict[str, Any] = {"num_classes": num_classes, "image_shape": list(image_shape)}
        self.facts |= {"hidden": hidden, "dimension": dimension}
        self.backbone = network(num_classes, image_shape)
        # The classifier is no part of the encoder; left in, it would be a parameter that no loss reaches.
        self.backbone.classifier = nn.Identity()
        self.head = nn.Sequential(nn.Linear(self.backbone.feature_dim, hidden), nn.ReLU(), nn.Linear(hidden, dimension))

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings (n, dimension) of length 1 from normalised images (n, C, H, W)."""
        return nn.functional.normalize(self.head(self.backbone.embed(images)), dim=1)
