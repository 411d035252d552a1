"""What may go wrong around a command, and must not harm it: ``python -m tests.faults [--long]``, from the checkout."""

import os
import sys
from pathlib import Path

import pytest

LONG = {"FDD_KILLS": "60", "FDD_MUTATIONS": "20000"}
"""Settings of the long versions, which take most of an hour."""


def main() -> int:
    """Run the tests beside this file; other arguments are pytest's."""
    args = [arg for arg in sys.argv[1:] if arg != "--long"]
    if len(args) < len(sys.argv) - 1:
        os.environ.update(LONG)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return pytest.main(["-p", "no:cacheprovider", str(Path(__file__).parent), *args])


if __name__ == "__main__":
    sys.exit(main())
