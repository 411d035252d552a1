"""When the learning rate falls, against the references' own loops."""

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.training import AtShares, PastHalf


@pytest.mark.parametrize("last", [0, 1, 4, 5, 300, 600, 1000])
def test_past_half_is_the_loop_of_dm(last):
    """``for ep in range(Epoch + 1)``: an epoch, then a tenth of the rate where ``ep in [Epoch // 2 + 1]``."""
    rate, rates = 1.0, []
    for epoch in range(last + 1):
        rates.append(rate)
        if epoch in [last // 2 + 1]:
            rate *= 0.1
    drops = PastHalf().drops(last + 1)
    assert rates == [0.1 ** sum(drop <= epoch for drop in drops) for epoch in range(last + 1)]
    assert PastHalf.forgets


@pytest.mark.parametrize("epochs", [3, 10, 150, 300, 1000])
def test_at_shares_is_torchs_schedule_of_idc(epochs):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    milestones = [2 * epochs // 3, 5 * epochs // 6]
    theirs = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.2)
    schedule, rates, own = AtShares(), [], []
    drops = schedule.drops(epochs)
    for epoch in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        own.append(0.01 * schedule.factor ** sum(drop <= epoch for drop in drops))
        optimizer.step()
        theirs.step()
    assert own == pytest.approx(rates, rel=1e-12)
    assert not schedule.forgets


def test_published_epochs():
    assert PastHalf().drops(1001) == [502]
    assert PastHalf().drops(301) == [152]
    assert AtShares().drops(1000) == [666, 833]


def test_what_means_nothing_is_one_line():
    with pytest.raises(ConfigError, match="AtShares shares must be fractions such as '2/3'"):
        AtShares(shares=["half"])
    with pytest.raises(ConfigError, match="PastHalf factor must be above 0, not 0"):
        PastHalf(factor=0)
