"""What the parser has to say, in one line that names the option, the problem and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fdd_lightning.utils.plain_text import ABOUT_YAML

NOISE = (
    "Does not validate against",
    "Subtypes:",
    "Errors:",
    "Given value type:",
    "Given value: NestedArg",
    "Given value: {",
    "Given value: Namespace",
    "Expected a <class 'NoneType'>",
    "Expected a path but {",
)
"""Lines of a message that repeat the types of the code, or the whole of what was given."""


NO_TEXT = re.compile(r"True|False|None|[-+.\de]+")
"""Values that YAML gives for words without quotes."""


def explain(message: str, stage: str) -> str:
    """Return a parser's message, a tree that may span many lines, as one line with the way to the stage's help."""
    told: dict[str, list[str]] = {}
    for key, text in _leaves(message):
        told.setdefault(key, []).append(text)
    if "can't allocate memory" in message:
        return "it would take more than the memory of this machine: make it smaller"
    parts = [_problem(key, texts) for key, texts in told.items()]
    return with_help("; ".join(dict.fromkeys(part for part in parts if part)) or " ".join(message.split()), stage)


def with_help(line: str, stage: str) -> str:
    """Return a line with the way to the help, where an option or a class does not exist."""
    lost = re.search(r"no such option|unrecognized|no class", line) and "--help" not in line
    return f"{line} (see `fdd {stage} --help`)" if lost else line


def _leaves(message: str) -> Iterator[tuple[str, str]]:
    """Yield what is said at the ends of the tree, each with its dotted key."""
    path: list[tuple[int, str]] = []
    waiting = ""
    for line in message.splitlines():
        text = line.strip().removeprefix("- ").strip()
        indent = len(line) - len(line.lstrip())
        if not text or text.startswith(NOISE):
            continue
        while path and path[-1][0] >= indent:
            path.pop()
        if key := re.fullmatch(r'Parser key "(.+?)":(.*)', text):
            path.append((indent, key[1]))
            text = key[2].strip()
        if text.endswith(":") and not text.endswith("Got value:"):
            waiting = text
        elif text:
            yield ".".join(name for _, name in path), f"{waiting} {text}".strip()
            waiting = ""


def _problem(key: str, texts: list[str]) -> str:
    """Say what is wrong with one option."""
    name = f"--{key}: " if key else ""
    given = next((text.removeprefix("Given value: ") for text in texts if text.startswith("Given value: ")), None)
    wanted: list[str] = []
    for text in texts:
        if found := re.fullmatch(r"Option '(.+)' is not accepted", text):
            return f"--{key}.{found[1]}: no such option" if key else f"{found[1]}: no such option"
        if found := re.fullmatch(r"Subcommand '.+' does not accept option '(.+)'", text):
            return f"{found[1]}: no such option"
        if found := re.fullmatch(r"Import path (\S+) does not correspond to a subclass of (\S+)", text):
            return f"{name}{found[1]} is no {found[2]}"
        if found := re.fullmatch(r"Problem with given class_path '(.+)': (.+)", text):
            return f"{name}{found[1]} is no file, and as a class path it cannot be imported ({found[2]})"
        if found := re.fullmatch(r"Expected a dot import path string: (.+)", text):
            return f"{name}there is no class {found[1]!r} for it: name another one, or give its path (module.Class)"
        if found := re.fullmatch(r"Expected an? (?!path but)(.+?)(?:\. Got value:(.*))?", text):
            wanted.append(_type(found[1]))
            given = found[2].strip() if found[2] is not None else given
    if not wanted:
        return name + " ".join(text for text in texts if not text.startswith("Given value: "))
    mistaken = given is not None and NO_TEXT.fullmatch(given) and any(re.search(r"\bstr\b", kind) for kind in wanted)
    hint = f" (if that was a name, {ABOUT_YAML})" if mistaken else ""
    return f"{name}expected {' or '.join(wanted)}" + ("" if given is None else f", not {given!r}{hint}")


def _type(text: str) -> str:
    """Return a type as people write it."""
    if choices := re.fullmatch(r"typing\.Literal\[(.+)\]", text):
        return f"one of {choices[1]}"
    return re.sub(r"<class '(?:.+\.)?(.+?)'>", r"\1", text)
