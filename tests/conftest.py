"""A place to work in: an empty current folder, no data root, and a cache that holds the coloured digits."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from fdd_lightning.__main__ import main
from fdd_lightning.datamodules import ColoredDigits

if threading.current_thread() is threading.main_thread():
    # A run in the background inherits that Ctrl-C is ignored, and would hand that on to the commands under test.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture(scope="session")
def digits_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache in which the coloured digits are built."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(cache))
        ColoredDigits().prepare_data()
    return cache


@pytest.fixture
def workdir(tmp_path: Path, digits_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder, without a data root; what is imported from there is forgotten afterwards."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("FDD_CACHE", str(digits_cache))
    for name in ("FDD_DATA", "FDD_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield here
    for name, module in list(sys.modules.items()):
        if (getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def fdd(workdir: Path, capfd: pytest.CaptureFixture[str]) -> Command:
    """The command line, in this process."""

    def call(*args: str | Path) -> Said:
        capfd.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as done:  # --help and --print_config end the parser
            code = int(done.code or 0)
        return Said(code, *capfd.readouterr())

    return call


@pytest.fixture
def refused(fdd: Command) -> Callable[..., str]:
    """A command line that is the user's mistake: returns its one line."""

    def call(*args: str | Path) -> str:
        said = fdd(*args)
        assert said.code == 2, said
        assert said.err.startswith("fdd: error: ")
        assert said.err.count("\n") == 1, said.err
        assert said.err.endswith("\n")
        assert "Traceback" not in said.err
        assert "usage" not in said.err
        assert len(said.err) < 400, "a line to be read"
        return said.err.removeprefix("fdd: error: ").strip()

    return call


@pytest.fixture
def set_threads() -> Iterator[Callable[[int], None]]:
    """Sets torch's number of threads, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
