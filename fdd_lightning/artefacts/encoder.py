"""The bias encoder's file, and the embeddings of a data set by it, which are kept in the cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fdd_lightning.artefacts.file_kind import FileKind
from fdd_lightning.configuration.choices import spec_of
from fdd_lightning.configuration.sizes import sized
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import FileFormatError
from fdd_lightning.networks import Encoder, Network
from fdd_lightning.utils.files import sha256_file
from fdd_lightning.utils.finite import require_finite
from fdd_lightning.utils.tensor_cache import cached_tensors

ENCODER = FileKind(
    "encoder",
    "train one with `fdd fit --output DIR` and pass its encoder.safetensors",
    "train the encoder again",
    facts={"network": dict[str, Any], "num_classes": int, "image_shape": list[int], "hidden": int, "dimension": int},
)


SHARE = "effective_sample_share"
"""The key, among the densities in the metadata, of the effective sample size of plain inverse-density weights."""

SIBLING = "sibling_correlation"
"""The key, among the densities in the metadata, of how alike a second encoder weighs; without one it is not there."""


def save_encoder(path: str | Path, encoder: Encoder, metadata: Mapping[str, Any]) -> None:
    """Write an encoder with JSON-able metadata, of which later stages read ``dataset`` and ``settings``."""
    facts = encoder.facts
    network = sized(spec_of(encoder.architecture), lambda: facts["image_shape"])
    ENCODER.write(path, encoder.state_dict(), {"network": network, **facts, **metadata})


def load_encoder(path: str | Path) -> tuple[Encoder, dict[str, Any]]:
    """Read an encoder, in evaluation mode and frozen, and its metadata.

    Raises:
        FileFormatError: Not an encoder's file, cut short, of an unknown version, or of an unknown network.
    """
    tensors, metadata = ENCODER.read(path)
    network = ENCODER.factory(path, metadata["network"], Network)
    shape = tuple(metadata["image_shape"])
    facts = metadata["num_classes"], shape, metadata["hidden"], metadata["dimension"]
    encoder = ENCODER.built(path, lambda: Encoder(network, *facts), sum(t.numel() for t in tensors.values()))
    ENCODER.check_state(path, tensors, encoder.state_dict())
    encoder.load_state_dict(tensors)
    return encoder.eval().requires_grad_(False), metadata


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


EMBEDDINGS, BACKBONE = "embeddings", "backbone"


def cached_embeddings(
    path: str | Path, data: ImageSet, data_fingerprint: str, device: torch.device, *, of: str = EMBEDDINGS
) -> Tensor:
    """Return the embeddings of a set by an encoder's file, float32 (N, d), computed once and kept in the cache.

    ``data_fingerprint`` is that of exactly the images of ``data``. With ``of=BACKBONE`` it is the feature before the
    head instead.

    Raises:
        FileFormatError: The encoder does not fit the images.
        NotFiniteError: What it gives is not finite.
    """

    def compute() -> dict[str, Tensor]:
        encoder, metadata = load_encoder(path)
        shape = tuple(metadata["image_shape"])
        if shape != data.image_shape:
            raise FileFormatError(
                f"encoder {path} takes images of shape {shape}, the data have {data.image_shape}: "
                "train an encoder on this data set"
            )
        seen_by = encoder if of == EMBEDDINGS else encoder.backbone  # without its classifier this ends in its feature
        found = embed_all(seen_by.to(device), data, device)
        require_finite({f"{of} of the training images": found}, f"encoder {path}", "train it again, at a lower rate")
        return {of: found}

    key = {"encoder": sha256_file(path), "data": data_fingerprint, "size": len(data)}
    return cached_tensors(of, key, compute)[of]
