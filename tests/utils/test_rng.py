import subprocess
import sys

import pytest
import torch

from fdd_lightning.utils import rng


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
    code = "from fdd_lightning.utils.rng import derive; print(derive(5, 'order', 2))"
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


def test_hashed_uniforms_are_splitmix64(monkeypatch):
    """Its published first outputs from seed 0; negative numbers are not lost either."""
    monkeypatch.setattr(rng, "derive", lambda seed, *purpose: 0)
    first = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert rng.hashed_uniforms(torch.tensor([1, 2, 3]), 0).tolist() == [(n >> 11) / 2**53 for n in first]


def test_hashed_uniforms_depend_on_number_seed_and_purpose_alone():
    index = torch.arange(10_000)
    draws = rng.hashed_uniforms(index, 1, "a")
    assert torch.equal(draws[[7, 3]], rng.hashed_uniforms(torch.tensor([7, 3]), 1, "a"))
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean().item() == pytest.approx(0.5, abs=0.02)
    for other in (rng.hashed_uniforms(index, 2, "a"), rng.hashed_uniforms(index, 1, "b")):
        assert abs(torch.corrcoef(torch.stack([draws, other]))[0, 1].item()) < 0.05
