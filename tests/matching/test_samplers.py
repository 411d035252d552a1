"""Samplers and initialisers that look at the images, and what they remember."""

from functools import partial
from typing import Any

import pytest
import torch

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.clustering import representatives
from fdd_lightning.matching.evidence import evidence_of
from fdd_lightning.matching.initialisers import KMeansImages
from fdd_lightning.matching.samplers import Cycling, Importance, ImportanceKMeans, KMeans, Uniform
from fdd_lightning.matching.weightings import KDE, Barycenter, FairDD, GroupKDE, InverseFrequency, Vanilla
from fdd_lightning.networks import ConvNet
from fdd_lightning.utils.rng import generator

SHAPE = (3, 8, 8)
NOBODY: Any = None  # these look through no network


@pytest.fixture
def data():
    """Two classes of 40: the first has four tones, ten images each and no two alike; groups 0 and 1 (four images)."""
    draw = torch.Generator().manual_seed(0)
    tones = torch.tensor([20, 90, 160, 230]).repeat_interleave(10).repeat(2)
    images = (tones.view(-1, 1, 1, 1) + torch.randint(-5, 6, (80, *SHAPE), generator=draw)).to(torch.uint8)
    groups = torch.zeros(80, dtype=torch.long)
    groups[[0, 11, 22, 33]] = 1
    return ImageSet(images, torch.arange(80) // 40, groups, (0.5,) * 3, (0.5,) * 3)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ConvNet(2, SHAPE, width=4, depth=2, norm="none")


def draws(sampler, data, network, steps, start=0):
    return [sampler.draw(data, 0, step, generator(0, "s", step), network).tolist() for step in range(start, steps)]


def test_cycling_repeats_nothing_within_a_pass(data, network):
    passes = draws(Cycling(12), data, network, 7)
    for whole in (passes[:3], passes[3:6]):
        assert len({i for batch in whole for i in batch}) == 36
    assert passes[:3] != passes[3:6]
    assert all(len(batch) == 12 for batch in passes)


def test_a_class_smaller_than_the_batch_is_taken_whole(data, network):
    assert all(sorted(batch) == list(range(40)) for batch in draws(Cycling(64), data, network, 3))


@pytest.mark.parametrize("make", [lambda: Cycling(12), lambda: KMeans(8, interval=3)])
def test_a_sampler_goes_on_from_its_state(make, data, network):
    whole = draws(make(), data, network, 8)
    first, second = make(), make()
    begun = draws(first, data, network, 4)
    second.load_state_dict(first.state_dict())
    assert begun + draws(second, data, network, 8, start=4) == whole


def test_representatives_are_nearest_to_their_centroids():
    points = torch.tensor([[0.0], [0.1], [0.3], [10.0], [10.4], [10.5], [50.0]])
    found = representatives(points, 3, generator(0, "k"))
    assert sorted(found.tolist()) == [1, 4, 6]


def test_coinciding_points_still_give_as_many_as_asked():
    found = representatives(torch.zeros(6, 2), 4, generator(0, "k"))
    assert len(set(found.tolist())) == 4


def test_kmeans_finds_every_tone(data, network):
    (chosen,) = draws(KMeans(4), data, network, 1)
    assert sorted(i // 10 for i in chosen) == [0, 1, 2, 3]


def test_kmeans_sees_raw_pixels(data, network, monkeypatch):
    seen, embed = [], ConvNet.embed

    def noted(self, x):
        seen.append(x.clone())
        return embed(self, x)

    monkeypatch.setattr(ConvNet, "embed", noted)
    draws(KMeans(4), data, network, 1)
    torch.testing.assert_close(torch.cat(seen), data.images[:40].float() / 255)


def test_kmeans_clusters_again_after_the_interval(data, network):
    found = draws(KMeans(8, interval=3, candidates=30), data, network, 7)
    assert found[0] == found[1] == found[2] != found[3] == found[4] == found[5] != found[6]


def test_kmeans_takes_at_most_a_quarter(data, network):
    (chosen,) = draws(KMeans(128), data, network, 1)
    assert len(set(chosen)) == 10


def test_kmeans_within_groups_loses_none(data, network):
    sampler = KMeans(8, within_groups=True)
    assert sampler.needs_groups
    assert not KMeans().needs_groups
    (chosen,) = draws(sampler, data, network, 1)
    assert data.groups[chosen].tolist() == [0] * 4 + [1]


def test_initial_images_stand_for_their_class(data):
    start = KMeansImages(partial(ConvNet, width=4, depth=2, norm="none"))
    images = start.images(data, 0, 4, generator(0, "init"))
    tones = ((images.mean((1, 2, 3)) * 0.5 + 0.5) * 255).sort().values
    torch.testing.assert_close(tones, torch.tensor([20.0, 90, 160, 230]), atol=3, rtol=0)
    assert torch.equal(images, start.images(data, 0, 4, generator(0, "init")))
    with pytest.raises(ConfigError, match="class 0 has 40 training images, fewer than the 41 clusters"):
        start.images(data, 0, 41, generator(0, "init"))


def test_senseless_arguments_are_one_line():
    with pytest.raises(ConfigError, match="KMeans interval must be at least 1, not 0"):
        KMeans(interval=0)
    with pytest.raises(ConfigError, match="batch_size must be at least 1"):
        Cycling(0)


class ClassOfImages:
    """120 images of one class in three groups, whose one pixel says which they are, and embeddings by group."""

    groups = torch.tensor([0] * 100 + [1] * 15 + [2] * 5)
    pixels = torch.arange(120, dtype=torch.uint8).view(-1, 1, 1, 1)
    data = ImageSet(pixels, torch.zeros(120).long(), groups, (0.0,), (1.0,))
    angles = groups * 0.7 + torch.linspace(0, 0.1, 120)
    embeddings = torch.stack([angles.cos(), angles.sin()], 1)

    def weigh(self, weighting):
        cells = self.data.cells(1, 3)
        return lambda index: weighting(evidence_of(index, weighting, self.data, cells, self.embeddings))


@pytest.mark.parametrize("weighting", [Vanilla(), KDE(), FairDD(), Barycenter(), GroupKDE(), InverseFrequency()])
def test_drawn_means_are_the_class_level_target_with_less_spread_than_weights_inside_a_batch(weighting):
    """The mean of what is matched over many draws is W s of the whole class, for every row."""
    images = ClassOfImages()
    values = torch.randperm(120, generator=generator(0, "values")).double()
    weigh = images.weigh(weighting)
    target = weigh(torch.arange(120)).rows @ values

    def matched(sampler):
        means = []
        for draw in range(400):
            index, matrix = sampler.batch(images.data, 0, draw, generator(0, "draw", draw), NOBODY, weigh)
            means.append(matrix.rows @ values[index])
        full = [mean for mean in means if len(mean) == len(target)]
        return torch.stack(full)

    drawn, uniform = matched(Importance(30)), matched(Uniform(30))
    error = drawn.std(0) / len(drawn) ** 0.5
    assert ((drawn.mean(0) - target).abs() <= 4 * error + 1e-3).all()  # weights near 1 / n are rounded to it
    if not isinstance(weighting, Vanilla):
        assert drawn.var(0).sum() < uniform.var(0).sum()


def test_rows_have_equal_shares_of_the_batch():
    images = ClassOfImages()
    index, matrix = Importance(30).batch(images.data, 0, 0, generator(0, "x"), NOBODY, images.weigh(FairDD()))
    assert images.groups[index].tolist() == [0] * 10 + [1] * 10 + [2] * 10
    assert matrix.rows.shape == (3, 30)
    assert torch.allclose(matrix.rows.sum(1), torch.ones(3, dtype=torch.float64))
    assert ((matrix.rows > 0).sum(1) == 10).all()
    few, _ = Importance(2).batch(images.data, 0, 0, generator(0, "x"), NOBODY, images.weigh(FairDD()))
    assert images.groups[few].tolist() == [0, 1, 2], "at least one of each"


def test_a_class_is_weighed_once():
    images, asked = ClassOfImages(), []
    sampler = Importance(10)

    def weigh(index):
        asked.append(len(index))
        return images.weigh(KDE())(index)

    for step in range(3):
        sampler.batch(images.data, 0, step, generator(0, "x", step), NOBODY, weigh)
    assert asked == [120]


def test_what_stands_for_drawn_images_is_clustered_row_by_row(network):
    images = ClassOfImages()
    data = ImageSet(images.pixels.expand(-1, *SHAPE), images.data.targets, images.groups, (0.5,) * 3, (0.5,) * 3)
    sampler = ImportanceKMeans(30, interval=3, candidates=90)
    weigh = images.weigh(FairDD())
    first = [sampler.batch(data, 0, step, generator(0, "x", step), network, weigh) for step in range(4)]
    index, matrix = first[0]
    assert images.groups[index].tolist() == [0] * 10 + [1] * 10 + [2] * 5, "a group of five keeps its five"
    assert matrix.rows.sum(1).tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert matrix.rows[2, 20:].tolist() == pytest.approx([0.2] * 5)
    one, weights = ImportanceKMeans(40, candidates=4000).batch(
        data, 0, 0, generator(0, "k"), network, images.weigh(KDE())
    )
    whole = images.weigh(KDE())(torch.arange(120)).rows[0]
    for group in range(3):
        wanted = float(whole[images.groups == group].sum())
        assert float(weights.rows[0, images.groups[one] == group].sum()) == pytest.approx(wanted, abs=0.1), group
    assert [torch.equal(index, each) for each, _ in first[1:]] == [True, True, False]
    again = ImportanceKMeans(30, interval=3, candidates=90)
    again.load_state_dict(sampler.state_dict())
    assert torch.equal(again.batch(data, 0, 4, generator(0, "y"), network, weigh)[0], first[3][0])


def test_images_drawn_twice_count_once():
    _, matrix = Importance(30).batch(
        ClassOfImages.data, 0, 0, generator(0, "x"), NOBODY, ClassOfImages().weigh(FairDD())
    )
    assert float(matrix.effective_sample_size()) == pytest.approx(30)
    index = torch.tensor([0] * 10 + [1] * 10 + [2] * 5 + [3] * 5)
    assert float(matrix.effective_sample_size(index)) == pytest.approx(1 / (2 / 9 + 2 / 36))
