"""Each weighting against a literal loop."""

import math

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.groupings import DBSCANClusters, KMeansClusters, WrongLabels
from fdd_lightning.matching.weightings import (
    KDE,
    Barycenter,
    Evidence,
    FairDD,
    GroupKDE,
    InverseFrequency,
    Vanilla,
    Weighting,
    WeightMatrix,
)
from fdd_lightning.matching.weightings.base import single_row
from fdd_lightning.matching.weightings.kde import kernel_density


def literal_density(z, variance):
    n = len(z)
    found = []
    for i in range(n):
        total = 0.0
        for j in range(n):
            u = math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(z[i], z[j], strict=True)))
            total += math.exp(-(u**2) / (2 * variance)) / (math.sqrt(variance) * math.sqrt(2 * math.pi))
        found.append(total / n)
    return found


def literal_kde(z, normaliser, variance=0.1, temperature=0.1, cap=1.5):
    scores = [1 / f for f in literal_density(z, variance)]
    if normaliser == "inverse":
        return [s / sum(scores) for s in scores]
    if normaliser == "median_cap":
        median = sorted(scores)[(len(scores) - 1) // 2]
        scores = [s / median for s in scores]
    if normaliser in ("cap", "median_cap"):
        scores = [min(s, cap) for s in scores]
    top = max(scores)
    powers = [math.exp((s - top) / temperature) for s in scores]
    return [p / sum(powers) for p in powers]


@pytest.fixture
def embeddings():
    z = torch.randn(21, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    z[:12] = z[0] + 0.05 * z[:12]  # a tight cluster and stragglers
    return torch.nn.functional.normalize(z, dim=1)


@pytest.mark.parametrize("variance", [0.02, 0.1, 1.0])
def test_density_is_the_mean_kernel_with_self_term(embeddings, variance):
    expected = torch.tensor(literal_density(embeddings, variance), dtype=torch.float64)
    torch.testing.assert_close(kernel_density(embeddings, variance, chunk=4), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("normaliser", ["inverse", "softmax", "cap", "median_cap"])
def test_kde_weights(embeddings, normaliser):
    matrix = KDE(normaliser)(Evidence(len(embeddings), embeddings=embeddings))
    expected = torch.tensor(literal_kde(embeddings, normaliser), dtype=torch.float64)
    torch.testing.assert_close(matrix.rows[0], expected, rtol=1e-9, atol=1e-12)
    assert matrix.coefficients.tolist() == [1.0]
    assert matrix.rows.sum().item() == pytest.approx(1.0, abs=1e-6)


def test_the_literal_softmax_degenerates_and_the_default_does_not(embeddings):
    evidence = Evidence(len(embeddings), embeddings=embeddings)
    assert KDE("softmax")(evidence).effective_sample_size() < 3
    assert KDE()(evidence).effective_sample_size() > 5


def test_vanilla_is_uniform():
    matrix = Vanilla()(Evidence(8))
    assert matrix.rows.tolist() == [[0.125] * 8]
    assert matrix.effective_sample_size().item() == pytest.approx(8)


def literal_fairdd(groups):
    rows = []
    for a in sorted(set(groups)):
        count = sum(g == a for g in groups)
        rows.append([1 / count if g == a else 0.0 for g in groups])
    return rows


@pytest.mark.parametrize("groups", [[0, 0, 0, 2, 2, 5], [1, 1, 1], [3, 0, 1, 2]])
def test_fairdd_has_a_row_for_each_group_present(groups):
    matrix = FairDD()(Evidence(len(groups), groups=torch.tensor(groups)))
    torch.testing.assert_close(matrix.rows, torch.tensor(literal_fairdd(groups), dtype=torch.float64))
    assert matrix.coefficients.tolist() == [1.0] * len(set(groups))
    mean = FairDD("mean")(Evidence(len(groups), groups=torch.tensor(groups)))
    assert mean.coefficients.sum().item() == pytest.approx(1.0)


@pytest.mark.parametrize("groups", [[0, 0, 0, 2, 2, 5], [1, 1, 1]])
def test_barycenter_is_the_mean_of_fairdds_rows(groups):
    rows = literal_fairdd(groups)
    expected = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    matrix = Barycenter()(Evidence(len(groups), groups=torch.tensor(groups)))
    torch.testing.assert_close(matrix.rows, torch.tensor([expected], dtype=torch.float64))


def literal_group_kde(z, groups, normaliser):
    rows = []
    for a in sorted(set(groups)):
        own = [i for i, g in enumerate(groups) if g == a]
        weights = literal_kde([z[i] for i in own], normaliser)
        rows.append([weights[own.index(i)] if i in own else 0.0 for i in range(len(groups))])
    return rows


GROUPS = [0, 0, 0, 2, 2, 5, 0, 0, 2, 0, 5, 5, 5, 5, 0, 0, 0, 1, 2, 2, 0]


@pytest.mark.parametrize("normaliser", ["inverse", "median_cap"])
def test_group_kde_is_kde_inside_each_group(embeddings, normaliser):
    evidence = Evidence(21, groups=torch.tensor(GROUPS), num_groups=6, embeddings=embeddings)
    expected = torch.tensor(literal_group_kde(embeddings, GROUPS, normaliser), dtype=torch.float64)
    matrix = GroupKDE(density=KDE(normaliser))(evidence)
    torch.testing.assert_close(matrix.rows, expected, rtol=1e-9, atol=1e-12)
    assert matrix.coefficients.tolist() == [1.0] * 4
    assert GroupKDE("mean", KDE(normaliser))(evidence).coefficients.tolist() == [0.25] * 4
    single = GroupKDE("barycenter", KDE(normaliser))(evidence)
    torch.testing.assert_close(single.rows, expected.mean(0, keepdim=True), rtol=1e-9, atol=1e-12)
    assert single.coefficients.tolist() == [1.0]


def test_group_kde_of_one_group_is_kde(embeddings):
    evidence = Evidence(21, groups=torch.zeros(21, dtype=torch.long), num_groups=2, embeddings=embeddings)
    torch.testing.assert_close(GroupKDE()(evidence).rows, KDE()(evidence).rows)


@pytest.mark.parametrize(("groups", "sizes"), [([0, 0, 1, 3, 0], [90, 7, 0, 3]), ([1, 1], [5, 2])])
def test_inverse_frequency_counts_the_training_set_not_the_batch(groups, sizes):
    raw = [1 / sizes[g] for g in groups]
    expected = [[w / sum(raw) for w in raw]]
    evidence = Evidence(len(groups), groups=torch.tensor(groups), cell_sizes=torch.tensor(sizes))
    matrix = InverseFrequency()(evidence)
    torch.testing.assert_close(matrix.rows, torch.tensor(expected, dtype=torch.float64))
    assert matrix.coefficients.tolist() == [1.0]


def test_over_a_whole_class_inverse_frequency_is_the_barycenter():
    groups = torch.tensor(GROUPS)
    evidence = Evidence(21, groups=groups, num_groups=6, cell_sizes=torch.bincount(groups, minlength=6))
    torch.testing.assert_close(InverseFrequency()(evidence).rows, Barycenter()(evidence).rows)


@pytest.mark.parametrize("weighting", [KDE(), FairDD(), Barycenter(), GroupKDE(), InverseFrequency()])
def test_missing_evidence_is_named(weighting):
    with pytest.raises(ConfigError, match="needs"):
        weighting(Evidence(4))


@pytest.mark.parametrize("setting", ["variance", "temperature", "cap"])
def test_kde_refuses_what_cannot_be(setting):
    with pytest.raises(ConfigError, match=setting):
        KDE(**{setting: 0.0})  # type: ignore[arg-type]


class Halves(Weighting):
    """A weighting of a user's own: two rows, and nothing declared about them."""

    def __call__(self, evidence):
        rows = torch.zeros(2, evidence.size, dtype=torch.float64)
        rows[0, ::2], rows[1, 1::2] = 1.0, 1.0
        return WeightMatrix(rows / rows.sum(1, keepdim=True), torch.ones(2))


class AsMany(Weighting):
    """Uniform, by another way."""

    needs_groups = True

    def __call__(self, evidence):
        return single_row(torch.ones(len(evidence.groups), dtype=torch.float64) / evidence.size)


class Picky(Halves):
    """Takes large classes only."""

    def __call__(self, evidence):
        if evidence.size < 500:
            raise ValueError("too small")
        return super().__call__(evidence)


class Broken(Weighting):
    def __call__(self, evidence):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("weighting", "advice"),
    [
        (Vanilla(), ""),
        (KDE(), ""),
        (Barycenter(), ""),
        (InverseFrequency(), ""),
        (AsMany(), ""),
        (Broken(), ""),  # nothing can be said; the real images will tell
        (FairDD(), "take barycenter, which makes groups come up equally"),
        (FairDD(groups=WrongLabels()), "take barycenter"),
        (FairDD(groups=KMeansClusters(100)), "take barycenter"),
        (FairDD(groups=DBSCANClusters(min_samples=40, noise="drop")), "take barycenter"),
        (GroupKDE(), "set weighting.reduction to barycenter"),
        (GroupKDE("barycenter"), ""),
        (Halves(), "take barycenter"),
        (Picky(), "take barycenter"),
    ],
)
def test_a_weighting_tells_whether_it_has_one_row(weighting, advice):
    assert weighting.single_row_alternative().startswith(advice)
    assert bool(weighting.single_row_alternative()) == bool(advice)


def test_a_weighting_tells_whether_it_is_uniform():
    assert Vanilla().is_uniform()
    assert AsMany().is_uniform()
    for weighting in (KDE(), FairDD(), Barycenter(), InverseFrequency(), GroupKDE("barycenter"), Halves(), Broken()):
        assert not weighting.is_uniform()
