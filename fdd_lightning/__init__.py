"""Fair dataset distillation: small synthetic training sets that do not carry a data set's bias on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fdd_lightning.__about__ import __version__

if TYPE_CHECKING:
    from fdd_lightning.artefacts.synthetic import SyntheticSet

__all__ = ["SyntheticSet", "__version__"]


def __getattr__(name: str) -> Any:
    # Loaded at first use, so that importing the package (the command's --help, --version) stays cheap.
    if name == "SyntheticSet":
        from fdd_lightning.artefacts.synthetic import SyntheticSet

        return SyntheticSet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
