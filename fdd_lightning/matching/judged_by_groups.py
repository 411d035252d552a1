"""How well label-free weights do by the group labels that they did not read: for people to see, nothing hangs on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fdd_lightning.metrics import separation


@dataclass(frozen=True)
class JudgedByGroups:
    """What group labels say of weights over whole classes.

    Attributes:
        auroc: How well the weights of a class tell its bias-conflicting images from its aligned ones, on average over
            classes (1: perfectly, 0.5: not at all); None where no class has both.
        conflict_mass: Share of a class's weight on bias-conflicting images, on average over classes.
        conflict_share: Share of a class's images that are so.

    Example:
        >>> JudgedByGroups(auroc=0.97, conflict_mass=0.5, conflict_share=0.1).words.partition(":")[2]
        ' AUROC 0.97, and 50% of the weight on the 10% of images that go against the bias'
    """

    auroc: float | None
    conflict_mass: float
    conflict_share: float

    @property
    def words(self) -> str:
        """The judgement as part of a sentence."""
        told = "no class has both kinds of images" if self.auroc is None else f"AUROC {self.auroc:.2f}"
        return (
            f"by the group labels, which decide nothing here: {told}, and {self.conflict_mass:.0%} of the weight on "
            f"the {self.conflict_share:.0%} of images that go against the bias"
        )


def judge(weights: Sequence[Tensor], conflicts: Sequence[Tensor]) -> JudgedByGroups:
    """Judge each class's weights, (n,), which sum to 1, by which of its images are bias-conflicting, bool (n,)."""
    found = [separation(own, conflict) for own, conflict in zip(weights, conflicts, strict=True)]
    known = [value for value in found if value is not None]
    mass = [own[conflict].sum() for own, conflict in zip(weights, conflicts, strict=True)]
    share = [conflict.double().mean() for conflict in conflicts]
    return JudgedByGroups(
        float(torch.stack(known).mean()) if known else None,
        float(torch.stack(mass).mean()),
        float(torch.stack(share).mean()),
    )
