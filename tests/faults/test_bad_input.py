"""The table of docs/bad_input.md: every line of it is what the command says."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.tiny import write_recipe

TABLE = Path(__file__).parents[2] / "docs" / "bad_input.md"
ROWS = re.findall(r"^\| `(.*)` \| (.*) \|$", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
D = "distill --trainer.accelerator=cpu --trainer.logger=false --model.iterations=2 --model.images_per_class=1"
D += " --model.surrogate.network.width=4 "
FILES = {
    "latin1.yaml": "model: {init_args: {method: ä}}".encode("latin-1"),
    "utf16.yaml": "name: x".encode("utf-16"),
    "nul.yaml": b"name: x\0y\ndata: colored_digits\n",
    "loop.yaml": b"model: &a {init_args: {x: *a}}\n",
    "deep.yaml": b"model: " + b"[" * 3000,
    "list.yaml": b"[1, 2]\n",
    "word.yaml": b"hello\n",
    "empty.yaml": b"",
    "tabs.yaml": b"model:\n\tx: 1\n",
    "date.yaml": b"model: {init_args: {seed: 2024-13-45}}\n",
    "null.yaml": b"class_path: null\n",
    "number.yaml": b"class_path: 5\ninit_args: 3\n",
    "self.yaml": b"based_on: self\n",
    "other.yaml": b"optimizer: x\n",
    "text.txt": b"text",
    "broken.json": b"{",
    "broken.safetensors": b"xx",
}


def test_the_table_is_long():
    assert len(ROWS) == len(set(ROWS)) >= 120


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_line(place, workdir, refused):
    given, line = (text.replace("\\|", "|") for text in ROWS[place])
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    Path("folder").mkdir()
    if given.startswith("{"):
        write_recipe(workdir / "r.yaml")
        recipe = {**yaml.safe_load(Path("r.yaml").read_text()), **yaml.safe_load(given)}
        Path("r.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
        args = ["run", "r.yaml", "--dry-run"]
    else:
        args = shlex.split(re.sub(r"^D ", D, given))
    before = sorted(workdir.rglob("*"))
    said = refused(*args)
    assert re.match(".*?".join(re.escape(part.strip()) for part in line.split("...")), said), f"{said!r} for {line!r}"
    assert sorted(workdir.rglob("*")) == before
