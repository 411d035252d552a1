"""IDC's combination of the operations, from the operations themselves."""

import pytest
import torch

from fdd_lightning.augment import DiffAug
from fdd_lightning.augment.operations import OPERATIONS
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.rng import generator

IMAGES = torch.randn(3, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def literal(strategy, images, draws, siamese):
    names = strategy.split("_")
    order = [name for name in ("flip", "color") if name in names]
    middle = [name for name in names if name in ("crop", "scale", "rotate")]
    if middle:
        order.append(middle[int(torch.randint(len(middle), (1,), generator=draws))])
    order += [name for name in ("cutout",) if name in names]
    for name in order:
        parameters = OPERATIONS[name].draw(1 if siamese else len(images), (12, 12), draws)
        images = OPERATIONS[name].apply(images, parameters)
    return images


@pytest.mark.parametrize("siamese", [True, False])
@pytest.mark.parametrize("strategy", ["color_crop_cutout", "flip_scale_rotate", "cutout", "rotate_color"])
def test_always_flip_and_color_one_of_the_middle_then_cutout(strategy, siamese):
    for draw in range(4):
        found = DiffAug(strategy)(IMAGES, generator(0, draw), siamese=siamese)
        assert torch.equal(found, literal(strategy, IMAGES, generator(0, draw), siamese))


def test_siamese_parameters_do_not_depend_on_the_batch():
    one = DiffAug()(IMAGES[:1], generator(0, "a"), siamese=True)
    torch.testing.assert_close(DiffAug()(IMAGES, generator(0, "a"), siamese=True)[:1], one)


@pytest.mark.parametrize("strategy", ["", "none", "crop_crop", "color_warp"])
def test_a_strategy_that_means_nothing_is_one_line(strategy):
    with pytest.raises(ConfigError, match="DiffAug strategy"):
        DiffAug(strategy)
