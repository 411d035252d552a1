"""Trained classifiers: the file of an algorithm that was trained on a real set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.artefacts.file_kind import FileKind
from fdd_lightning.networks import Network

TRAIN = "train one with `fdd fit --model Classifier --output DIR`"
FACTS = {
    "network": dict[str, Any],
    "learner": dict[str, Any],
    "num_classes": int,
    "image_shape": list[int],
    "dataset": str,
    "data_fingerprint": str,
    "config": dict[str, Any],
}
CLASSIFIER = FileKind("classifier", TRAIN, TRAIN, facts=FACTS)


def save_classifier(path: str | Path, algorithm: Algorithm, metadata: Mapping[str, Any]) -> None:
    """Write an algorithm's parameters, without what it remembers of the training images.

    The metadata are JSON-able: ``learner`` and ``network`` as specs, ``num_classes``, ``image_shape``, and more.
    """
    CLASSIFIER.write(path, _lasting(algorithm), metadata)


def load_classifier(path: str | Path) -> tuple[Algorithm, dict[str, Any]]:
    """Read a trained algorithm, in evaluation mode and frozen, and its metadata.

    ``algorithm(images)`` gives logits of normalised images, ``algorithm.network`` is the network that is to be used.

    Raises:
        FileFormatError: Not a classifier's file, cut short, of an unknown version, algorithm or network.
    """
    tensors, metadata = CLASSIFIER.read(path)
    network = CLASSIFIER.factory(path, metadata["network"], Network)
    factory = CLASSIFIER.factory(path, metadata["learner"], Algorithm)
    facts = metadata["num_classes"], tuple(metadata["image_shape"])
    held = sum(tensor.numel() for tensor in tensors.values())
    algorithm: Algorithm = CLASSIFIER.built(path, lambda: factory(network, *facts, 1), held)
    CLASSIFIER.check_state(path, tensors, _lasting(algorithm))
    algorithm.load_state_dict(tensors, strict=False)
    return algorithm.eval().requires_grad_(False), metadata


def _lasting(algorithm: Algorithm) -> dict[str, Tensor]:
    """Return the part of the state that is of use after training."""
    return {k: v for k, v in algorithm.state_dict().items() if k.partition(".")[0] not in algorithm.memory}
