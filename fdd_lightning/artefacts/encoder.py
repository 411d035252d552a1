"""The bias encoder: a network whose embedding shows what is easiest to learn, and its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from fdd_lightning.configuration.choices import Spec, build, import_class, spec_of
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import FileFormatError
from fdd_lightning.networks import Network, NetworkFactory
from fdd_lightning.utils.files import atomic_path, fingerprint, sha256_file
from fdd_lightning.utils.paths import cache_root

FORMAT = 1


class Encoder(nn.Module):
    """A backbone and a two-layer projection head, with embeddings on the unit sphere.

    The model of SelecMix, which Cui et al. take over: backbone feature, Linear, ReLU, Linear, L2 normalisation.

    Args:
        network: The backbone's architecture; only its :meth:`~fdd_lightning.networks.Network.embed` is used.
        num_classes: Number of classes, for the backbone's constructor.
        image_shape: (C, H, W).
        hidden: Width of the head's hidden layer.
        dimension: Length of the embedding.
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
        self.facts: dict[str, Any] = {
            "network": spec_of(network),
            "num_classes": num_classes,
            "image_shape": list(image_shape),
            "hidden": hidden,
            "dimension": dimension,
        }
        self.backbone: Network = network(num_classes, image_shape)
        # The classifier is no part of the encoder; left in, it would be a parameter that no loss reaches.
        self.backbone.classifier = nn.Identity()
        self.head = nn.Sequential(nn.Linear(self.backbone.feature_dim, hidden), nn.ReLU(), nn.Linear(hidden, dimension))

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings (n, dimension) of length 1 from normalised images (n, C, H, W)."""
        return nn.functional.normalize(self.head(self.backbone.embed(images)), dim=1)

    def save(self, path: str | Path, metadata: dict[str, Any]) -> None:
        """Write the encoder with what it was trained on, atomically.

        Args:
            path: The file, by convention ``encoder.safetensors``.
            metadata: JSON-able facts; ``dataset`` and ``settings`` are read by later stages.
        """
        header = {"format": FORMAT, "kind": "encoder", **self.facts, **metadata}
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.state_dict().items()}
        with atomic_path(path) as temporary:
            save_file(tensors, temporary, {"fdd": json.dumps(header, sort_keys=True)})

    @classmethod
    def load(cls, path: str | Path) -> tuple[Encoder, dict[str, Any]]:
        """Read an encoder, in evaluation mode and frozen, and its metadata.

        Raises:
            FileFormatError: Not an encoder file, cut short, of an unknown version, or of an unknown network.
        """
        if not Path(path).is_file():
            raise FileFormatError(f"encoder {str(path)!r} does not exist: train one with `fdd fit --output DIR`")
        try:
            with safe_open(path, "pt") as file:
                header = json.loads((file.metadata() or {}).get("fdd", "{}"))
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError, json.JSONDecodeError) as error:
            raise FileFormatError(
                f"{path} is cut short or no safetensors file ({error}): train the encoder again"
            ) from None
        if header.get("kind") != "encoder" or header.get("format") != FORMAT:
            raise FileFormatError(
                f"{path} is no encoder file of format {FORMAT}: pass an encoder.safetensors of `fdd fit`"
            )
        encoder = cls(
            _network(header["network"], path),
            header["num_classes"],
            tuple(header["image_shape"]),
            header["hidden"],
            header["dimension"],
        )
        encoder.load_state_dict(tensors)
        return encoder.eval().requires_grad_(False), header


def _network(spec: Spec, path: str | Path) -> NetworkFactory:
    """Return the factory of a spec read from a file, which may only name a network."""
    cls = import_class(spec["class_path"])
    if not (isinstance(cls, type) and issubclass(cls, Network)):
        raise FileFormatError(f"{path} names {spec['class_path']}, which is no Network: train the encoder again")
    factory: NetworkFactory = build(spec)
    return factory


@torch.no_grad()
def embed_all(encoder: nn.Module, data: ImageSet, device: torch.device | None = None, batch_size: int = 512) -> Tensor:
    """Return the embeddings of a whole set, without augmentation, in evaluation mode; float32 (N, d) on the CPU."""
    training = encoder.training
    dtype = next(encoder.parameters()).dtype
    encoder.eval()
    parts = [
        encoder(data.batch(index)["image"].to(device, dtype)).float().cpu()
        for index in torch.arange(len(data)).split(batch_size)
    ]
    encoder.train(training)
    return torch.cat(parts)


def cached_embeddings(path: str | Path, data: ImageSet, data_fingerprint: str, device: torch.device) -> Tensor:
    """Return the embeddings of a set by an encoder file, computed once and kept in the cache.

    Args:
        path: The encoder's file.
        data: The set.
        data_fingerprint: Fingerprint of exactly the images of ``data``.
        device: Where to compute.

    Returns:
        float32 (N, d).

    Raises:
        FileFormatError: The encoder does not fit the images.
    """
    key = fingerprint({"encoder": sha256_file(path), "data": data_fingerprint, "size": len(data)})
    stored = cache_root() / "embeddings" / f"{key[:32]}.safetensors"
    if stored.is_file():
        try:
            with safe_open(stored, "pt") as file:
                tensor: Tensor = file.get_tensor("embeddings")
                return tensor
        except (SafetensorError, OSError):
            stored.unlink(missing_ok=True)  # a damaged cache is made again
    encoder, header = Encoder.load(path)
    shape = data.image_shape
    if tuple(header["image_shape"]) != shape:
        raise FileFormatError(
            f"encoder {path} takes images of shape {tuple(header['image_shape'])}, the data have {shape}: "
            "train an encoder on this data set"
        )
    embeddings = embed_all(encoder.to(device), data, device)
    with atomic_path(stored) as temporary:
        save_file({"embeddings": embeddings}, temporary)
    return embeddings
