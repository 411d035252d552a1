"""Groups inferred by DBSCAN."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clusters import one_thread
from fdd_lightning.matching.evidence import Evidence
from fdd_lightning.matching.groupings.base import Grouping

MOST = 20_000
"""Images clustered together at most: in the worst case all are neighbours, and 8 n^2 bytes of them are kept."""


class DBSCANClusters(Grouping):
    """DBSCAN clusters of the bias encoder's embeddings, found in each class batch; reads no group labels.

    FairDD's own study infers groups inside each batch by DBSCAN and states no settings; the defaults are ours. Two
    images are enough for a cluster, because a group of 1% has two or three in a batch of 256: on the coloured digits
    and on C-MNIST the largest group (true share 0.9; under ten labels 0.1) had 0.11 to 0.22 of the weight, with five
    neighbours asked for 0.30 to 0.50.

    Args:
        eps: Distance within which two images are neighbours; embeddings have length 1, so distances lie in 0..2.
        min_samples: Neighbours, the image itself included, that make an image the core of a cluster.
        noise: What becomes of images in no cluster: ``group``: together they are one more group; ``drop``: they are
            left out of W.
    """

    needs_embeddings = True

    def __init__(self, eps: float = 0.5, min_samples: int = 2, noise: Literal["group", "drop"] = "group") -> None:
        if not eps > 0:
            raise ConfigError(f"DBSCANClusters eps must be positive, not {eps}")
        if min_samples < 1:
            raise ConfigError(f"DBSCANClusters min_samples must be at least 1, not {min_samples}")
        self.eps = eps
        self.min_samples = min_samples
        self.noise = noise

    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the clusters.

        Raises:
            ConfigError: All images are noise and noise is dropped, there are too many images, or no embeddings.
        """
        from sklearn.cluster import DBSCAN  # slow to import, needed by few

        points = evidence.embeddings_for(self)
        if len(points) > MOST:
            raise ConfigError(
                f"DBSCANClusters takes at most {MOST:,} images at once, a class has {len(points):,}: use KMeansClusters"
            )
        with one_thread():
            labels = DBSCAN(eps=self.eps, min_samples=self.min_samples).fit_predict(points.cpu().double().numpy())
        found = torch.from_numpy(labels).long()
        if self.noise == "group":
            found = torch.where(found < 0, found.max() + 1, found)
        elif bool((found < 0).all()):
            raise ConfigError(
                f"DBSCANClusters finds no cluster among the {len(found)} images of a class batch at eps={self.eps:g}, "
                f"min_samples={self.min_samples}: raise eps, lower min_samples, or keep noise as a group (noise=group)"
            )
        return found.to(points.device)
