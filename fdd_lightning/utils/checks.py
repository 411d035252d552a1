"""Ranges of numbers that users set, refused by one line."""

from __future__ import annotations

from collections.abc import Mapping

from fdd_lightning.errors import ConfigError


def require(
    values: Mapping[str, float | None],
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    of: str = "",
) -> None:
    """Refuse numbers out of range, and what is no number (nan); None passes.

    Args:
        values: The numbers by the names that users know.
        least: The smallest that is allowed.
        above: What each must be larger than.
        most: The largest that is allowed.
        of: Whose they are, for the message.

    Raises:
        ConfigError: Names the first that is out of range, and the range.

    Example:
        >>> require({"iterations": 0}, least=1)
        Traceback (most recent call last):
        fdd_lightning.errors.ConfigError: iterations must be at least 1, not 0
    """
    for name, value in values.items():
        if value is None:
            continue
        bounds = {
            f"at least {least:g}" if least is not None else "": least is None or value >= least,
            f"above {above:g}" if above is not None else "": above is None or value > above,
            f"at most {most:g}" if most is not None else "": most is None or value <= most,
        }
        if not all(bounds.values()):
            wanted = " and ".join(filter(None, bounds))
            raise ConfigError(f"{of} {name} must be {wanted}, not {value}".strip())
