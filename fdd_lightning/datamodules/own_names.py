"""What rows call a user's own data sets, so that they join neither each other's nor those of the menu."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.plain_text import require_name


def own_name(name: str | None, path: str | None, kind: type, default: str) -> str:
    """Return what rows call the images of a folder: the name given, else the folder's own.

    Args:
        name: Given by the user.
        path: The folder; None for the ``default`` one.
        kind: The class of the data module.
        default: What its class calls itself.

    Raises:
        ConfigError: The name given is another data set's, or no name of a file could be made of it.

    Example:
        >>> own_name(None, "photos/faces/", object, "folder"), own_name(None, None, object, "folder")
        ('faces', 'folder')
    """
    if name is not None:
        require_name(f"{default}: name", name)
        if not re.fullmatch(r"\w[^/\\]*", name) or _is_taken(name, kind):
            raise ConfigError(
                f"{default}: name={name!r}: begin with a letter or a figure, without slashes, and not as another data "
                "set of the menu is called"
            )
        return name
    own = Path(os.path.abspath(Path(path).expanduser())).name if path else ""  # noqa: PTH100 (links keep their names)
    own = re.sub(r"^\W+", "", own) or default
    return f"{own} {default}" if _is_taken(own, kind) else own


def _is_taken(name: str, kind: type) -> bool:
    """Tell whether the menu has a data set of another kind by this name."""
    file = menu.file_of("data", name) if re.fullmatch(r"\w+", name) else None
    return file is not None and not issubclass(import_class(menu.spec_in(file, "data")["class_path"]), kind)
