"""How a training is cut into updates, and the rates of its steps."""

import math

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.training import Regime
from fdd_lightning.training.batches import Batches, epoch_order


def test_the_rate_falls_as_dfas_scheduler_lets_it():
    """StepLR(10), asked for the first time after update 10, beside a loop of 45 updates."""
    regime = Regime(decay=0.5, decay_every=10, decay_from=10)
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
    for step in range(45):
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01 * regime.rate(step, per_epoch=3), rel=1e-12)
        optimizer.step()
        if step >= 10:
            scheduler.step()
    assert regime.rate(44, per_epoch=3) == 0.125


def test_without_decay_the_rate_stays():
    assert {Regime().rate(step, per_epoch=3) for step in (0, 5, 10**6)} == {1.0}


@pytest.mark.parametrize(
    ("argument", "value"), [("steps", 0), ("batch_size", 0), ("decay_every", -1), ("decay_from", -1), ("decay", 0)]
)
def test_senseless_numbers_are_refused(argument, value):
    with pytest.raises(ConfigError, match=f"regime: {argument} must be"):
        Regime(**{argument: value})


def literal(size, batch_size, pool):
    """An epoch, as nested loops would take it: batches, and updates within them."""
    found = []
    for start in range(0, size, batch_size * pool):
        whole = list(range(size))[start : start + batch_size * pool]
        found += [whole] * math.ceil(len(whole) / batch_size)
    return found


@pytest.mark.parametrize("size", [1, 5, 12, 13, 24, 25])
@pytest.mark.parametrize(("batch_size", "pool"), [(4, 1), (4, 3), (100, 4)])
def test_passes_lose_no_image(size, batch_size, pool):
    batches = Batches(size, batch_size, pool)
    epoch = literal(size, batch_size, pool)
    assert batches.per_epoch == len(epoch)
    order = torch.arange(size)
    for step in range(2 * len(epoch)):
        assert batches.batch(step, order).tolist() == epoch[step % len(epoch)]
        assert batches.epoch(step) == step // len(epoch)


@pytest.mark.parametrize("size", [8, 9, 21, 24, 25])
@pytest.mark.parametrize("pool", [1, 2])
def test_two_processes_share_each_batch_equally(size, pool):
    one, two = Batches(size, 4, pool), Batches(size, 4, pool, world=2)
    order = torch.randperm(size, generator=torch.Generator().manual_seed(0))
    for step in range(two.per_epoch):
        whole = one.batch(step, order).tolist()
        shares = [two.batch(step, order, rank).tolist() for rank in (0, 1)]
        assert len(shares[0]) == len(shares[1]) > 0
        together = [place for pair in zip(*shares, strict=True) for place in pair]
        assert together == whole[: len(whole) // 2 * 2]
        updates = math.ceil(len(shares[0]) / two.share)
        assert updates == math.ceil(len(together) / 4)


def test_an_epoch_has_each_image_once():
    order = epoch_order(20, None, torch.Generator().manual_seed(3))
    assert sorted(order.tolist()) == list(range(20))
    assert torch.equal(order, torch.randperm(20, generator=torch.Generator().manual_seed(3)))
