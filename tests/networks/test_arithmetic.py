"""Compiled networks compute what is written, bfloat16 rounds what is only averaged, and what cannot be had is told."""

from functools import partial

import pytest
import torch

from fdd_lightning.augment import NoAugmentation
from fdd_lightning.datasets import ImageSet
from fdd_lightning.matching.distances import LayerCosine
from fdd_lightning.matching.signals import ClassBatch, Features, Gradients, Maps
from fdd_lightning.matching.step import MatchingStep
from fdd_lightning.matching.surrogates import Fresh
from fdd_lightning.matching.weightings import FairDD
from fdd_lightning.networks import ConvNet, arithmetic
from fdd_lightning.networks.arithmetic import Arithmetic, chosen, has_bfloat16, has_compiler, operations_of
from fdd_lightning.utils.rng import generator, seeded

SHAPE = (3, 8, 8)
compiles = pytest.mark.skipif(not has_compiler("cpu"), reason="torch.compile finds no C++ compiler")


def loss_and_gradient(signal, distance, how, dtype=torch.float64):
    targets, groups = torch.arange(24) % 2, torch.arange(24) % 3
    pixels = torch.randint(0, 256, (24, *SHAPE), generator=generator(0, "pixels"), dtype=torch.uint8)
    real = ImageSet(pixels, targets, groups, (0.5,) * 3, (0.5,) * 3)
    surrogate = Fresh(partial(ConvNet, width=4, depth=1))
    surrogate.prepare(2, SHAPE, 2, seed=0, device=torch.device("cpu"))
    signal.arithmetic = how
    choices = {"weighting": FairDD(), "signal": signal, "augmentation": NoAugmentation()}
    step = MatchingStep(real, real.cells(2, 3), surrogate, **choices, **({"distance": distance} if distance else {}))
    images = torch.randn(4, *SHAPE, generator=generator(0, "images"), dtype=dtype).requires_grad_()
    loss = step(images, 0, [0, 1]).loss
    loss.backward()
    return loss.detach(), images.grad


@compiles
@pytest.mark.parametrize(("signal", "distance"), [(Features, None), (Gradients, LayerCosine())])
def test_compiled_in_double_precision_it_is_what_is_written(signal, distance):
    written = loss_and_gradient(signal(), distance, Arithmetic())
    compiled = loss_and_gradient(signal(), distance, Arithmetic(compiled=True))
    for a, b in zip(written, compiled, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("signal", "share"), [(Features(), 0.01), (Maps(), 0.01), (Gradients(), 0.05)])
def test_bfloat16_targets_are_the_targets_but_for_some_percent(signal, share):
    with seeded(0, "network"):
        network = ConvNet(2, SHAPE, width=8, depth=1)
    batch = ClassBatch(torch.randn(200, *SHAPE, generator=generator(0, "images")), 1)
    rows = torch.full((1, 200), 1 / 200, dtype=torch.float64)
    exact = signal.targets(network, [batch], [rows])[0]
    signal.arithmetic = Arithmetic(rounded=True)
    for a, b in zip(signal.targets(network, [batch], [rows])[0], exact, strict=True):
        assert a.dtype == torch.float32
        assert not torch.equal(a, b)
        assert (a - b).norm() / b.norm() < share


def test_images_that_are_learned_never_pass_in_bfloat16():
    network = ConvNet(2, SHAPE, width=4, depth=1)
    batch = ClassBatch(torch.randn(4, *SHAPE), 0)
    for signal in (Features(), Maps()):
        exact = signal.synthetic(network, [batch])[0]
        signal.arithmetic = Arithmetic(rounded=True)
        assert all(torch.equal(a, b) for a, b in zip(signal.synthetic(network, [batch])[0], exact, strict=True))


def test_where_nothing_compiles_it_is_computed_as_written_and_told_once(monkeypatch, capsys):
    def broken(function):
        def fail(*arguments):
            raise RuntimeError("no compiler here")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    arithmetic._compiled.cache_clear()
    how = Arithmetic(compiled=True)
    assert [int(how(torch.add, torch.tensor(1), torch.tensor(n))) for n in (1, 2)] == [2, 3]
    arithmetic._compiled.cache_clear()
    told = capsys.readouterr().err
    assert told.count("torch.compile cannot be had here (no compiler here)") == 1


def test_what_the_function_itself_refuses_is_raised():
    def refuse():
        raise ValueError("not this")

    with pytest.raises(ValueError, match="not this"):
        Arithmetic(compiled=True)(refuse)


def test_the_choice_depends_on_counts_and_hardware_only(monkeypatch):
    monkeypatch.setattr(arithmetic, "has_compiler", lambda device: True)
    monkeypatch.setattr(arithmetic, "has_bfloat16", lambda device: True)
    assert chosen("auto", "auto", "cpu", operations=1e9) == (False, False)  # too short to compile for
    assert chosen("auto", "auto", "cpu", operations=1e15) == (True, True)
    assert chosen("auto", "float32", "cpu", operations=1e15) == (True, False)
    assert chosen("off", "auto", "cpu", operations=1e15) == (False, False)
    assert chosen("on", "auto", "cpu", operations=1.0) == (True, True)
    assert chosen("off", "bfloat16", "cpu", operations=1.0) == (False, True)
    assert chosen("auto", "auto", "mps", operations=1e15) == (False, False)
    monkeypatch.setattr(arithmetic, "has_bfloat16", lambda device: False)
    assert chosen("auto", "auto", "cpu", operations=1e15) == (True, False)
    monkeypatch.setattr(arithmetic, "has_compiler", lambda device: False)
    assert chosen("auto", "auto", "cpu", operations=1e15) == (False, False)
    assert has_bfloat16("cpu") in (True, False)


def test_operations_are_those_of_the_layers():
    network = partial(ConvNet, width=4, depth=1)
    convolution, classifier = 2 * 4 * 3 * 9 * 8 * 8, 2 * 4 * 4 * 4 * 2
    assert operations_of(network, 2, SHAPE) == convolution + classifier
