"""Groupings: which images of a class batch a weighting takes for a group."""

from __future__ import annotations

import hashlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice, Spec, rebuild, spec_of
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clustering import one_thread
from fdd_lightning.matching.evidence import Evidence, Gallery
from fdd_lightning.matching.extractors import Extractor, Statistics
from fdd_lightning.matching.neighbour_votes import Ballot, CrossFitted, Verdict, neighbour_shares
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import hashed_uniforms
from fdd_lightning.utils.tensor_cache import cached_tensors


class Grouping(Choice, ABC):
    """Base of every grouping: where the groups of FairDD and its kin come from.

    A weighting with a grouping passes its needs on, so a grouping receives the evidence that its attributes ask for
    and no other. It has no state: groups are found anew in every batch, and their numbers mean nothing from one batch
    to the next.

    Attributes:
        needs_groups: Reads the group labels.
        needs_embeddings: Reads the bias encoder's embeddings.
        needs_index: Tells images apart by their place in the training set.
        needs_sources: Reads which images were made from the same source, when it is shown the training set.

    Example:
        >>> class OddAndEven(Grouping):
        ...     needs_index = True
        ...     def __call__(self, evidence: Evidence) -> Tensor:
        ...         return evidence.index % 2
    """

    needs_groups: bool = False
    needs_embeddings: bool = False
    needs_index: bool = False
    needs_sources: bool = False

    @abstractmethod
    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the group of each image, int64 (n,), any numbers from 0; -1 leaves the image out of W."""

    def prepare(self, gallery: Gallery) -> None:
        """Look at the whole training set, once before the first step; its group labels are all 0.

        Args:
            gallery: The images.
        """

    @property
    def verdict(self) -> Verdict | None:
        """What it found in the training set; None where it does not judge."""
        return None


class Labels(Grouping):
    """The protected attribute's own values, as FairDD was published.

    Example:
        >>> Labels()(Evidence(size=3, groups=torch.tensor([0, 1, 1]), num_groups=2))
        tensor([0, 1, 1])
    """

    needs_groups = True

    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the labels."""
        if evidence.groups is None:
            raise ConfigError(
                "grouping Labels needs the group of every image: use a data set with groups, infer them "
                "(KMeansClusters, DBSCANClusters), or use weighting KDE"
            )
        return evidence.groups


class WrongLabels(Grouping):
    """The labels, each replaced at a given rate by another group: what careless labels would cost.

    Which images are mislabelled, and as what, is fixed for the whole run: it depends on the seed and on the image's
    place in the training set alone. Each of the other groups is equally likely. Only the weighting is misled: samplers
    and evaluation read the true labels.

    A little is much where groups are small. With ten groups and a majority of 90%, a rate of 0.2 makes two thirds of
    the images that pass for a minority group images of the majority.

    Args:
        rate: Probability, in 0..1, that a label is replaced.
        seed: Seed of the mistakes; the distiller's own seed does not change them.

    Example:
        >>> WrongLabels(rate=1.0)(Evidence(3, groups=torch.tensor([0, 1, 1]), num_groups=2, index=torch.arange(3)))
        tensor([1, 0, 0])
    """

    needs_groups = True
    needs_index = True

    def __init__(self, rate: float = 0.2, seed: int = 0) -> None:
        require({"rate": rate}, least=0, most=1, of="WrongLabels")
        self.rate = rate
        self.seed = seed

    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the labels with the mistakes."""
        groups, count, index = evidence.groups, evidence.num_groups, evidence.index
        if groups is None or count is None or index is None:
            raise ConfigError("grouping WrongLabels needs the group of every image: use a data set with groups")
        if count < 2:
            raise ConfigError("grouping WrongLabels needs a second group to take for the first: use Labels")
        wrong = hashed_uniforms(index, self.seed, "wrong labels") < self.rate
        shift = 1 + (hashed_uniforms(index, self.seed, "taken for") * (count - 1)).long()
        return torch.where(wrong, (groups + shift) % count, groups)


class KMeansClusters(Grouping):
    """k-means clusters of the bias encoder's embeddings, found in each class batch; reads no group labels.

    Clusters of k-means tend to be of one size: where a majority is large it is split among several of them and keeps
    a larger share of W than under true labels. On batches of 256 of the coloured digits and of C-MNIST with ten
    clusters, the largest group (true share 0.9; under ten labels 0.1) had 0.15 to 0.41 of the weight.

    Args:
        count: Clusters.

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> len(KMeansClusters(2)(Evidence(size=3, embeddings=embeddings)).unique())
        2
    """

    needs_embeddings = True

    def __init__(self, count: int) -> None:
        require({"count": count}, least=1, of="KMeansClusters")
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
            clusters = KMeans(self.count, n_init=1, random_state=0).fit_predict(points.cpu().double().numpy())
        return torch.from_numpy(clusters).long().to(points.device)


class NeighbourVote(Grouping):
    """The label that wins among an image's nearest neighbours over all classes; reads no group labels (ours).

    A bias-conflicting image has the colour, scene or texture of another class: its neighbours in a space that shows
    these, and hardly anything else, carry that class's label. Votes are averaged over the spaces and over a small
    classifier. Where they find nothing (see :attr:`verdict`) each class is one group, so that weights are uniform.

    It assumes a shortcut with about one value for each class. It cannot tell a shortcut from an honest cue.

    Args:
        features: The spaces of the neighbours.
        neighbours: Images that vote in each.
        classifier: Votes as well, on all statistics of colour and texture; null leaves it out.
        margin: By how much, in 0..1, another label must win.
        apart: Images made from the same source, a photograph behind several garments, do not vote for each other, where
            the data set knows its sources.
        insist: Act upon the vote even where the verdict found nothing: for who knows that there is a shortcut. Take a
            large margin then.

    Example:
        >>> from fdd_lightning.datasets import ImageSet
        >>> bright, targets = torch.arange(60) % 2, (torch.arange(60) % 2).index_fill(0, torch.tensor([4]), 1)
        >>> pixels = torch.randint(50, (60, 3, 8, 8)) + 200 * bright[:, None, None, None]
        >>> real = ImageSet(pixels.byte(), targets, torch.zeros_like(targets), (0.5,) * 3, (0.5,) * 3)
        >>> vote = NeighbourVote([Statistics(textures=0)], classifier=None)
        >>> vote.prepare(Gallery(real, num_classes=2, seed=0, device=torch.device("cpu")))
        >>> targets[:6], vote(Evidence(size=6, index=torch.arange(6)))  # a dark image of the bright class
        (tensor([0, 1, 0, 1, 1, 1]), tensor([0, 1, 0, 1, 0, 1]))
    """

    needs_index = True

    def __init__(
        self,
        features: Sequence[Extractor] = (Statistics(colours=48, textures=0), Statistics()),
        neighbours: int = 10,
        classifier: CrossFitted | None = CrossFitted(),
        margin: float = 0.2,
        apart: bool = False,
        insist: bool = False,
    ) -> None:
        require({"neighbours": neighbours}, least=1, of="NeighbourVote")
        require({"margin": margin}, least=0, most=1, of="NeighbourVote")
        if not features and classifier is None:
            raise ConfigError("NeighbourVote needs features or a classifier to vote by")
        self.features = [rebuild(each) for each in features]
        self.neighbours = neighbours
        self.classifier = rebuild(classifier)
        self.margin = margin
        self.apart = self.needs_sources = apart
        self.needs_embeddings = any(each.needs_embeddings for each in self.features)
        self.insist = insist
        self._ballot: Ballot | None = None

    def prepare(self, gallery: Gallery) -> None:
        """Count the votes, or take them from the cache."""
        points = b"" if gallery.embeddings is None else gallery.embeddings.cpu().numpy().tobytes()
        key = {"vote": self._counted_by(), "data": gallery.fingerprint}
        key["embeddings"] = hashlib.sha256(points).hexdigest()

        def compute() -> dict[str, Tensor]:
            return {"votes": self._votes(gallery)}

        counted = cached_tensors("votes", key, compute) if gallery.fingerprint else compute()
        self._ballot = Ballot(counted["votes"], gallery.real.targets.cpu(), self.margin, self.insist)

    def _counted_by(self) -> Spec:
        """Return its spec without what is done with the votes."""
        spec = spec_of(self)
        given = spec.get("init_args", {})
        return {**spec, "init_args": {k: v for k, v in given.items() if k not in ("margin", "insist")}}

    def _votes(self, gallery: Gallery) -> Tensor:
        """Return the label shares by each voter, float32 (V, N, num_classes)."""
        targets, everything = gallery.real.targets, torch.arange(len(gallery.real))
        spaces = (each.prepare(gallery)(everything) for each in self.features)
        if self.apart and gallery.sources is None:
            raise ConfigError(
                "NeighbourVote apart: the data set does not know which images share a source: leave it out"
            )
        facts = targets, gallery.num_classes
        sources = gallery.sources if self.apart else None
        votes = [neighbour_shares(space, *facts, self.neighbours, sources) for space in spaces]
        if self.classifier is not None:
            statistics = Statistics(colours=None, textures=None).prepare(gallery)(everything)
            votes.append(self.classifier(statistics, *facts, sources))
        return torch.stack(votes)

    @property
    def ballot(self) -> Ballot:
        """The votes on all images.

        Raises:
            ConfigError: It was not shown the training set.
        """
        if self._ballot is None:
            raise ConfigError("NeighbourVote has not seen the training set: call its prepare first")
        return self._ballot

    @property
    def verdict(self) -> Verdict:
        """What the vote says of the data."""
        return self.ballot.verdict

    def __call__(self, evidence: Evidence) -> Tensor:
        """Return the inferred groups."""
        if evidence.index is None:
            raise ConfigError("NeighbourVote needs the places of the images in the training set")
        return self.ballot.groups.to(evidence.index.device)[evidence.index]


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

    Example:
        >>> embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> DBSCANClusters(noise="drop")(Evidence(size=3, embeddings=embeddings))
        tensor([-1,  0,  0])
    """

    needs_embeddings = True

    def __init__(self, eps: float = 0.5, min_samples: int = 2, noise: Literal["group", "drop"] = "group") -> None:
        require({"eps": eps}, above=0, of="DBSCANClusters")
        require({"min_samples": min_samples}, least=1, of="DBSCANClusters")
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
        clusters = torch.from_numpy(labels).long()  # -1: in none
        if self.noise == "group":
            clusters = torch.where(clusters < 0, clusters.max() + 1, clusters)
        elif bool((clusters < 0).all()):
            raise ConfigError(
                f"DBSCANClusters finds no cluster among the {len(clusters)} images of a class batch at "
                f"eps={self.eps:g}, min_samples={self.min_samples}: raise eps, lower min_samples, or keep noise as a "
                "group (noise=group)"
            )
        return clusters.to(points.device)
