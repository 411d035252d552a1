"""Pages made of the code when the site is built: the command line, the menu, the notebooks, tables of the data cards.

They are written to ``docs/made/`` as Markdown, which Sphinx reads like the others; nothing of them is checked in.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

from fdd_lightning.__main__ import main
from fdd_lightning.command_line import COMMANDS
from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import import_class
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.errors import FDDError
from fdd_lightning.stages.parser import STAGES
from fdd_lightning.utils.paths import PACKAGE

KINDS = {
    "method": "Methods",
    "weighting": "Weightings",
    "data": "Data sets",
    "recipes": "Recipes",
    "encoder": "Bias encoders",
    "experts": "Experts of MTT",
    "eval": "Evaluations",
    "network": "Networks",
    "trainer": "Trainers",
}
"""Headings of the menu's folders; another folder is called by its name."""

Pages = Iterator[tuple[str, str]]
"""Files below ``made/`` and what stands in them."""


def write(folder: Path) -> None:
    """Write all pages; what has not changed is not touched, and what is made no more goes."""
    made = {folder / name: text for pages in (commands, menus, notebooks, cards) for name, text in pages(folder)}
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.md"):
        if path not in made:
            path.unlink()


def folded(title: str, text: str, language: str = "text") -> str:
    """Return a block of code that opens by a click."""
    code = f"```{language}\n{text.strip()}\n```"
    return f"<details><summary>{html.escape(title)}</summary>\n\n{code}\n\n</details>\n"


def prose(text: str) -> str:
    """Return plain text as Markdown that shows it as it is; what stands in backticks stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part[:1] == "`" else re.sub(r"([\\<>*_\[\]|])", r"\\\1", part) for part in parts)


def contents(title: str, text: str, entries: Iterable[str]) -> str:
    """Return a page that leads to others."""
    return f"# {title}\n\n{text}\n\n```{{toctree}}\n:maxdepth: 1\n\n" + "\n".join(entries) + "\n```\n"


# The command line


def commands(folder: Path) -> Pages:
    """Yield a page for each command, of what it says by ``--help``."""
    yield (
        "commands.md",
        contents(
            "Command line",
            f"```text\n{help_of('--help')}\n```\n\nEach page here is what the command says by `--help`. "
            "[At the command line](../shell.md) has the rest.",
            [f"commands/{name}" for name in COMMANDS],
        ),
    )
    for name in COMMANDS:
        parts = [f"# fdd {name}\n", f"```text\n{help_of(name, '--help')}\n```\n"]
        if name in STAGES:
            parts += ["## Options of the trainer\n", folded("Lightning's Trainer", help_of(name, "--trainer.help"))]
        for action in actions(name):
            parts += [f"## fdd {name} {action}\n", f"```text\n{help_of(name, action, '--help')}\n```\n"]
        yield f"commands/{name}.md", "\n".join(parts)


def actions(command: str) -> list[str]:
    """Return the actions of a command that has some, such as ``fdd data``."""
    with suppress(ImportError):
        return list(getattr(import_module(f"fdd_lightning.command_line.{command}"), "ACTIONS", ()))
    return []


def help_of(*words: str) -> str:
    """Return what a command prints of itself, as wide as a page."""
    said = io.StringIO()
    width = {"COLUMNS": "88", "NO_COLOR": "1"}
    with redirect_stdout(said), patch.dict(os.environ, width), patch.object(sys, "argv", ["fdd"]), suppress(SystemExit):
        main(list(words))
    return said.getvalue().strip()


# The menu


def menus(folder: Path) -> Pages:
    """Yield a page for each kind of thing in the menu, of the files' own words."""
    kinds = sorted(menu.kinds(), key=[*KINDS, *menu.kinds()].index)
    yield (
        "menu.md",
        contents(
            "Menu",
            "What can be named in recipes and on the command line. Each entry is a small file of `configs/`, which is "
            "in the installed package too. A file below `configs/` of your current folder is an entry as well, before "
            "ours: see [entries of your own](../extend/menu.md).",
            [f"menu/{kind}" for kind in kinds],
        ),
    )
    for kind in kinds:
        files = {name: file for name in menu.names(kind) if (file := menu.file_of(kind, name))}
        lines = [f"# {KINDS.get(kind, kind)}\n", f"`configs/{kind}/`\n", "| name | what |", "| --- | --- |"]
        for name, file in files.items():
            lines.append(f"| [`{name}`](#{anchor(kind, name)}) | {prose(menu.note(file))} |")
        for name, file in files.items():
            text = file.read_text(encoding="utf-8")
            lines += [f"\n({anchor(kind, name)})=", f"## `{name}`\n", f"{prose(comment(text))}\n"]
            lines.append(folded(f"configs/{kind}/{name}.yaml", text, "yaml"))
        yield f"menu/{kind}.md", "\n".join(lines)


def anchor(kind: str, name: str) -> str:
    """Return the place of an entry on its page."""
    return f"{kind}-" + re.sub(r"[^a-z0-9]+", "-", name)


def comment(text: str) -> str:
    """Return the comment at the top of a file of the menu, as one paragraph."""
    lines = re.match(r"(?:#.*\n)*", text)
    assert lines is not None
    return " ".join(line.lstrip("# ") for line in lines[0].splitlines())


# Notebooks


def notebooks(folder: Path) -> Pages:
    """Yield a page for each notebook, with the outputs that are stored in it."""
    files = sorted((PACKAGE.parent / "notebooks").glob("*.ipynb"))
    text = (
        "They lie in `notebooks/` of a checkout: `pip install 'fdd-lightning[notebooks]'`, then "
        "`jupyter lab notebooks`. Here they stand with what they print. A few words of Python without them are in "
        "[Python](../guide/python.md)."
    )
    yield "notebooks.md", contents("Notebooks", text, [f"notebooks/{path.stem}" for path in files])
    for path in files:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        blocks = [block for place, cell in enumerate(cells) for block in cell_blocks(cell, folder, path.stem, place)]
        yield f"notebooks/{path.stem}.md", "\n\n".join(blocks) + f"\n\n`notebooks/{path.name}`\n"


def cell_blocks(cell: dict[str, object], folder: Path, notebook: str, place: int) -> Iterator[str]:
    """Yield a cell as Markdown, its code, and its text and pictures."""
    source = joined(cell["source"])
    if cell["cell_type"] != "code":
        yield source
        return
    yield f"```python\n{source}\n```"
    outputs = cell["outputs"]
    assert isinstance(outputs, list)
    for number, output in enumerate(outputs):
        data = output.get("data", {"text/plain": output.get("text", "")})
        if "image/png" in data:
            picture = folder / "notebooks" / f"{notebook}-{place}-{number}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            picture.write_bytes(base64.b64decode(joined(data["image/png"])))
            yield f"![Output of the cell above]({picture.name})"
        elif output.get("name") != "stderr" and (text := joined(data.get("text/plain", "")).strip()):
            yield f"```text\n{text}\n```"


def joined(lines: object) -> str:
    """Return what a notebook has as a list of lines, or as one text."""
    return "".join(lines) if isinstance(lines, list) else str(lines)


# Tables of the data cards


def cards(folder: Path) -> Pages:
    """Yield, for each data set of the menu, what its class says of itself and what the papers published."""
    with (PACKAGE / "report" / "published.csv").open(encoding="utf-8", newline="") as file:
        published = list(csv.DictReader(file))
    for name in menu.names("data"):
        spec = menu.find("data", name)
        data = import_class(spec["class_path"])
        yield f"facts/{name}.md", facts(name, data)
        rows = [row for row in published if row["dataset"] == name]
        yield f"published/{name}.md", published_table(rows)


def facts(name: str, data: type[BaseDataModule]) -> str:
    """Return what a data module says of itself, as a table."""
    spec = menu.find("data", name)
    path = f"{data.__module__.rpartition('.')[0]}.{data.__name__}"
    lines = ["| in the code | |", "| --- | --- |", f"| class | `{path}` |"]
    with suppress(FDDError, OSError):  # the classes of a folder are not known without its images
        made = data(**spec["init_args"])
        lines += [
            f"| classes | {listed(made.class_names)} |",
            f"| groups | {listed(made.group_names) if made.num_groups > 1 else 'none'} |",
            f"| image | {'x'.join(str(size) for size in made.image_shape)} |",
            f"| licence of the source | {prose(made.licence)} |",
        ]
    text = menu.file_of("data", name)
    assert text is not None
    lines.append(f"| in its file | {prose(comment(text.read_text(encoding='utf-8')))} |")
    return "\n".join(lines) + "\n"


def listed(names: Iterable[str]) -> str:
    """Return names with their number."""
    known = list(names)
    return f"{len(known)}: {prose(', '.join(known))}"


def published_table(rows: list[dict[str, str]]) -> str:
    """Return published figures as a table, in percent."""
    if not rows:
        return "Neither paper has figures for it.\n"
    head = ("ratio", "ipc", "method", "weighting", "accuracy", "DEO_M", "DEO_A", "from")
    lines = ["| " + " | ".join(head) + " |", "| ---: | ---: | --- | --- | ---: | ---: | ---: | --- |"]
    for row in rows:
        ratio = f"{100 * float(row['conflict_ratio']):g}%" if row["conflict_ratio"] else "-"
        accuracy = percent(row["accuracy"]) + (f" ± {percent(row['accuracy_std'])}" if row["accuracy_std"] else "")
        method = " ".join(filter(None, (row["method"], row["variant"], row["trainer"].replace("erm", ""))))
        cells = [ratio, row["ipc"] or "all", method, row["weighting"], accuracy]
        cells += [percent(row["deo_max"]), percent(row["deo_mean"]), row["source"]]
        lines.append("| " + " | ".join(cells) + " |")
    count = f"{len(rows)} figures that the papers give, at their own settings"
    return f"<details><summary>{count}</summary>\n\n" + "\n".join(lines) + "\n\n</details>\n"


def percent(fraction: str) -> str:
    """Return a fraction of the file in percent, `-` where there is none."""
    return f"{100 * float(fraction):.1f}" if fraction else "-"
