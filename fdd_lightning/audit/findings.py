"""What is found out about a data set: per image, per class, and as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets.association import Association
from fdd_lightning.matching.evidence import Gallery
from fdd_lightning.matching.extractors import Statistics
from fdd_lightning.matching.groupings import NeighbourVote
from fdd_lightning.matching.neighbour_votes import CLEAR_MARGIN, Ballot, Verdict, lead
from fdd_lightning.matching.weightings.base import group_rows
from fdd_lightning.matching.weightings.kde import KDE, kernel_density
from fdd_lightning.metrics import separation


@dataclass(frozen=True)
class Findings:
    """What is found out about the training images of a data set.

    Attributes:
        name: The data set's.
        class_names: Its classes.
        group_names: Its groups; one where there are none.
        targets: The labels, int64 (N,).
        groups: The true groups, int64 (N,); None where there are none.
        ballot: The neighbours' votes.
        density: Kernel density of each image in its class, in colour and texture, (N,).
        association: Of class and group, where there are groups.
        aligned: Which (class, group) cells are bias-aligned; None where that means nothing.
        files: Names of the images' files; None where they have none of their own.
        asked_by: The arguments by which a command is given the same data.

    Example:
        >>> from fdd_lightning.datamodules import ColoredDigits
        >>> data = ColoredDigits()
        >>> data.setup()
        >>> look_at(data).verdict.signal
        'vote'
    """

    name: str
    class_names: Sequence[str]
    group_names: Sequence[str]
    targets: Tensor
    groups: Tensor | None
    ballot: Ballot
    density: Tensor
    association: Association | None
    aligned: Tensor | None
    files: Sequence[str] | None = None
    asked_by: str = "--data ..."

    @property
    def verdict(self) -> Verdict:
        """The vote's verdict."""
        return self.ballot.verdict

    @cached_property
    def shares(self) -> Tensor:
        """Share of each label among an image's voters, (N, num_classes)."""
        return self.ballot.votes.mean(0)

    @cached_property
    def against(self) -> Tensor:
        """By how much another label wins against each image's own, in 0..1; 0 where its own wins."""
        return lead(self.shares, self.targets)

    @cached_property
    def weight(self) -> Tensor:
        """How much each image would count if its class's inferred groups counted alike; 1 on average over a class."""
        weights = torch.zeros(len(self.targets), dtype=torch.float64)
        for target in self.targets.unique():
            members = (self.targets == target).nonzero()[:, 0]
            weights[members] = len(members) * group_rows(self.ballot.winners[members]).mean(0)
        return weights

    @cached_property
    def auroc(self) -> float | None:
        """How well the vote separates bias-conflicting images from aligned ones, within a class, on average.

        1: perfectly, 0.5: not at all; None where there is no alignment, or where no class has both.
        """
        if self.aligned is None or self.groups is None:
            return None
        conflict = ~self.aligned[self.targets, self.groups]
        doubt = 1 - self.shares.gather(1, self.targets[:, None])[:, 0]
        found = []
        for target in self.targets.unique():
            of_class = self.targets == target
            found.append(separation(doubt[of_class], conflict[of_class]))
        known = [value for value in found if value is not None]
        return float(torch.stack(known).mean()) if known else None

    def images(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each image, in the order of the training set."""
        order = self.shares.argsort(1, descending=True)[:, :3].tolist()
        for i, (target, winner) in enumerate(zip(self.targets.tolist(), self.ballot.winners.tolist(), strict=True)):
            near = [f"{self.class_names[c]} {float(self.shares[i, c]):.0%}" for c in order[i] if self.shares[i, c] > 0]
            yield {
                "image": i if self.files is None else self.files[i],
                "class": self.class_names[target],
                "group": "" if self.groups is None else self.group_names[int(self.groups[i])],
                "looks_like": self.class_names[winner],
                "against": round(float(self.against[i]), 4),
                "weight": round(float(self.weight[i]), 4),
                "density": round(float(self.density[i]), 6),
                "neighbours": ", ".join(near),
            }

    def classes(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each class that has images."""
        for target, name in enumerate(self.class_names):
            members = self.targets == target
            count = int(members.sum())
            if not count:
                continue
            others = self.ballot.winners[members & (self.ballot.winners != target)]
            likest = self.class_names[int(others.bincount().argmax())] if len(others) else ""
            yield {
                "class": name,
                "images": count,
                "against": len(others) / count,
                "clearly": float((self.against[members] > CLEAR_MARGIN).double().mean()),
                "mostly like": likest,
            }

    def ranked(self, target: int, count: int, *, typical: bool) -> Tensor:
        """Return the places of a class's most typical images, or of those that go most against the crowd."""
        members = (self.targets == target).nonzero()[:, 0]
        own = self.shares[members, target] - self.against[members]
        return members[own.argsort(descending=typical, stable=True)[:count]]


def look_at(data: BaseDataModule, vote: NeighbourVote | None = None, asked_by: str = "--data ...") -> Findings:
    """Look at the training images of a data set that is set up; no group label decides a vote.

    Args:
        data: The data set.
        vote: Another vote than the usual one.
        asked_by: The arguments by which a command is given the same data, for the advice.
    """
    vote = vote or NeighbourVote()
    train = data.train
    sources = data.sources if vote.needs_sources else None
    facts = data.num_classes, 0, torch.device("cpu"), None, data.train_fingerprint, sources
    gallery = Gallery(train.without_groups(), *facts)
    vote.prepare(gallery)
    points = normalize(Statistics().prepare(gallery)(torch.arange(len(train))), dim=1)
    density = torch.zeros(len(train), dtype=torch.float64)
    for target in train.targets.unique():
        members = train.targets == target
        density[members] = kernel_density(points[members], KDE().variance)
    grouped = data.num_groups > 1
    return Findings(
        data.name,
        data.class_names,
        data.group_names,
        train.targets.cpu(),
        train.groups.cpu() if grouped else None,
        vote.ballot,
        density,
        data.association if grouped else None,
        data.alignment,
        data.image_names(),
        asked_by,
    )
