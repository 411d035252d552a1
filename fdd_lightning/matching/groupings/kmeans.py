"""Groups inferred by k-means."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clusters import one_thread
from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings.base import Grouping


class KMeansClusters(Grouping):
    """k-means clusters of the bias encoder's embeddings, found in each class batch; reads no group labels.

    Clusters of k-means tend to be of one size: where a majority is large it is split among several of them and keeps
    a larger share of W than under true labels. On batches of 256 of the coloured digits and of C-MNIST with ten
    clusters, the largest group (true share 0.9; under ten labels 0.1) had 0.15 to 0.41 of the weight.

    Args:
        count: Clusters.
    """

    needs_embeddings = True

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ConfigError(f"KMeansClusters count must be at least 1, not {count}")
        self.count = count

    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the clusters; the same batch gives the same ones.

        Raises:
            ConfigError: There are fewer images than clusters, or no embeddings.
        """
        from sklearn.cluster import KMeans  # slow to import, needed by few
        from sklearn.exceptions import ConvergenceWarning

        points = evidence.embeddings_for(self)
        if len(points) < self.count:
            raise ConfigError(
                f"KMeansClusters looks for {self.count} clusters in a class batch of {len(points)} images: lower its "
                "count, or raise the sampler's batch_size (a class may have no more images)"
            )
        with one_thread(), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # points that coincide make fewer clusters, no harm
            found = KMeans(self.count, n_init=1, random_state=0).fit_predict(points.cpu().double().numpy())
        return torch.from_numpy(found).long().to(points.device)
