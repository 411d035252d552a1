"""Experts: networks' parameters as they learned on the real data, and their files.

An expert is one safetensors file: the tensor ``trajectory``, (snapshots, P), whose row t holds all parameters after t
epochs, end to end in the order in which the network names them, and one metadata entry ``fdd``, a JSON object.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fdd_lightning.artefacts.file_kind import FileKind
from fdd_lightning.configuration.choices import is_spec
from fdd_lightning.configuration.named_by_files import require_known
from fdd_lightning.errors import FileFormatError
from fdd_lightning.networks import Network

FOLDER = "experts"
"""The folder of the files, in the output folder of the stage that trains them."""

TENSOR = "trajectory"
ALIKE = ("network", "num_classes", "image_shape", "dataset", "data_fingerprint", "weighting", "learner", "zca")
"""Metadata in which all experts of a folder must be the same."""

TRAIN = "train them with `fdd fit --config experts/mtt --output DIR` and pass --experts DIR"
EXPERT = FileKind(
    "expert",
    TRAIN,
    "train the experts again",
    tensors=(TENSOR,),
    facts={
        "network": dict[str, Any],
        "num_classes": int,
        "image_shape": list[int],
        "weighting": dict[str, Any],
        "dataset": str,
        "data_fingerprint": str,
        "zca": float | None,
    },
)


def flat_parameters(network: nn.Module) -> Tensor:
    """Return a copy of all parameters end to end, (P,)."""
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def unflatten(vector: Tensor, network: nn.Module) -> dict[str, Tensor]:
    """Return views of a flat vector, by the names that the network's parameters have."""
    parameters = dict(network.named_parameters())
    parts = vector.split([parameter.numel() for parameter in parameters.values()])
    return {name: part.view_as(parameter) for (name, parameter), part in zip(parameters.items(), parts, strict=True)}


def save_expert(path: Path, trajectory: Tensor, metadata: Mapping[str, Any]) -> None:
    """Write one expert, (snapshots, P) in float32 or float16, with JSON-able metadata, :data:`ALIKE` among them."""
    EXPERT.write(path, {TENSOR: trajectory}, metadata)


class ExpertFolder:
    """The experts of a folder; what is asked for is read from their files, nothing else is in memory.

    Args:
        path: The folder of the files, or the output folder that has it as ``experts``.

    Attributes:
        header: Metadata of the first expert; what is in :data:`ALIKE` holds for all.
        snapshots: Snapshots that every expert has; one more than its epochs.
        network: The experts' network, with parameters of no meaning.
        files: Their files.
        warnings: What is doubtful about any of them (see :mod:`fdd_lightning.artefacts.doubts`).

    Raises:
        FileFormatError: There are no experts, or one is cut short, of another kind, or does not go with the others.

    Example:
        >>> ExpertFolder("nowhere")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        fdd_lightning.errors.FileFormatError: experts nowhere is no folder: train them with ...
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        inner = self.path / FOLDER
        files = sorted((inner if inner.is_dir() else self.path).glob("*.safetensors"))
        if not files:
            what = "holds no experts" if self.path.is_dir() else "is no folder"
            raise FileFormatError(f"experts {self.path} {what}: {TRAIN}")
        self.files = files
        handles, headers = zip(*(EXPERT.open(file) for file in files), strict=True)
        self.header: dict[str, Any] = headers[0]
        for file, header in zip(files, headers, strict=True):
            for key in ALIKE:
                if header.get(key) != self.header.get(key):
                    raise FileFormatError(
                        f"{file} differs from {files[0].name} in {key}: experts of one kind belong in a folder"
                    )
        self.warnings = sorted({word for header in headers for word in header.get("warnings", ())})
        if not is_spec(self.header["weighting"]):
            raise FileFormatError(f"{files[0]} names no weighting by its class path: {EXPERT.again}")
        require_known(self.header["weighting"], str(files[0]))
        facts = self.header["num_classes"], tuple(self.header["image_shape"])
        factory = EXPERT.factory(files[0], self.header["network"], Network)
        self._trajectories = [handle.get_slice(TENSOR) for handle in handles]
        shapes = [trajectory.get_shape() for trajectory in self._trajectories]
        for file, shape, trajectory in zip(files, shapes, self._trajectories, strict=True):
            if len(shape) != 2 or trajectory.get_dtype() not in ("F16", "F32") or min(shape) < 1:
                raise FileFormatError(f"{file} holds no trajectory (snapshots, parameters): {EXPERT.again}")
        self.network: Network = EXPERT.built(files[0], lambda: factory(*facts), shapes[0][1])
        self.snapshots = min(shape[0] for shape in shapes)
        count = sum(parameter.numel() for parameter in self.network.parameters())
        for file, shape in zip(files, shapes, strict=True):
            if shape[1] != count:
                raise FileFormatError(
                    f"{file} holds {shape[1]} parameters, its network {type(self.network).__name__} has {count}: "
                    "train the experts again"
                )

    def __len__(self) -> int:
        """Return the number of experts."""
        return len(self._trajectories)

    def snapshot(self, expert: int, epoch: int) -> Tensor:
        """Return the flat parameters (P,) of an expert after an epoch, in the precision of the file."""
        row: Tensor = self._trajectories[expert][epoch : epoch + 1][0]
        EXPERT.check_finite(self.files[expert], {TENSOR: row})
        return row
