"""Label-free FairDD: the groups are inferred by a vote of each image's neighbours."""

from __future__ import annotations

from typing import Literal

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.groupings import Grouping, NeighbourVote
from fdd_lightning.matching.weightings.fairdd import FairDD


class Vote(FairDD):
    """FairDD over groups that a neighbour vote infers: the recommended way where no group labels are known (ours).

    Args:
        reduction: ``mean`` of the groups' distances, or their ``sum``.
        groups: How groups are inferred.

    Example:
        >>> Vote().needs_groups
        False
    """

    one_row_advice = "take barycenter with its groups set to NeighbourVote, which makes groups come up equally"

    def __init__(self, reduction: Literal["sum", "mean"] = "mean", groups: Grouping = NeighbourVote()) -> None:
        super().__init__(reduction, groups)
        if groups.needs_groups:
            raise ConfigError("Vote reads no group labels: where they are known, take FairDD")
