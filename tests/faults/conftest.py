"""A disk of a few megabytes, where one may be mounted."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class Disk:
    """A small disk.

    Args:
        path: Where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def leave(self, kilobytes: int) -> None:
        """Leave so much room."""
        files = [path for path in self.path.rglob("*") if path.is_file() and not path.is_symlink()]
        used = sum(-(-path.stat().st_size // 4096) * 4 for path in files)
        self._mount(f"size={max(4, used + kilobytes)}k")

    def close(self) -> None:
        """Let nobody write."""
        self._mount("ro")

    def _mount(self, option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(self.path)], check=True)

    def left_over(self) -> list[str]:
        """Return what is half-written."""
        return sorted(str(path) for path in self.path.rglob(".*"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk; skipped where none may be mounted."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(path)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no disk may be mounted here")
    yield Disk(path)
    subprocess.run(["umount", "-l", str(path)], check=True)
