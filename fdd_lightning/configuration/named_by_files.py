"""What a file from elsewhere may name: our own classes, and those that the user's own words have brought in."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from fdd_lightning.configuration.choices import Choice, current, import_class
from fdd_lightning.configuration.defaults import classes_for, parameters
from fdd_lightning.errors import FDDError, FileFormatError

OURS = "fdd_lightning."
PARTS = (Choice, nn.Module, Optimizer, LRScheduler)
"""What a class must be that is not ours: others could do anything when they are built."""


def require_known(value: Any, where: str, wanted: tuple[type, ...] = ()) -> None:
    """Refuse what a file says if it names a class that is neither ours nor one that was imported before.

    Whatever the user names, by an option, in a configuration or a script, is imported; a file alone imports nothing.
    Where a class is ``wanted`` a bare name or the path of a YAML file is refused as well: it would be looked for here.

    Args:
        value: A spec, or anything that holds some.
        where: The file, for the message.
        wanted: The classes of which one stands here.

    Raises:
        FileFormatError: Names the class and the way out.

    Example:
        >>> require_known({"class_path": "os.system"}, "encoder.safetensors")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        fdd_lightning.errors.FileFormatError: encoder.safetensors names the class 'os.system', which is not one of ...
    """
    if isinstance(value, str):
        if "class_path" in value or (wanted and value not in ("", "null")):
            raise FileFormatError(f"{where} says {value[:80]!r} where a class path belongs: name that by an option")
    elif isinstance(value, list | tuple):
        for item in value:
            require_known(item, where, wanted)
    elif isinstance(value, Mapping):
        kinds: dict[str, tuple[type, ...]] = {}
        if "class_path" in value:
            cls = _known(str(value["class_path"]), where)
            if not isinstance(value.get("init_args") or {}, Mapping):
                raise FileFormatError(f"{where}: the arguments of {value['class_path']} are no mapping")
            kinds = {name: classes_for(parameter.annotation) for name, parameter in parameters(cls).items()}
        for key, item in value.items():
            if key in ("init_args", "dict_kwargs") and isinstance(item, Mapping):
                for name, argument in item.items():
                    require_known(argument, where, kinds.get(name, ()))
            elif key != "class_path":
                require_known(item, where)


def may_be_named(path: str) -> bool:
    """Tell whether a class is ours or was imported before, so that looking it up imports nothing that a file names."""
    return current(path).startswith(OURS) or path.rpartition(".")[0] in sys.modules


def _known(path: str, where: str) -> type:
    """Return a class that a file may name."""
    now = current(path)
    module, _, name = now.rpartition(".")
    if now.startswith(OURS):
        try:
            found = import_class(now)
        except FDDError as error:
            raise FileFormatError(f"{where}: {error}") from None
        if found.__module__.startswith(OURS):
            return found
    else:
        loaded = getattr(sys.modules.get(module), name, None)
        if isinstance(loaded, type) and issubclass(loaded, PARTS):
            return loaded
    raise FileFormatError(
        f"{where} names the class {path[:80]!r}, which is not one of fdd-lightning: if you know and trust it, name it "
        f"yourself by an option, such as --model.surrogate.network={path[:80]}"
    )
