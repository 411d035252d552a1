"""`fdd COMMAND --help` is made once and then shown as it was made."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fdd_lightning.command_line import COMMANDS


@pytest.fixture
def cache(workdir, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(workdir / "cache"))
    return workdir / "cache" / "help"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_kept_is_the_parsers_own_help(fdd, cache, command, monkeypatch):
    made = fdd(command, "--help")
    assert made.code == 0, made.err
    assert made.out.strip()
    (file,) = cache.iterdir()
    assert file.read_text() == made.out
    monkeypatch.setattr("fdd_lightning.__main__.carry_out", lambda *_: pytest.fail("made again"))
    assert fdd(command, "--help").out == made.out


def test_a_changed_menu_or_another_terminal_makes_it_again(fdd, cache, monkeypatch):
    fdd("report", "--help")
    Path("configs/data").mkdir(parents=True)
    Path("configs/data/mine.yaml").write_text("class_path: x")
    fdd("report", "--help")
    monkeypatch.setenv("COLUMNS", "60")
    fdd("report", "--help")
    assert len(list(cache.iterdir())) == 3


def test_a_class_of_ones_own_is_never_kept(fdd, cache):
    fdd("distill", "--model.help", "fdd_lightning.modules.selection.Selection")
    assert not cache.exists()


def test_without_a_cache_it_is_made(workdir, fdd, monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("FDD_CACHE", "file/below")
    assert fdd("report", "--help").out.startswith("usage: fdd report")


def test_what_is_kept_needs_no_torch(cache, fdd):
    fdd("run", "-h")
    code = (
        "import sys; from fdd_lightning.__main__ import main; main(['run', '--help']); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
