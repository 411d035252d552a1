"""Each grouping against what it should find."""

import math

import pytest
import torch

from fdd_lightning.configuration.choices import build, spec_of
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching import groupings
from fdd_lightning.matching.groupings import DBSCANClusters, Grouping, KMeansClusters, Labels, WrongLabels
from fdd_lightning.matching.weightings import Barycenter, Evidence, FairDD, GroupKDE
from fdd_lightning.utils.rng import derive


def partition(groups):
    """The sets of images that are together, whatever their numbers."""
    return {frozenset(i for i, g in enumerate(groups) if g == a) for a in set(groups) if a >= 0}


@pytest.fixture
def blobs():
    """Three tight clusters of 8, 3 and 2 points on the unit circle, and two points far from all."""
    angles = [0.0 + 0.01 * i for i in range(8)] + [2.0, 2.01, 2.02] + [4.0, 4.01] + [3.0, 5.2]
    z = torch.tensor([[math.cos(a), math.sin(a)] for a in angles])
    return Evidence(len(z), embeddings=z)


CLUSTERS = {frozenset(range(8)), frozenset((8, 9, 10)), frozenset((11, 12))}


def literal_dbscan(z, eps, min_samples):
    """Cores, and all that is within reach of them."""
    n = len(z)
    near = [[j for j in range(n) if math.dist(z[i], z[j]) <= eps] for i in range(n)]
    labels, found = [-1] * n, -1
    for i in range(n):
        if labels[i] >= 0 or len(near[i]) < min_samples:
            continue
        found += 1
        labels[i], waiting = found, [i]
        while waiting:
            j = waiting.pop()
            if len(near[j]) >= min_samples:
                for k in near[j]:
                    if labels[k] < 0:
                        labels[k] = found
                        waiting.append(k)
    return labels


def test_labels_are_the_groups():
    groups = torch.tensor([3, 1, 1])
    assert torch.equal(Labels()(Evidence(3, groups=groups, num_groups=5)), groups)


def test_dbscan_noise_is_a_group_or_left_out(blobs):
    as_group = DBSCANClusters(0.1)(blobs).tolist()
    assert partition(as_group) == CLUSTERS | {frozenset((13, 14))}
    assert min(as_group) == 0
    dropped = DBSCANClusters(0.1, noise="drop")(blobs).tolist()
    assert partition(dropped) == CLUSTERS
    assert dropped[13:] == [-1, -1]


@pytest.mark.parametrize(("eps", "min_samples"), [(0.1, 2), (0.1, 3), (0.015, 3), (0.5, 5), (0.7, 4)])
def test_dbscan_is_the_literal_one(blobs, eps, min_samples):
    found = DBSCANClusters(eps, min_samples, "drop")(blobs).tolist()
    assert found == literal_dbscan(blobs.embeddings.double().tolist(), eps, min_samples)


def test_images_left_out_weigh_nothing(blobs):
    matrix = FairDD(groups=DBSCANClusters(0.1, noise="drop"))(blobs)
    assert matrix.rows.shape == (3, 15)
    assert matrix.rows.sum(1).tolist() == pytest.approx([1.0] * 3)
    assert matrix.rows[:, 13:].abs().sum() == 0
    mean = Barycenter(groups=DBSCANClusters(0.1, noise="drop"))(blobs)
    torch.testing.assert_close(mean.rows[0], matrix.rows.mean(0))


def test_all_noise_is_one_group_or_one_line(blobs):
    assert set(DBSCANClusters(1e-6)(blobs).tolist()) == {0}
    with pytest.raises(ConfigError, match=r"no cluster among the 15 images.*raise eps"):
        DBSCANClusters(1e-6, noise="drop")(blobs)


def test_too_many_images_for_dbscan(blobs, monkeypatch):
    monkeypatch.setattr(groupings, "MOST", 14)
    with pytest.raises(ConfigError, match="use KMeansClusters"):
        DBSCANClusters()(blobs)


def test_kmeans_finds_the_clusters_and_repeats_itself(blobs):
    few = Evidence(13, embeddings=blobs.embeddings[:13])
    found = KMeansClusters(3)(few)
    assert partition(found.tolist()) == CLUSTERS
    assert found.dtype == torch.int64
    state = torch.get_rng_state()
    assert torch.equal(KMeansClusters(3)(few), found)
    assert torch.equal(torch.get_rng_state(), state)


def test_kmeans_with_more_clusters_than_images(blobs):
    assert len(set(KMeansClusters(15)(blobs).tolist())) == 15
    with pytest.raises(ConfigError, match="16 clusters in a class batch of 15 images: lower its count"):
        KMeansClusters(16)(blobs)


@pytest.mark.filterwarnings("error")
def test_kmeans_of_equal_images_finds_fewer():
    z = torch.tensor([[1.0, 0.0]] * 5 + [[0.0, 1.0]] * 2)
    assert partition(KMeansClusters(4)(Evidence(7, embeddings=z)).tolist()) == {frozenset(range(5)), frozenset((5, 6))}


MASK = (1 << 64) - 1


def literal_uniform(index, seed, purpose):
    """splitmix64 in Python's own numbers."""
    z = (index * 0x9E3779B97F4A7C15 + derive(seed, purpose)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return ((z ^ (z >> 31)) >> 11) / 2**53


def test_wrong_labels_image_by_image():
    index = torch.tensor([5, 60_000, 0, 7, 8, 9, 123_456, 2, 3, 4])
    groups = torch.tensor([0, 1, 2, 3, 3, 3, 0, 1, 1, 2])
    found = WrongLabels(0.5, seed=3)(Evidence(10, groups=groups, num_groups=4, index=index)).tolist()
    expected = []
    for i, g in zip(index.tolist(), groups.tolist(), strict=True):
        others = [(g + k) % 4 for k in (1, 2, 3)]
        wrong = literal_uniform(i, 3, "wrong labels") < 0.5
        expected.append(others[int(literal_uniform(i, 3, "taken for") * 3)] if wrong else g)
    assert found == expected
    assert any(a != b for a, b in zip(found, groups.tolist(), strict=True))


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_wrong_labels_have_the_rate_and_every_other_group(rate):
    groups = torch.arange(10).repeat(2000)
    index = torch.arange(20_000)
    evidence = Evidence(20_000, groups=groups, num_groups=10, index=index)
    found = WrongLabels(rate)(evidence)
    wrong = found != groups
    assert wrong.double().mean().item() == pytest.approx(rate, abs=0.01)
    assert found.min() == 0
    assert found.max() == 9
    if rate:
        shift = torch.bincount((found - groups)[wrong] % 10, minlength=10)[1:].double()
        assert (shift / shift.sum() - 1 / 9).abs().max() < 0.02


def test_wrong_labels_belong_to_the_image_and_the_seed():
    groups = torch.randint(3, (200,), generator=torch.Generator().manual_seed(0))
    index = torch.arange(200)
    whole = WrongLabels(0.4)(Evidence(200, groups=groups, num_groups=3, index=index))
    some = torch.tensor([150, 3, 77, 3])
    part = WrongLabels(0.4)(Evidence(4, groups=groups[some], num_groups=3, index=index[some]))
    assert torch.equal(part, whole[some])
    other = WrongLabels(0.4, seed=1)(Evidence(200, groups=groups, num_groups=3, index=index))
    assert not torch.equal(other, whole)


def test_a_weighting_passes_the_needs_of_its_grouping_on():
    asked = {
        Labels: (True, False, False),
        WrongLabels: (True, False, True),
        DBSCANClusters: (False, True, False),
    }
    for grouping, needs in asked.items():
        for weighting in (FairDD(groups=grouping()), Barycenter(groups=grouping())):
            assert (weighting.needs_groups, weighting.needs_embeddings, weighting.needs_index) == needs
        both = GroupKDE(groups=grouping())
        assert (both.needs_groups, both.needs_embeddings, both.needs_index) == (needs[0], True, needs[2])
    again = build(spec_of(FairDD("mean", DBSCANClusters(noise="drop"))))
    assert (again.reduction, again.groups.noise, again.needs_embeddings) == ("mean", "drop", True)
    assert FairDD().needs_groups  # what one was built with is not the class's


@pytest.mark.parametrize("grouping", [Labels(), WrongLabels(), DBSCANClusters(), KMeansClusters(2)])
def test_missing_evidence_is_named(grouping):
    with pytest.raises(ConfigError, match="needs"):
        grouping(Evidence(4))


class NoGroups(Grouping):
    def __call__(self, evidence):
        return torch.full((evidence.size,), -1)


def test_a_grouping_that_leaves_all_out():
    with pytest.raises(ConfigError, match="leaves every image of a class batch out"):
        FairDD(groups=NoGroups())(Evidence(3))


@pytest.mark.parametrize(
    ("grouping", "arguments", "told"),
    [
        (KMeansClusters, {"count": 0}, "count"),
        (DBSCANClusters, {"eps": 0.0}, "eps"),
        (DBSCANClusters, {"min_samples": 0}, "min_samples"),
        (WrongLabels, {"rate": 1.5}, "rate"),
        (WrongLabels, {"rate": -0.1}, "rate"),
    ],
)
def test_senseless_settings_are_refused(grouping, arguments, told):
    with pytest.raises(ConfigError, match=told):
        grouping(**arguments)


def test_one_group_cannot_be_mistaken():
    facts = Evidence(2, groups=torch.zeros(2, dtype=torch.long), num_groups=1, index=torch.arange(2))
    with pytest.raises(ConfigError, match="second group"):
        WrongLabels()(facts)
