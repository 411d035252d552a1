"""The one place that looks whether numbers are finite: those that are not are no result, and no part of one."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from fdd_lightning.errors import NotFiniteError


def not_finite(tensors: Mapping[str, Tensor]) -> str:
    """Say which is the first of some tensors, by their names, that is not finite; empty where all are.

    Example:
        >>> import torch
        >>> not_finite({"step": torch.tensor(3), "layer 'head'": torch.tensor([1.0, 0.0, float("nan")])})
        "layer 'head' is not finite (1 of 3 numbers, the first in row 2)"
    """
    for name, tensor in tensors.items():
        if not (tensor.is_floating_point() or tensor.is_complex()) or bool((finite := tensor.isfinite()).all()):
            continue
        bad = (~finite).nonzero()
        row = f", the first in row {int(bad[0, 0])}" if tensor.ndim else ""
        return f"{name} is not finite ({len(bad)} of {tensor.numel()} numbers{row})"
    return ""


def require_finite(tensors: Mapping[str, Tensor], where: str, advice: str) -> None:
    """Refuse tensors that are not finite.

    Args:
        tensors: By the names that users know.
        where: What is at work: stage, method, step.
        advice: What to try.

    Raises:
        NotFiniteError: Names the first that is not.
    """
    if problem := not_finite(tensors):
        raise NotFiniteError(f"{where}: {problem}: {advice}")
