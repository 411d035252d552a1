"""Sources: what stands for the real images."""

from functools import partial

import pytest
import torch

from fdd_lightning.algorithms import DFA, SelecMix
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.sources import AsIs, Mixes
from fdd_lightning.networks import MLP
from fdd_lightning.utils.rng import generator

SHAPE, CPU = (3, 4, 4), torch.device("cpu")
MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


@pytest.fixture
def real():
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (37, *SHAPE), generator=draw, dtype=torch.uint8)
    return ImageSet(pixels, torch.arange(37) % 3, torch.arange(37) % 2, MEAN, STD)


def learner(kind, **arguments):
    torch.manual_seed(1)
    return kind(partial(MLP, widths=(6,)), 3, SHAPE, 37, **arguments).eval().requires_grad_(False)


@pytest.fixture
def selecmix():
    return learner(SelecMix, encoder=partial(MLP, widths=(8,)), hidden=8, dimension=4)


def test_as_is_is_the_set_itself(real):
    assert AsIs().images(real, None, 0, CPU) is real
    assert AsIs().fingerprint("real", "", 3) == "real"


def literal_mixes(real, mixer, pool, seed):
    """Mix image by image: bytes, class and group of each."""
    order = torch.randperm(len(real), generator=generator(seed, "mixes", "order")).tolist()
    found = []
    for number, start in enumerate(range(0, len(order), pool)):
        places = order[start : start + pool]
        images = [real[i]["image"] for i in places]
        draws = generator(seed, "mixes", number)
        least = float(torch.rand(1, generator=draws)) > 0.5  # the least similar of the same class
        shares = 0.5 * torch.rand(len(places), generator=draws)
        z = [mixer.encoder(image[None])[0] for image in images]
        for a, i in enumerate(places):
            best, partner = None, a
            for b, j in enumerate(places):
                if (real.targets[i] == real.targets[j]) != least:
                    continue
                similarity = float(z[a] @ z[b]) * (-1 if least else 1)
                if best is None or similarity > best:
                    best, partner = similarity, b
            mixed = shares[a] * images[a] + (1 - shares[a]) * images[partner]
            level = (mixed * torch.tensor(STD).view(3, 1, 1) + torch.tensor(MEAN).view(3, 1, 1)) * 255
            j = places[partner]
            found.append((level, int(real.targets[j]), int(real.groups[j])))
    return found


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_mixes_are_those_of_a_literal_loop(real, selecmix, seed):
    made = Mixes(pool=10).images(real, selecmix, seed, CPU)
    expected = literal_mixes(real, selecmix, 10, seed)
    assert len(made) == len(expected) == 37
    for pixels, target, group, (level, label, attribute) in zip(
        made.images, made.targets, made.groups, expected, strict=True
    ):
        assert (pixels - level).abs().max() <= 0.501  # rounded to bytes
        assert (int(target), int(group)) == (label, attribute)
    assert (made.mean, made.std) == (real.mean, real.std)


def test_a_batch_of_several_pools_takes_both_kinds_of_partner(real, selecmix):
    kinds = {float(torch.rand(1, generator=generator(0, "mixes", number))) > 0.5 for number in range(4)}
    assert kinds == {True, False}
    made = Mixes(pool=10).images(real, selecmix, 0, CPU)
    assert not torch.equal(made.targets, real.targets)


def test_the_name_of_mixes_tells_all_that_they_depend_on():
    names = {
        Mixes(pool).fingerprint(real, by, seed) for pool in (8, 9) for real in "ab" for by in "xy" for seed in (0, 1)
    }
    assert len(names) == 16


def test_only_selecmix_mixes(real):
    with pytest.raises(ConfigError, match="source Mixes needs a classifier trained by SelecMix, not dfa: train one"):
        Mixes().images(real, learner(DFA), 0, CPU)
    with pytest.raises(ConfigError, match="Mixes pool must be at least 2"):
        Mixes(pool=1)
