"""Expert trajectories: a network's parameters as it learned on the real data, and their files.

An expert is one safetensors file: the tensor ``trajectory``, (snapshots, P), whose row t holds all parameters after t
epochs, end to end in the order in which the network names them, and one metadata entry ``fdd``, a JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from fdd_lightning.configuration.choices import build, import_class
from fdd_lightning.errors import FileFormatError
from fdd_lightning.networks import Network
from fdd_lightning.utils.files import atomic_path

FORMAT = 1
FOLDER = "experts"
"""The folder of the files, in the output folder of the stage that trains them."""

TENSOR = "trajectory"
ALIKE = ("network", "num_classes", "image_shape", "dataset", "data_fingerprint", "weighting", "learner", "zca")
"""Metadata in which all experts of a folder must be the same."""

TRAIN = "train them with `fdd fit --config experts/mtt --output DIR` and pass --experts DIR"


def flat_parameters(network: nn.Module) -> Tensor:
    """Return a copy of all parameters end to end, (P,)."""
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def unflatten(vector: Tensor, network: nn.Module) -> dict[str, Tensor]:
    """Return views of a flat vector, by the names that the network's parameters have."""
    named = dict(network.named_parameters())
    parts = vector.split([parameter.numel() for parameter in named.values()])
    return {name: part.view_as(own) for (name, own), part in zip(named.items(), parts, strict=True)}


def save_expert(path: Path, trajectory: Tensor, metadata: Mapping[str, Any]) -> None:
    """Write one expert, atomically; equal content gives equal bytes.

    Args:
        path: By convention ``experts/NNNN.safetensors``.
        trajectory: (snapshots, P), float32 or float16.
        metadata: JSON-able facts, those of :data:`ALIKE` among them.
    """
    header = {"format": FORMAT, "kind": "expert", **metadata}
    with atomic_path(path) as temporary:
        save_file({TENSOR: trajectory.contiguous()}, temporary, {"fdd": json.dumps(header, sort_keys=True)})


class Trajectories:
    """The experts of a folder; what is asked for is read from their files, nothing else is in memory.

    Args:
        path: The folder of the files, or the output folder that has it as ``experts``.

    Attributes:
        header: Metadata of the first expert; what is in :data:`ALIKE` holds for all.
        snapshots: Snapshots that every expert has; one more than its epochs.

    Raises:
        FileFormatError: There are no experts, or one is cut short, of another kind, or does not go with the others.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        inner = self.path / FOLDER
        files = sorted((inner if inner.is_dir() else self.path).glob("*.safetensors"))
        if not files:
            what = "holds no experts" if self.path.is_dir() else "is no folder"
            raise FileFormatError(f"experts {self.path} {what}: {TRAIN}")
        self._experts = [_Expert(file) for file in files]
        self.header = self._experts[0].header
        for other in self._experts[1:]:
            for key in ALIKE:
                if other.header.get(key) != self.header.get(key):
                    raise FileFormatError(
                        f"{other.path} differs from {files[0].name} in {key}: experts of one kind belong in a folder"
                    )
        self.snapshots = min(expert.shape[0] for expert in self._experts)
        self._network = self._build()

    def __len__(self) -> int:
        """Return the number of experts."""
        return len(self._experts)

    def network(self) -> Network:
        """Return the experts' network, with parameters of no meaning."""
        return self._network

    def snapshot(self, expert: int, epoch: int) -> Tensor:
        """Return the flat parameters (P,) of an expert after an epoch, in the precision of the file.

        Raises:
            FileFormatError: The file has changed since it was opened.
        """
        return self._experts[expert].row(epoch)

    def _build(self) -> Network:
        spec, path = self.header["network"], self._experts[0].path
        cls = import_class(spec["class_path"])
        if not (isinstance(cls, type) and issubclass(cls, Network)):
            raise FileFormatError(f"{path} names {spec['class_path']}, which is no Network: train the experts again")
        network: Network = build(spec)(self.header["num_classes"], tuple(self.header["image_shape"]))
        count = sum(parameter.numel() for parameter in network.parameters())
        for expert in self._experts:
            if expert.shape[1] != count:
                raise FileFormatError(
                    f"{expert.path} holds {expert.shape[1]} parameters, its network {cls.__name__} has {count}: "
                    "train the experts again"
                )
        return network


class _Expert:
    """One file, opened once; the system reads from it what is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            file: Any = safe_open(path, "pt")
            header = json.loads((file.metadata() or {}).get("fdd", "{}"))
            found = TENSOR in file.keys()  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError, json.JSONDecodeError) as error:
            raise FileFormatError(
                f"{path} is cut short or no safetensors file ({error}): train the experts again"
            ) from None
        if header.get("kind") != "expert" or header.get("format") != FORMAT or not found:
            raise FileFormatError(f"{path} is no expert's file of format {FORMAT}: {TRAIN}")
        self.header: dict[str, Any] = header
        self._rows = file.get_slice(TENSOR)
        self.shape: list[int] = self._rows.get_shape()

    def row(self, index: int) -> Tensor:
        row: Tensor = self._rows[index : index + 1][0]
        return row
