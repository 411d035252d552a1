"""At a terminal a command ends with what may come next; elsewhere nothing is added."""

import sys

import pytest

from fdd_lightning.command_line import COMMANDS, parser_of
from fdd_lightning.command_line.data import ACTIONS
from fdd_lightning.utils.next_step import say_next


def test_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    say_next("fdd eval --synthetic runs/a/synthetic.safetensors " + "--model.count 3 " * 9)
    said = capsys.readouterr()
    assert said.out == ""
    assert "next: fdd eval --synthetic" in said.err
    assert said.err.count("\n") == 1
    say_next("")
    assert capsys.readouterr().err == ""


def test_in_a_pipe(capsys):
    say_next("fdd run quickstart")
    assert capsys.readouterr() == ("", "")


def test_from_stage_to_stage(fdd, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("fdd_lightning.stages.stage_run.say_next", told.append)
    quiet = ("--trainer.enable_progress_bar=false", "--trainer.logger=false")
    data = ("--data", "colored_digits", "--data.conflict_ratio=0.2")
    small = ("--model.surrogate.network.width=4", "--model.iterations=1", "--model.images_per_class=1")
    assert fdd("distill", *data, *small, "--output=a b", *quiet).code == 0
    assert told == ["fdd eval --synthetic 'a b/synthetic.safetensors' --data colored_digits --data.conflict_ratio=0.2"]
    told.clear()
    made = ("--synthetic", "a b/synthetic.safetensors")
    few = ("--model.count=1", "--model.epochs=1", "--model.network.width=4")
    assert fdd("eval", *made, *few, "--output=e", *quiet).code == 0
    assert told == ["fdd report e"]


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "data"])
def test_every_help_has_an_example(fdd, command):
    assert f"\nexample:\n  {'eval' if command == 'completion' else f'fdd {command}'}" in fdd(command, "--help").out


@pytest.mark.parametrize("action", ACTIONS)
def test_every_help_of_data_has_an_example(fdd, action):
    assert parser_of("data", action).example.startswith(f"fdd data {action}")  # type: ignore[union-attr]
    assert f"\nexample:\n  fdd data {action}" in fdd("data", action, "--help").out
