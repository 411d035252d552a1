"""Recipes: a grid of data sets, methods, weightings, IPCs and seeds, as a small YAML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import leaves
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.paths import TABLES
from fdd_lightning.utils.plain_text import require_name

OF_REPORTS = ("figures", "sections")
"""Keys below ``report``: classes of the user's own."""

KEYS = {"name", "data", "ratios", "methods", "weightings", "ipcs", "distill_seeds"}
KEYS |= {"fit", "distill", "eval", "report"}
STAGED = {"data": ("fit", "distill", "eval"), "method": ("fit", "eval")}
"""Stages that entries may have settings for, over the recipe's; a method's other leaves are those of `distill`."""
LISTED = {"data": ("ratios", "methods"), "method": ("weightings", "ipcs", "trainers")}
"""Parts of the grid that entries may have of their own."""

RATIO = "conflict_ratio"
"""The leaf of a data set that ``ratios`` say."""

FULL = "full"
"""The method that distils nothing: the whole training set."""


@dataclass(frozen=True)
class Entry:
    """A name of the menu with leaves of its own.

    Attributes:
        name: File in the menu; also a class path (but for methods), or the path of a method's YAML file.
        leaves: Settings by dotted key, over those of the recipe.
        weightings: A method's own weightings, or None.
        ipcs: A method's own IPCs, or None.
        trainers: A method's own trainers, or None.
        stages: Settings of a data set or method that are a whole stage's, by ``fit``, ``distill`` or ``eval``.
        methods: A data set's own methods, or None.
        ratios: A data set's own conflict ratios, or None; each is a data set of the recipe.

    Example:
        >>> Entry("dm", stages={"eval": {"count": 5}}).of("eval")
        {'count': 5}
    """

    name: str
    leaves: dict[str, Any] = field(default_factory=dict)
    weightings: tuple[Entry, ...] | None = None
    ipcs: tuple[int, ...] | None = None
    trainers: tuple[Entry, ...] | None = None
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    methods: tuple[Entry, ...] | None = None
    ratios: tuple[float | None, ...] | None = None

    def of(self, stage: str) -> dict[str, Any]:
        """Return the settings of its own that a stage takes, by ``fit``, ``distill`` or ``eval``."""
        return self.stages.get(stage, {})


@dataclass(frozen=True)
class Recipe:
    """A checked recipe.

    Attributes:
        name: Results go to ``runs/NAME`` below the current folder.
        data: Data sets, one for each of their ratios.
        methods: Distillation methods and controls, of every data set without methods of its own.
        weightings: Weightings of every method without weightings of its own.
        ipcs: Images per class.
        distill_seeds: Seeds of the distilled sets; each gives a set of its own.
        fit: Leaves of the encoder's training; ``encoder`` names its file in the menu.
        distill: Leaves of every distillation.
        eval: Leaves of every evaluation.
        eval_seeds: Seeds of the evaluations of every set; None for one evaluation of each, with the set's own seed.
        networks: Networks that are evaluated, by name in the menu, with leaves of their own.
        trainers: Ways to train them, by name in the menu; of every method without trainers of its own.
        figures: Figures of the user's own, by class path.
        sections: Sections of the page of the user's own, by class path.

    Example:
        >>> [method.name for method in read_recipe("quickstart").methods]
        ['random', 'dm', 'dm_recommended']
    """

    name: str
    data: tuple[Entry, ...]
    methods: tuple[Entry, ...]
    weightings: tuple[Entry, ...]
    ipcs: tuple[int, ...]
    distill_seeds: tuple[int, ...]
    fit: dict[str, Any]
    distill: dict[str, Any]
    eval: dict[str, Any]
    eval_seeds: tuple[int, ...] | None
    networks: tuple[Entry, ...]
    trainers: tuple[Entry, ...]
    figures: tuple[str, ...]
    sections: tuple[str, ...]

    def all_methods(self) -> list[Entry]:
        """Return the methods of all data sets."""
        return [method for data in self.data for method in self.methods_of(data)]

    def methods_of(self, data: Entry) -> tuple[Entry, ...]:
        """Return the methods of a data set."""
        return data.methods or self.methods


class _Reader:
    """Reads the parts of one file; every complaint names the file and the key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, key: str, problem: str) -> ConfigError:
        return ConfigError(f"{self.path}: {key}: {problem}")

    def listed(self, value: Any) -> list[Any]:
        return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]

    def entries(self, key: str, value: Any, kind: str) -> tuple[Entry, ...]:
        found = tuple(self.entry(key, item, kind) for item in self.listed(value))
        if not found:
            raise self.fail(key, "is empty: name at least one")
        return found

    def entry(self, key: str, value: Any, kind: str) -> Entry:
        if isinstance(value, str):
            own: dict[str, Any] = {"name": value}
        elif isinstance(value, Mapping) and ("name" in value) != ("class_path" in value):
            own = dict(value)
        else:
            raise self.fail(key, f"{value!r} is neither a name nor a mapping with `name` (or `class_path`)")
        name = require_name(f"{self.path}: {key}", own.pop("class_path") if "class_path" in own else own.pop("name"))
        # A weighting's arguments stand below it; its entry's other leaves are the distiller's, as ever.
        given = self.mapping(f"{key}.init_args", own.pop("init_args", None))
        arguments = flatten(given, "weighting." if kind == "weighting" else "")
        self.known(key, name, kind)
        lists = {part: own.pop(part, None) for part in LISTED.get(kind, ())}
        read: dict[str, Any] = {
            part: self.part(f"{key}.{part}", part, value) for part, value in lists.items() if value is not None
        }
        flat = {**arguments, **flatten(own)}
        stages = {stage: below(stage, flat) for stage in STAGED.get(kind, ())}
        flat = {k: v for k, v in flat.items() if k.partition(".")[0] not in stages}
        return Entry(name, flat, stages={stage: found for stage, found in stages.items() if found}, **read)

    def part(self, key: str, part: str, value: Any) -> tuple[Any, ...]:
        """Read a part of the grid that an entry has of its own."""
        if part == "ipcs":
            return self.numbers(key, value, least=1)
        return self.ratios(key, value) if part == "ratios" else self.entries(key, value, part.removesuffix("s"))

    def data(self, value: Any, ratios: Any) -> tuple[Entry, ...]:
        """Read the data sets, each once for every ratio of its own, or else of the recipe's."""
        shared = self.ratios("ratios", ratios) if ratios is not None else ()
        found = []
        for entry in self.entries("data", value, "data"):
            if entry.ratios and RATIO in entry.leaves:
                raise self.fail("data", f"{entry.name} has both {RATIO} and ratios: say it once")
            chosen = entry.ratios or (() if RATIO in entry.leaves else shared)
            plain = replace(entry, ratios=None)
            found += [replace(plain, leaves={**entry.leaves, RATIO: ratio}) for ratio in chosen] or [plain]
        return tuple(found)

    def known(self, key: str, name: str, kind: str) -> None:
        own = "." in name and not is_file_name(name)
        if own or name == FULL or menu.file_of(kind, name) is not None:
            return
        entries = menu.names(kind) + ([FULL] if kind == "method" else [])
        raise self.fail(key, f"{name!r} is not in configs/{kind}: choose one of {', '.join(entries)}")

    def numbers(self, key: str, value: Any, least: int) -> tuple[int, ...]:
        found = tuple(self.listed(value))
        if not found or any(not isinstance(n, int) or isinstance(n, bool) or n < least for n in found):
            raise self.fail(key, f"{value!r} is not a list of whole numbers of at least {least}")
        if len(set(found)) != len(found):
            raise self.fail(key, f"{value!r} names a number twice")
        return found

    def ratios(self, key: str, value: Any) -> tuple[float | None, ...]:
        found = tuple(self.listed(value))
        if not found or any(isinstance(n, bool) or not isinstance(n, int | float | None) for n in found):
            raise self.fail(key, f"{value!r} is not a list of numbers, or null for the unbiased twin")
        if len(set(found)) != len(found):
            raise self.fail(key, f"{value!r} names a ratio twice")
        return found

    def report(self, value: Any) -> dict[str, tuple[str, ...]]:
        report = self.mapping("report", value)
        if unknown := sorted(set(report) - set(OF_REPORTS)):
            raise self.fail(f"report.{unknown[0]}", f"is no key: the keys are {' and '.join(OF_REPORTS)}")
        return {key: tuple(str(path) for path in self.listed(report.get(key, []))) for key in OF_REPORTS}

    def mapping(self, key: str, value: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, Mapping):
            raise self.fail(key, "is no mapping of settings")
        return dict(value or {})


def is_own_images(text: str) -> bool:
    """Tell whether what was typed is a folder or a table of images rather than a recipe; the menu's names are recipes.

    Example:
        >>> is_own_images("quickstart"), is_own_images("labels.csv")
        (False, True)
    """
    path = Path(text)
    if is_table(text):
        return True
    return path.is_dir() and (text.endswith(("/", "\\")) or menu.file_of("recipes", path) is None)


def is_table(text: str) -> bool:
    """Tell by its ending whether a file is a table of images."""
    return Path(text).suffix.lower() in TABLES


def below(stage: str, flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves of a stage, without its name before them."""
    return {key.removeprefix(f"{stage}."): value for key, value in flat.items() if key.startswith(f"{stage}.")}


def is_file_name(name: str) -> bool:
    """Tell whether an entry's name is that of a YAML file."""
    return name.endswith((".yaml", ".yml"))


def flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as dotted leaves; a class-path spec becomes its class and the leaves below it."""
    return {name: leaf for key, item in value.items() for name, leaf in leaves(item, f"{prefix}{key}").items()}


def menu_name(path: str | Path) -> Path:
    """Return a recipe's name in the menu, also where its folder is written before it; a file's path as it is."""
    parts = Path(path).parts
    inside = parts[1:] if parts[:1] == ("configs",) else parts
    return Path(path) if Path(path).is_file() else Path(*(inside[1:] if inside[:1] == ("recipes",) else inside))


def read_recipe(path: str | Path) -> Recipe:
    """Read and check a recipe.

    Args:
        path: A YAML file, or the name of one of the menu (``quickstart``).

    Raises:
        ConfigError: The file is missing, is no YAML, has an unknown key or name, or a value of the wrong kind.
    """
    file = menu.file_of("recipes", menu_name(path))
    if file is None:
        entries = menu.names("recipes")
        near = get_close_matches(str(path), entries, n=3) or ["quickstart"]
        raise ConfigError(
            f"recipe {str(path)!r} does not exist: pass a YAML file, a folder of images, or one of the "
            f"{len(entries)} in configs/recipes, "
            f"such as {', '.join(near)}"
        )
    content = menu.read_yaml(file)
    read = _Reader(file)
    if not isinstance(content, Mapping):
        raise read.fail("recipe", "is no mapping; it needs at least `name`, `data`, `methods` and `ipcs`")
    unknown = sorted(str(k) for k in set(content) - KEYS)
    if unknown:
        raise read.fail(unknown[0], f"is no key of a recipe: the keys are {', '.join(sorted(KEYS))}")
    missing = sorted({"name", "data"} - set(content))
    if missing:
        raise read.fail(missing[0], "is missing")
    data = read.data(content["data"], content.get("ratios"))
    if "methods" not in content and any(entry.methods is None for entry in data):
        raise read.fail("methods", "is missing")
    name = require_name(f"{file}: name", content["name"])
    if name != Path(name).name or name.startswith("."):
        raise read.fail("name", f"{name!r} is no name for a folder below runs/")
    evaluation = read.mapping("eval", content.get("eval"))
    networks = evaluation.pop("networks", ["convnet"])
    trainers = evaluation.pop("trainers", ["erm"])
    seeds = evaluation.pop("seeds", None)
    return Recipe(
        name=name,
        data=data,
        methods=read.entries("methods", content["methods"], "method") if "methods" in content else (),
        weightings=read.entries("weightings", content.get("weightings", ["vanilla"]), "weighting"),
        ipcs=read.numbers("ipcs", content.get("ipcs", [10]), least=1),
        distill_seeds=read.numbers("distill_seeds", content.get("distill_seeds", [0]), least=0),
        fit=flatten(read.mapping("fit", content.get("fit"))),
        distill=flatten(read.mapping("distill", content.get("distill"))),
        eval=flatten(evaluation),
        eval_seeds=None if seeds is None else read.numbers("eval.seeds", seeds, least=0),
        networks=read.entries("eval.networks", networks, "network"),
        trainers=read.entries("eval.trainers", trainers, "trainer"),
        **read.report(content.get("report")),
    )
