"""The mean of the group means as a single target."""

from __future__ import annotations

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings.base import Evidence, Weighting, WeightMatrix, group_rows, single_row


class Barycenter(Weighting):
    """The average of FairDD's rows: one target in which every group present weighs the same.

    This is the target of COBRA; its recipe differs in more than the target.
    """

    needs_groups = True

    def __call__(self, evidence: Evidence) -> WeightMatrix:
        """Return one row: each image weighs 1 / (groups present x images of its group)."""
        if evidence.groups is None:
            raise ConfigError("Barycenter needs the group of every image: use a data set with groups, or weighting KDE")
        return single_row(group_rows(evidence.groups).mean(0))
