"""Samplers, initialisers and selectors."""

import pytest
import torch

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.initialisers import Noise, Real
from fdd_lightning.matching.samplers import Stratified, Uniform
from fdd_lightning.matching.selectors import Random
from fdd_lightning.matching.weightings import Evidence, FairDD, Vanilla
from fdd_lightning.matching.weightings.base import single_row
from fdd_lightning.utils.rng import generator


@pytest.fixture
def data():
    targets = torch.tensor([0] * 30 + [1] * 10)
    groups = torch.tensor([0] * 20 + [1] * 7 + [2] * 3 + [1] * 10)
    images = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(40, 3, 4, 4).contiguous()
    return ImageSet(images, targets, groups, (0.5,) * 3, (0.5,) * 3)


def draw(sampler, data, target, step=0):
    return sampler.draw(data, target, step, generator(0, "test", step), None)


def test_uniform_draws_without_replacement_inside_the_class(data):
    index = draw(Uniform(8), data, 0)
    assert len(set(index.tolist())) == 8
    assert (data.targets[index] == 0).all()
    assert sorted(draw(Uniform(256), data, 1).tolist()) == list(range(30, 40))


def test_stratified_fills_every_group_equally(data):
    index = draw(Stratified(15), data, 0)
    assert torch.bincount(data.groups[index]).tolist() == [5, 5, 5]
    counts = torch.bincount(index, minlength=30)[27:30]  # the group of three is repeated evenly
    assert counts.sum() == 5
    assert counts.max() - counts.min() <= 1


def test_noise_and_real(data):
    assert Noise().images(data, 0, 7, generator(0)).shape == (7, 3, 4, 4)
    images = Real().images(data, 1, 10, generator(0))
    expected = data.batch(torch.arange(30, 40))["image"]
    assert sorted(images[:, 0, 0, 0].tolist()) == sorted(expected[:, 0, 0, 0].tolist())
    with pytest.raises(ConfigError, match="class 1 has 10 training images"):
        Real().images(data, 1, 11, generator(0))


def test_random_under_fairdd_is_balanced_over_groups(data):
    members = data.members(0)
    matrix = FairDD()(Evidence(30, groups=data.groups[members]))
    chosen = Random().select(matrix, 9, generator(1))
    assert len(set(chosen.tolist())) == 9
    assert torch.bincount(data.groups[members[chosen]]).tolist() == [3, 3, 3]
    more = Random().select(matrix, 13, generator(1))  # the third group is used up and passed over
    assert torch.bincount(data.groups[members[more]])[2] == 3


def test_fewer_images_than_groups_favour_none(data):
    matrix = FairDD()(Evidence(30, groups=data.groups[:30]))
    first = [int(data.groups[Random().select(matrix, 1, generator(s))[0]]) for s in range(60)]
    assert min(first.count(g) for g in range(3)) > 8


def test_random_draws_by_weight_and_survives_zero_weights():
    row = torch.tensor([0.0, 0.0, 0.5, 0.5])
    assert sorted(Random().select(single_row(row), 2, generator(0)).tolist()) == [2, 3]
    assert sorted(Random().select(single_row(row), 4, generator(0)).tolist()) == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="5 images per class"):
        Random().select(Vanilla()(Evidence(4)), 5, generator(0))
