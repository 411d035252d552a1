"""Sources and caches of the data sets that the command is tried on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.command_line.data.slow import MODULE
from tests.fakes import write_mnist


@pytest.fixture
def cache(workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own."""
    folder = tmp_path / "own_cache"
    monkeypatch.setenv("FDD_CACHE", str(folder))
    return folder


@pytest.fixture
def mnist(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with a miniature MNIST, and an empty cache."""
    root = tmp_path / "data"
    root.mkdir()
    monkeypatch.setenv("FDD_DATA", str(root))
    return write_mnist(root)


@pytest.fixture
def slow(cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The class path of a slow data set in the current folder."""
    Path("slowmodule.py").write_text(MODULE)
    monkeypatch.delitem(sys.modules, "slowmodule", raising=False)
    return "slowmodule.Slow"
