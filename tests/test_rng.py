import subprocess
import sys

import pytest
import torch

from fdd_lightning import rng


def test_derived_seeds_are_fixed_for_ever():
    """Written down, because files of older runs must be repeatable."""
    assert rng.derive(0, "real batch", 3, 1) == 9079222514354877154
    assert rng.derive(7) == 4359823973405836615


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((0, "a"), (1, "a")),
        ((0, "a"), (0, "b")),
        ((0, "a", 1), (0, "a", 2)),
        ((0, 1), (0, "1")),
        ((0, "a"), (0, "a", 0)),
    ],
)
def test_seed_purpose_and_iteration_each_make_another_draw(one, other):
    assert rng.derive(*one) != rng.derive(*other)


def test_words_cannot_run_into_each_other():
    assert rng.derive(0, "ab", "c") != rng.derive(0, "a", "bc")


def test_seeds_fit_a_generator():
    assert all(0 <= rng.derive(seed, "x") < 2**63 for seed in range(200))


def test_equal_names_give_equal_draws_and_touch_no_global_state():
    state = torch.get_rng_state()
    first = torch.randn(5, generator=rng.generator(3, "noise", 1))
    assert torch.equal(first, torch.randn(5, generator=rng.generator(3, "noise", 1)))
    assert not torch.equal(first, torch.randn(5, generator=rng.generator(3, "noise", 2)))
    assert torch.equal(torch.get_rng_state(), state)


def test_another_process_derives_the_same_seed():
    code = "from fdd_lightning.rng import derive; print(derive(5, 'order', 2))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == rng.derive(5, "order", 2)


def test_seeded_block_repeats_and_restores():
    torch.manual_seed(11)
    expected = torch.randn(3)
    torch.manual_seed(11)
    with rng.seeded(1, "network", 0):
        first = torch.randn(4)
    assert torch.equal(torch.randn(3), expected)
    with rng.seeded(1, "network", 0):
        assert torch.equal(torch.randn(4), first)


def test_seeded_block_restores_after_an_error():
    def fail():
        with rng.seeded(1, "x"):
            torch.randn(2)
            raise RuntimeError("inside")

    state = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.equal(torch.get_rng_state(), state)
