"""Modules on the coloured digits, by the Python interface."""

from __future__ import annotations

from typing import Any

import pytest

from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.trainer import FDDTrainer


@pytest.fixture(autouse=True)
def _workdir(workdir):
    """Every test works in a folder of its own, with the digits in the cache."""


@pytest.fixture
def digits():
    """The coloured digits, set up."""
    data = ColoredDigits()
    data.setup()
    return data


def trainer(**arguments: Any) -> FDDTrainer:
    """Return a trainer that leaves no files."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return FDDTrainer(**{"accelerator": "cpu", "devices": 1, **quiet, **arguments})
