"""Groups by their labels."""

from __future__ import annotations

from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings.base import Grouping


class Labels(Grouping):
    """The protected attribute's own values, as FairDD was published."""

    needs_groups = True

    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the labels."""
        if evidence.groups is None:
            raise ConfigError(
                "grouping Labels needs the group of every image: use a data set with groups, infer them "
                "(KMeansClusters, DBSCANClusters), or use weighting KDE"
            )
        return evidence.groups
