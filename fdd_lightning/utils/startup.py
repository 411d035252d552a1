"""What this process will not need: importing Lightning takes several times as long as all the rest together."""

from __future__ import annotations

from typing import Any

trains: bool = True
"""Whether a trainer may come to run; `fdd data` says no before it imports the data modules."""


class DataModule:
    """Stands in for Lightning's data module where nothing is trained: it has no trainer."""

    trainer: Any = None
