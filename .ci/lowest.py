"""Prints the lowest versions that setup.cfg allows, as constraints for pip: ``python .ci/lowest.py > lowest.txt``.

Only what has a lower bound is pinned; what has none is left to pip. A requirement that stands twice, in an extra say,
is pinned once, to the higher of its bounds.
"""

from __future__ import annotations

import re
import sys
from configparser import ConfigParser
from pathlib import Path

SETUP = Path(__file__).parent.parent / "setup.cfg"


def lowest(setup: Path = SETUP, extras: tuple[str, ...] = ("dev",)) -> dict[str, str]:
    """Return the lowest version of each package that has a lower bound, by its name.

    Example:
        >>> sorted(lowest(extras=()))[:3]
        ['filelock', 'jsonargparse', 'lightning']
    """
    parser = ConfigParser()
    parser.read(setup, encoding="utf-8")
    texts = [parser["options"]["install_requires"], *(parser["options.extras_require"][extra] for extra in extras)]
    found: dict[str, str] = {}
    for line in "\n".join(texts).splitlines():
        match = re.match(r"([\w.-]+)(?:\[[\w,-]+\])?.*?(?:>=|==)\s*([\w.]+)", line.partition("#")[0])
        if match is not None:
            name, version = match[1].lower(), match[2]
            found[name] = max(found.get(name, version), version, key=_parts)
    return found


def _parts(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}=={version}\n" for name, version in sorted(lowest().items())))
