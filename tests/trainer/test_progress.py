"""What is said while a stage runs."""

import io
import re
from functools import partial

import pytest
import torch
from lightning import LightningModule
from rich.console import Console
from rich.text import Text
from torch.utils.data import DataLoader, TensorDataset

from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.matching.surrogates import Fresh
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.networks import ConvNet
from fdd_lightning.trainer.callbacks import StageProgress
from fdd_lightning.utils import progress
from tests.modules.conftest import trainer


@pytest.fixture
def run(workdir):
    def start(steps=4, **arguments):
        model = Distiller(10, (3, 16, 16), 1, surrogate=Fresh(partial(ConvNet, width=4)), iterations=steps)
        trainer(**arguments).distill(model, ColoredDigits())

    return start


class Clock:
    """A clock that goes on by so many seconds whenever it is looked at."""

    def __init__(self, tick):
        self.now, self.tick = 0.0, tick

    def monotonic(self):
        self.now += self.tick
        return self.now


def test_a_line_now_and_then_where_the_output_is_a_file(run, monkeypatch, capfd):
    monkeypatch.setattr(progress, "time", Clock(16))
    run(enable_progress_bar=True, callbacks=[StageProgress("distill dm")])
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("distill dm: step ") for line in lines)
    assert lines[-1].endswith("s left")


def test_nothing_is_said_of_a_short_stage(run, capfd):
    run(enable_progress_bar=True)
    assert capfd.readouterr().err == ""


def test_a_bar_with_time_left_on_a_terminal(run, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=screen, force_terminal=True, width=120))
    run(enable_progress_bar=True, callbacks=[StageProgress("distill dm")])
    shown = screen.getvalue()
    assert "distill dm" in shown
    assert "4/4" in shown
    assert "left" in shown
    assert "loss" in shown


def test_eight_works_at_once_have_a_line_each(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr(progress, "Console", lambda **_: Console(file=text, force_terminal=True, width=80, height=30))
    screen = progress.Screen(several=True)
    titles = [f"[{n}/23] distill dm_recommended vote, IPC 10, seed {n}, colored_digits" for n in range(8)]
    screen.count("all stages", 3, 23)
    for title in titles:
        screen.open(title)
        screen.begin(title, 0, 1000)
        screen.at(title, 500)
    long = "warning: " + "of what a stage has to say, " * 5
    screen.say(long)
    screen.end(titles[0])
    screen.close()
    drawn = [Text.from_ansi(part).plain.strip() for part in re.split("\x1b\\[2K|\n", text.getvalue().replace("\r", ""))]
    assert long.strip() in drawn  # not broken into lines
    bars = [line for line in drawn if line.startswith(("[", "all"))]
    assert max(map(len, bars)) <= 80
    assert {line[:6] for line in bars} == {title[:6] for title in titles} | {"all st"}
    assert any("500/1000" in line for line in bars)


def test_a_module_that_is_no_stage_is_trained_in_silence(workdir, monkeypatch, capfd):
    class Line(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch):
            return self.layer(batch[0]).sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    monkeypatch.setattr(progress, "time", Clock(16))
    trainer(enable_progress_bar=True, max_epochs=1).fit(Line(), DataLoader(TensorDataset(torch.ones(4, 1))))
    assert capfd.readouterr().err == ""
