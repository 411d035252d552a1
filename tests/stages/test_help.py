"""`fdd STAGE --help` begins with what people set."""

import pytest

from fdd_lightning.configuration import menu
from fdd_lightning.stages.parser import STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_what_people_set_comes_first_and_the_trainer_is_left_out(fdd, stage):
    said = fdd(stage, "--help")
    assert said.code == 0, said.err
    order = [
        said.out.index(text) for text in ("usage: ", "  --output ", "\n--model NAME", "\n--data NAME", "\nexample:")
    ]
    assert order == sorted(order)
    for flag in STAGES[stage][0].flags():
        assert f"  --{flag} " in said.out
    assert "--trainer.devices" not in said.out
    assert "--trainer.help" in said.out
    assert "<class" not in said.out
    assert "class_path" not in said.out
    assert "known subclasses" not in said.out
    assert "num_classes" not in said.out
    assert len(said.out.splitlines()) < 220


def test_of_a_method_and_a_data_set_that_are_named(fdd):
    said = fdd("distill", "--help", "--model", "idc", "--data=cmnist", "--model.iterations=77")
    words = " ".join(said.out.split())
    assert "--data NAME (here CMNIST)" in words
    assert "(type: int, default: 77)" in words
    assert "(type: Parameterisation, default: MultiFormation)" in words
    for name in menu.names("weighting"):
        assert name in words


def test_the_options_of_the_trainer(fdd):
    said = fdd("eval", "--trainer.help")
    assert said.code == 0, said.err
    assert "--trainer.devices" in said.out
    assert "--trainer.max_time" in said.out
    assert "--model" not in said.out


def test_a_mistake_beside_help_is_told(refused):
    assert "there is no class 'dmm'" in refused("distill", "--model=dmm", "--help")
