import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("FDD_", "PYTHONPATH", "COVERAGE_"))}
BUILD_FILES = ("setup.cfg", "setup.py", "pyproject.toml", "MANIFEST.in", "Makefile")
SHIPPED = ("configs", "fdd_lightning", "tests", "LICENSE", "README.md", "CHANGELOG.md", *BUILD_FILES)


def requirement_blocks() -> dict[str, list[str]]:
    """Return the raw lines, comments included, below install_requires and each extra of setup.cfg."""
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    names = {"install_requires", *parser.options("options.extras_require")}
    blocks: dict[str, list[str]] = {}
    current = None
    for line in (ROOT / "setup.cfg").read_text().splitlines():
        if key := re.match(r"(\w+) *=", line):
            current = key[1] if key[1] in names else None
            if current:
                blocks[current] = []
        elif line.startswith("["):
            current = None
        elif current and line.strip():
            blocks[current].append(line.strip())
    assert set(blocks) == names
    return blocks


def names_of(folder: Path, pattern: str) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob(pattern) if "__pycache__" not in p.parts}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a source archive and from it a wheel, offline, from a copy: a left-over build folder must not help."""
    source = tmp_path_factory.mktemp("source") / "checkout"
    source.mkdir()
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    out = source.parent / "dist"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, env=CLEAN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {n for n in archive.namelist() if ".dist-info/" not in n}


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return message_from_bytes(archive.read(name))


def test_wheel_holds_every_module(contents: set[str]) -> None:
    modules = {f"fdd_lightning/{n}" for n in names_of(ROOT / "fdd_lightning", "*.py")}
    assert {n for n in contents if n.endswith(".py")} == modules  # a folder without __init__.py is left out of a wheel


def test_wheel_holds_menu_and_package_data(contents: set[str]) -> None:
    menu = {f"fdd_lightning/configs/{n}" for n in names_of(ROOT / "configs", "*.yaml")}
    tables = {f"fdd_lightning/{n}" for n in names_of(ROOT / "fdd_lightning", "*.csv")}
    templates = {
        f"fdd_lightning/{n}" for kind in ("html", "css") for n in names_of(ROOT / "fdd_lightning", f"*.{kind}")
    }
    assert menu
    assert templates
    assert {n for n in contents if not n.endswith(".py")} == menu | tables | templates | {"fdd_lightning/py.typed"}


def test_wheel_holds_no_tests(contents: set[str]) -> None:
    assert {n.split("/")[0] for n in contents} == {"fdd_lightning"}


def test_metadata(metadata: Message) -> None:
    about = ast.parse((ROOT / "fdd_lightning" / "__about__.py").read_text())
    (version,) = (ast.literal_eval(n.value) for n in about.body if isinstance(n, ast.Assign))
    assert metadata["Version"] == version
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("Provides-Extra") == [
        "dev",
        "docs",
        "release",
        "corruptions",
        "cluster",
        "parquet",
        "completion",
        "hub",
        "wandb",
        "bolts",
        "notebooks",
    ]


def test_metadata_lists_exactly_the_requirements(metadata: Message) -> None:
    written = [line for block in requirement_blocks().values() for line in block if not line.startswith("#")]
    assert len(metadata.get_all("Requires-Dist", [])) == len(written)


def test_entry_point(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        assert "fdd = fdd_lightning.__main__:main" in archive.read(name).decode()


@pytest.mark.parametrize("block", requirement_blocks())
def test_every_requirement_has_its_reason(block: str) -> None:
    lines = requirement_blocks()[block]
    for above, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("#"):
            assert re.match(r"# \w", above), f"no reason stands above {line!r} in setup.cfg"


def test_changelog_knows_the_version(metadata: Message) -> None:
    assert f"## [{metadata['Version']}]" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.slow
def test_unpacked_wheel_runs_by_itself(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = CLEAN | {"PYTHONPATH": str(site), "FDD_CACHE": str(tmp_path / "cache")}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    menu = python("-c", "from fdd_lightning.utils.paths import CONFIGS; print(CONFIGS)").strip()
    assert Path(menu) == site / "fdd_lightning" / "configs"
    usage = python("-m", "fdd_lightning", "--help")
    assert all(command in usage for command in ("fit", "distill", "eval", "run"))
    assert "quickstart" in python("-m", "fdd_lightning", "list", "recipes")
    assert "quickstart: " in python("-m", "fdd_lightning", "run", "quickstart", "--dry-run")
