"""Every block of the README does what it says: as it stands, on small inputs."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.docs.blocks import ROOT, blocks, links, run_python
from tests.fakes_folder import write_table
from tests.fakes_tinted import write_tinted
from tests.tiny import RECIPE, write_recipe

README = "README.md"
BLOCKS = blocks(README)
SMALL = {key: RECIPE[key] for key in ("distill", "eval")}


def test_it_is_short_and_says_the_language_of_every_block():
    text = (ROOT / README).read_text(encoding="utf-8")
    assert text.count("\n") <= 130
    assert text.count("```") == 2 * len(BLOCKS)
    assert {block.language for block in BLOCKS} == {"bash", "yaml", "python"}


def test_links_lead_somewhere():
    assert len(links(README)) > 20
    assert [link for link in links(README) if not (ROOT / link).exists()] == []


def test_pictures_are_small():
    pictures = [ROOT / link for link in links(README) if link.endswith(".png")]
    assert pictures
    assert all(picture.stat().st_size < 300_000 for picture in pictures)


@pytest.fixture
def photos(workdir, monkeypatch):
    """A folder of images, and a table of it with columns of other names; recipes of the menu that take seconds."""
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    table = write_tinted(Path("photos"), majority=24, minority=3)
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    table.unlink()
    Path("configs/recipes").mkdir(parents=True)
    write_recipe(Path("configs/recipes/quickstart.yaml"), name="quickstart")
    for block in BLOCKS:
        if block.language == "yaml":
            recipe = yaml.safe_load(block.text)
            Path(f"{recipe['name']}.yaml").write_text(yaml.safe_dump({**recipe, **SMALL}))

    def table_too():
        write_table(table, rows, ("image", "breed", "sex"))

    return table_too


def shrink():
    """Make the recipes that were written for a folder take seconds."""
    for file in Path("runs").glob("*/recipe.yaml"):
        recipe = yaml.safe_load(file.read_text())
        recipe["methods"] = recipe["methods"][:2]
        recipe["methods"][1]["iterations"] = 2
        recipe["distill"]["surrogate.network.width"] = 4
        recipe["eval"] |= {"count": 1, "epochs": 1, "networks": [{"name": "convnet", "width": 4, "depth": 2}]}
        file.write_text(yaml.safe_dump(recipe, sort_keys=False))


@pytest.mark.slow
@pytest.mark.parametrize("place", [i for i, block in enumerate(BLOCKS) if block.language == "bash"])
def test_commands(place, photos, fdd):
    text = BLOCKS[place].text
    if "labels.csv" in text or "mine.yaml" in text:
        photos()
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:  # what they do is told without doing it: the tests are one of them
            done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        elif words[:2] == ["pip", "install"]:  # tests/test_packaging.py builds and unpacks it
            assert words[2] == "."
        else:
            assert words[0] == "fdd", line
            if words[1] == "run" and words[2].startswith("photos") and "--dry-run" not in words:
                assert fdd(*words[1:], "--dry-run").code == 0
                shrink()
            said = fdd(*words[1:])
            assert said.code == 0, said.err
            if words[1] == "run" and "--dry-run" not in words:
                name = re.sub(r"\W.*", "", words[2])
                assert Path(f"runs/{name}/results.json").is_file()


@pytest.mark.slow
def test_python(workdir):
    names: dict[str, object] = {}
    for block in BLOCKS:
        if block.language == "python":
            run_python(block.text, names, iterations="1")
    assert len(names["images"]) == len(names["labels"]) == 100  # type: ignore[arg-type]
