"""Trained classifiers: the file of a learner that was trained on a real set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.configuration.choices import Spec, build, import_class
from fdd_lightning.errors import FileFormatError
from fdd_lightning.networks import Network
from fdd_lightning.utils.files import atomic_path

FORMAT = 1
TRAIN = "train one with `fdd fit --model Classifier --output DIR`"


def save_classifier(path: Path, learner: Algorithm, metadata: dict[str, Any]) -> None:
    """Write a learner's parameters, without what it remembers of the training images; equal content gives equal bytes.

    Args:
        path: By convention ``classifier.safetensors``.
        learner: The learner.
        metadata: JSON-able facts: ``learner`` and ``network`` as specs, ``num_classes``, ``image_shape``, and more.
    """
    header = {"format": FORMAT, "kind": "classifier", **metadata}
    tensors = {k: v.detach().cpu().contiguous() for k, v in learner.state_dict().items() if _lasts(learner, k)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, {"fdd": json.dumps(header, sort_keys=True)})


def load_classifier(path: str | Path) -> tuple[Algorithm, dict[str, Any]]:
    """Read a trained learner, in evaluation mode and frozen, and its metadata.

    ``learner(images)`` gives logits of normalised images, ``learner.network`` is the network that is meant to be used.

    Raises:
        FileFormatError: Not a classifier's file, cut short, of an unknown version, learner or network.
    """
    if not Path(path).is_file():
        raise FileFormatError(f"classifier {str(path)!r} does not exist: {TRAIN}")
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get("fdd", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise FileFormatError(f"{path} is cut short or no safetensors file ({error}): {TRAIN}") from None
    if header.get("kind") != "classifier" or header.get("format") != FORMAT:
        raise FileFormatError(f"{path} is no classifier's file of format {FORMAT}: {TRAIN}")
    network = _factory(header["network"], Network, path)
    learner: Algorithm = _factory(header["learner"], Algorithm, path)(
        network, header["num_classes"], tuple(header["image_shape"]), 1
    )
    own = {k: v.shape for k, v in learner.state_dict().items() if _lasts(learner, k)}
    strange = sorted(key for key in own.keys() | tensors if key not in tensors or own.get(key) != tensors[key].shape)
    if strange:
        raise FileFormatError(f"{path} does not fit its own learner ({strange[0]}): {TRAIN}")
    learner.load_state_dict(tensors, strict=False)
    return learner.eval().requires_grad_(False), header


def _lasts(learner: Algorithm, key: str) -> bool:
    """Tell whether a part of the state is of use after training."""
    return key.partition(".")[0] not in learner.memory


def _factory(spec: Spec, base: type, path: str | Path) -> Any:
    """Return the factory of a spec read from a file, which may only name what it should."""
    cls = import_class(spec["class_path"])
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise FileFormatError(f"{path} names {spec['class_path']}, which is no {base.__name__}: {TRAIN}")
    return build(spec)
