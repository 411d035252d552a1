"""The menu: specs by kind and name, below the current folder's ``configs/`` first, then in the package.

A file of the menu is a bare spec: ``class_path`` and ``init_args``. It may say what it is based on and change a part of
that::

    based_on: idc          # another file of its kind
    init_args:
      lr_images: 0.0001
      surrogate.images: 500

Keys may be dotted. Who names another class gets that class's own defaults; ``init_args`` of the same class are merged.
Of a list each is put over those before it. A file whose name begins with ``_`` is no entry: it holds ``init_args`` that
others share by naming it after what they change (``based_on: [idc, _recommended]``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache, reduce
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from fdd_lightning.configuration.choices import Spec, current, is_spec
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.paths import CONFIGS

ENDINGS = (".yaml", ".yml")
LONGEST = 250
"""Letters of the longest name of an entry, or path of a file, that is looked for."""


def roots() -> list[Path]:
    """Return the folders that a menu lies in: the user's, then ours."""
    return [Path("configs"), CONFIGS]


def kinds() -> list[str]:
    """Return what kinds of entries there are, each a folder of a menu."""
    folders = (path for root in roots() if root.is_dir() for path in root.iterdir() if path.is_dir())
    return sorted({folder.name for folder in folders if names(folder.name)})


def kind_named(word: str) -> str:
    """Return the kind that a word stands for, in the singular or the plural.

    Raises:
        ConfigError: There is none.

    Example:
        >>> kind_named("methods"), kind_named("recipe")
        ('method', 'recipes')
    """
    known = kinds()
    found = [kind for kind in known if kind.removesuffix("s") == word.removesuffix("s")]
    if not found:
        raise ConfigError(f"there is no folder {word!r} in configs/: choose one of {', '.join(known)}")
    return found[0]


def note(file: Path) -> str:
    """Return the first sentence of the comment that a file begins with; empty without one.

    Example:
        >>> note(CONFIGS / "weighting" / "kde.yaml")
        'KDE reweighting (Cui et al.): needs a bias encoder (--encoder) and no group labels'
    """
    lines = [line.strip() for line in file.read_text(encoding="utf-8-sig", errors="replace").splitlines()]
    comment = takewhile(lambda line: line.startswith("#") and line.strip("# "), lines)
    text = " ".join(line.lstrip("# ") for line in comment)
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`\"])", text, maxsplit=1)[0].removesuffix(".")


def names(kind: str) -> list[str]:
    """Return what there is of a kind (``method``, ``weighting``, ``recipes``, ...), by name."""
    files = (path.relative_to(root / kind) for root in roots() for path in (root / kind).rglob("*.yaml"))
    return sorted({file.with_suffix("").as_posix() for file in files if not file.name.startswith("_")})


def file_of(kind: str, name: str | Path) -> Path | None:
    """Return the file of an entry of a kind, by its name or by the path of a YAML file; None where there is none."""
    path = Path(name)
    if not path.name or len(str(path)) > LONGEST or not str(path).isprintable():
        return None
    if path.suffix in ENDINGS and path.is_file():
        return path
    inside = path.with_name(f"{path.name}.yaml") if path.suffix not in ENDINGS else path
    return next((root / kind / inside for root in roots() if (root / kind / inside).is_file()), None)


def refuse_address(name: str) -> None:
    """Refuse the address of something in a network where a name, a class path or a file is wanted.

    Raises:
        ConfigError: It is one.
    """
    if "://" in name:
        raise ConfigError(f"{name!r} is an address, and nothing is fetched by it: save it as a file, and name that")


def find(kind: str, name: str | Path, key: str = "") -> Spec:
    """Return the spec of an entry of a kind (see :func:`names`), by its name or by the path of a YAML file.

    ``key`` is what named it, for messages.

    Raises:
        ConfigError: There is none of that name, or its file holds no spec.

    Example:
        >>> find("weighting", "vanilla")
        {'class_path': 'fdd_lightning.matching.weightings.Vanilla', 'init_args': {}}
    """
    file = file_of(kind, name)
    if file is None:
        raise ConfigError(
            f"{key or kind} {str(name)!r} is not in configs/{kind}: choose one of {', '.join(names(kind))}"
        )
    return spec_in(file, kind)


def spec_in(file: Path, kind: str) -> Spec:
    """Return the spec that a file holds, with what it is based on, an entry of its kind, merged in.

    Raises:
        ConfigError: It holds none.
    """
    spec = _arguments_in(file, kind)
    based_on = spec.pop("based_on", [])
    bases = [str(base) for base in (based_on if isinstance(based_on, list) else [based_on])]
    if file.stem in bases and file.parent.name == kind:
        raise ConfigError(f"{file} is based on itself")
    whole = spec
    if is_spec_like(spec):
        whole = dict(reduce(merged, [*(_base(kind, base, f"{file}: based_on") for base in bases), spec]))
    if not is_spec_like(whole) or not is_spec(whole):
        raise ConfigError(
            f"{file} holds no spec: it needs `class_path` (or `based_on`) and, where it likes, `init_args`"
        )
    return {"class_path": current(str(whole["class_path"])), "init_args": whole.get("init_args") or {}}


def _arguments_in(file: Path, kind: str) -> dict[str, Any]:
    """Return what a file says, without the sections that files of earlier releases stand in; empty if no mapping."""
    content = deepcopy(read_yaml(file))  # what was read is kept, and callers may change what they get
    for section in ("model", "data", "init_args", kind):
        if isinstance(content, Mapping) and set(content) == {section}:
            content = content[section]
    return {"init_args": {}, **content} if isinstance(content, Mapping) else {}


def _base(kind: str, name: str, key: str) -> Mapping[str, Any]:
    """Return what another file is based on: an entry, or arguments that several share."""
    file = file_of(kind, name)
    if file is None or not file.name.startswith("_"):
        return find(kind, name, key)
    content = read_yaml(file)
    if not is_spec_like(content) or "class_path" in content:
        raise ConfigError(f"{file}, which others share, needs `init_args` and nothing else")
    return deepcopy(dict(content))


def merged(base: Any, change: Any) -> Any:
    """Return a spec, or any value in one, with a change put over it; neither is touched.

    A mapping of arguments is merged key by key, dotted keys reaching inside. What names another class replaces what was
    there, and so does a bare name.

    Example:
        >>> merged({"class_path": "a.B", "init_args": {"c": 1, "d": 2}}, {"init_args": {"d": 3}})
        {'class_path': 'a.B', 'init_args': {'c': 1, 'd': 3}}
    """
    if not is_spec_like(change):
        return change
    base = {"class_path": base} if isinstance(base, str) else base
    same = is_spec_like(base) and ("class_path" not in change or same_class(base, change))
    result = {**base} if same else {}
    if "class_path" in change:
        result["class_path"] = current(str(change["class_path"]))
    arguments = dict(result.get("init_args") or {})
    for key, value in (change.get("init_args") or {}).items():
        first, _, rest = str(key).partition(".")
        arguments[first] = merged(arguments.get(first), {"init_args": {rest: value}} if rest else value)
    return {**result, "init_args": arguments} if arguments or "init_args" in change else result


def same_class(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two specs name one class, be it by its path or by its bare name."""
    first, second = (current(str(spec.get("class_path"))) for spec in (one, other))
    return first == second or (
        first.rpartition(".")[2] == second.rpartition(".")[2] and not ("." in first and "." in second)
    )


def is_spec_like(value: Any) -> bool:
    """Tell whether a value is a spec, or a part of one: arguments without a class."""
    return isinstance(value, Mapping) and bool(value) and set(value) <= {"class_path", "init_args"}


class DuplicateKeyError(ConfigError, yaml.YAMLError):
    """A mapping says one key twice.

    Example:
        >>> load_yaml("{c: 2, c: 3}")
        Traceback (most recent call last):
        fdd_lightning.configuration.menu.DuplicateKeyError: line 1: 'c' stands here twice: leave one out
    """


class _Loader(yaml.SafeLoader):
    """Leaves dates as they are written: here they are names. Takes no key twice."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Return a mapping in which each key stands once; what is merged into it later is under it."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            word = key.tag, str(key.value)
            if isinstance(key, yaml.ScalarNode) and word in seen and not word[0].endswith(":merge"):
                line = key.start_mark.line + 1
                raise DuplicateKeyError(f"line {line}: {key.value!r} stands here twice: leave one out")
            seen.add(word)
        return node


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str) -> Any:
    """Read YAML; dates are text.

    Raises:
        DuplicateKeyError: A mapping says one key twice.
        yaml.YAMLError: It is none.
    """
    return yaml.load(text, _Loader)


_FILES: set[Path] = set()


def files_read() -> list[Path]:
    """Return the YAML files that were read so far: no output may be one of them."""
    return sorted(_FILES)


def read_yaml(file: Path) -> Any:
    """Read a YAML file.

    Raises:
        ConfigError: It is no YAML.
    """
    status = file.stat()
    _FILES.add(file.resolve())
    return _read(file, file.resolve(), status.st_size, status.st_mtime_ns)


@cache
def _read(file: Path, place: Path, size: int, changed: int) -> Any:
    try:
        content = load_yaml(file.read_text(encoding="utf-8-sig"))
        _require_tree(content)
    except DuplicateKeyError as error:
        raise ConfigError(f"{file}, {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text: save it as UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply to mean anything") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: numbers and dates that only look like some
        raise ConfigError(f"{file} is no valid YAML: {' '.join(str(error).split())}") from None
    return content


MOST = 100_000
"""Values that a file may hold, those of aliases counted wherever they stand."""


def _require_tree(content: Any) -> None:
    """Refuse what holds itself by an alias, or grows beyond all memory when aliases are written out.

    Raises:
        ValueError: It does.
    """
    waiting, count = [content], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count > MOST:
            raise ValueError("an alias (*) stands within its own anchor (&), or there are too many values")
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            value.encode()  # halves of characters, which no file can be named by, and no terminal shows
