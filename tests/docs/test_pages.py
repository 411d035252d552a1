"""What the pages of docs/ must keep up with. Links, contents and references are looked at by ``make docs``."""

import re
from pathlib import Path

import pytest
import yaml

from fdd_lightning.configuration import menu
from fdd_lightning.runs.recipe import KEYS, LISTED, STAGED, read_recipe
from fdd_lightning.utils.paths import CONFIGS, PACKAGE
from tests.docs.blocks import ROOT, blocks, run_python

DOCS = ROOT / "docs"
RECIPES = DOCS / "guide" / "recipes.md"
PYTHON = [block.text for block in blocks("docs/guide/python.md") if block.language == "python"]


def test_every_key_of_a_recipe_is_told():
    text = RECIPES.read_text(encoding="utf-8")
    assert set(re.findall(r"^### `(\w+)`$", text, re.MULTILINE)) == KEYS
    for kind, keys in LISTED.items():
        part = text.partition("### `data`" if kind == "data" else "### `methods`")[2].partition("\n### ")[0]
        assert [key for key in (*keys, *(f"{stage}." for stage in STAGED[kind])) if f"`{key}`" not in part] == []


def test_the_recipe_of_the_page_is_one(workdir):
    [whole] = [block.text for block in blocks("docs/guide/recipes.md") if block.text.startswith("name: ")]
    Path("mine.yaml").write_text(whole)
    left_out = {"ratios", "weightings", "report"}  # one that most recipes lack, a method's own, one that needs a class
    assert set(yaml.safe_load(whole)) == KEYS - left_out
    assert read_recipe("mine.yaml").name == "mine"


def test_every_data_set_has_a_card():
    ours = {path.stem for path in (CONFIGS / "data").glob("*.yaml")}
    assert {path.stem for path in (DOCS / "data").glob("*.md")} == ours | {"README"}
    for name in ours:
        text = (DOCS / "data" / f"{name}.md").read_text(encoding="utf-8")
        assert text.startswith(f"# `{name}`: ")
        for heading in ("How it is built", "Counts", "Known differences"):
            assert f"\n## {heading}\n" in text, name


def test_pictures_of_data_sets_are_small_and_of_sets_that_may_be_shown():
    pictures = {path.stem: path.stat().st_size for path in (DOCS / "images" / "data").iterdir()}
    assert max(pictures.values()) < 40_000
    assert set(pictures) <= set(menu.names("data")) - {"bg_fmnist", "celeba", "utkface", "bffhq", "folder"}


def test_every_file_of_a_users_own_is_shown():
    own = ROOT / "tests" / "extending" / "own"
    shown = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "extend").glob("*.md"))
    files = [path.relative_to(ROOT).as_posix() for path in own.rglob("*") if path.suffix in (".py", ".yaml")]
    assert [file for file in files if f"../../{file}\n" not in shown] == []


def test_every_package_that_says_what_is_public_stands_in_the_api():
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "api").glob("*.md"))
    public = [path.parent for path in PACKAGE.rglob("__init__.py") if "\n__all__ = " in path.read_text("utf-8")]
    names = [".".join(path.relative_to(PACKAGE.parent).parts) for path in public]
    assert [name for name in names if f".. automodule:: {name}\n" not in text] == []


@pytest.mark.slow
def test_python_of_the_page_runs(workdir):
    names: dict[str, object] = {}
    for text in PYTHON:
        run_python(text, names, iterations="1", width="4", count="1", preset='"quick", epochs=1')
    assert Path("synthetic.png").is_file()
