"""Images drawn by their weights, epoch by epoch."""

import pytest
import torch

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weighted_epochs import image_shares, order_by_shares
from fdd_lightning.matching.weightings import Barycenter, Evidence, FairDD, Vanilla
from fdd_lightning.utils.rng import generator

TARGETS = torch.tensor([0, 1, 0, 0, 1, 0, 1, 0])
GROUPS = torch.tensor([0, 1, 0, 0, 0, 1, 1, 0])


@pytest.fixture
def images():
    return ImageSet(torch.zeros(8, 1, 2, 2, dtype=torch.uint8), TARGETS, GROUPS, (0.0,), (1.0,))


def shares(images, weighting):
    def weigh(members):
        return weighting(Evidence(len(members), images.groups[members], num_groups=2))

    return image_shares(images, 2, weigh)


def test_classes_keep_their_share_and_images_have_theirs_within(images):
    assert torch.allclose(shares(images, Vanilla()), torch.full((8,), 1 / 8, dtype=torch.float64))
    found = shares(images, Barycenter())
    assert found.sum() == pytest.approx(1.0)
    for c, n in ((0, 5), (1, 3)):
        for g in (0, 1):
            cell = [i for i in range(8) if TARGETS[i] == c and GROUPS[i] == g]
            for i in cell:
                assert float(found[i]) == pytest.approx(n / 8 / 2 / len(cell))


def test_a_class_without_images_has_no_share(images):
    assert image_shares(images, 4, lambda members: Vanilla()(Evidence(len(members)))).sum() == pytest.approx(1.0)


def test_several_rows_are_refused(images):
    with pytest.raises(ConfigError, match=r"one row of weights.* 2: .*Barycenter"):
        shares(images, FairDD())


@pytest.mark.parametrize("count", [1, 7, 1297, 60000])
def test_equal_shares_give_a_permutation(count):
    """Also where 1/N has no exact number, over many draws."""
    equal = torch.full((count,), 1 / count, dtype=torch.float64)
    for epoch in range(5):
        order = order_by_shares(equal, generator(0, "order", epoch))
        assert order.sort().values.equal(torch.arange(count))
    if count > 1:
        assert not order.equal(order_by_shares(equal, generator(0, "order", 9)))


def test_an_image_comes_up_as_often_as_its_share_says():
    torch.manual_seed(0)
    wanted = torch.rand(50, dtype=torch.float64).square()
    wanted /= wanted.sum()
    total = torch.zeros(50, dtype=torch.float64)
    for epoch in range(400):
        order = order_by_shares(wanted, generator(1, "order", epoch))
        assert len(order) == 50
        times = torch.bincount(order, minlength=50)
        assert bool((times >= (50 * wanted).floor()).all())
        assert bool((times <= (50 * wanted).ceil()).all())
        total += times
    assert torch.allclose(total / 400, 50 * wanted, atol=0.1)


def test_the_order_is_shuffled():
    shares_ = torch.tensor([0.5, 0.5 / 3, 0.5 / 3, 0.5 / 3], dtype=torch.float64)
    first = {int(order_by_shares(shares_, generator(2, "order", e))[0]) for e in range(40)}
    assert first == {0, 1, 2, 3}
