"""Groupings: which images of a class batch a weighting takes for a group."""

from fdd_lightning.matching.groupings.base import Grouping
from fdd_lightning.matching.groupings.dbscan import DBSCANClusters
from fdd_lightning.matching.groupings.kmeans import KMeansClusters
from fdd_lightning.matching.groupings.labels import Labels
from fdd_lightning.matching.groupings.wrong_labels import WrongLabels

__all__ = ["DBSCANClusters", "Grouping", "KMeansClusters", "Labels", "WrongLabels"]
