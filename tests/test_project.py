"""What a public project has beside its code: valid, and saying what is so."""

import json
import re
import runpy
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

from fdd_lightning import __version__

ROOT = Path(__file__).parent.parent
SCHEMAS = {
    ".github/workflows/*.yml": "github-workflows",
    ".github/ISSUE_TEMPLATE/[!c]*.yml": "github-issue-forms",
    ".github/ISSUE_TEMPLATE/config.yml": "github-issue-config",
    "CITATION.cff": "citation-file-format",
}
CI = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())


@pytest.mark.parametrize("pattern", SCHEMAS)
def test_files_of_the_project_are_valid(pattern):
    pytest.importorskip("check_jsonschema", reason="comes with the extra `dev`")
    files = sorted(ROOT.glob(pattern))
    assert files
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        f"vendor.{SCHEMAS[pattern]}",
        *map(str, files),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_citation_has_the_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__


def test_the_changelog_keeps_its_form():
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert heads
    for head in heads:
        assert re.fullmatch(r"\[\d+\.\d+\.\d+\] - (unreleased|\d{4}-\d{2}-\d{2})", head), head
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


def test_every_python_that_is_named_is_tested():
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    named = re.findall(r"Python :: (\d+\.\d+)", setup["metadata"]["classifiers"])
    assert CI["jobs"]["test"]["strategy"]["matrix"]["python"] == named
    assert setup["options"]["python_requires"] == f">={named[0]}"


def test_the_workflow_calls_targets_that_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    steps = [step.get("run", "") for job in CI["jobs"].values() for step in job["steps"]]
    called = {word for step in steps for word in re.findall(r"^make ([\w-]+)", step, re.MULTILINE)}
    assert {"lint", "test", "lowest"} <= called
    assert called - {"docs"} <= targets


def test_the_lowest_versions_are_those_of_setup_cfg(tmp_path):
    lowest = runpy.run_path(str(ROOT / ".ci/lowest.py"))["lowest"]
    (tmp_path / "setup.cfg").write_text(
        "[options]\ninstall_requires =\n    # reason >=9\n    torch>=2.6\n    numpy\n"
        "    lightning>=2.6.4,!=2.6.2\n    jsonargparse[signatures]>=4.41\n    pillow<13,>=10.1\n"
        "[options.extras_require]\ndev =\n    pillow>=9\n    bolts==0.7.0\n"
    )
    found = lowest(tmp_path / "setup.cfg")
    assert found == {
        "torch": "2.6", "lightning": "2.6.4", "jsonargparse": "4.41", "pillow": "10.1", "bolts": "0.7.0",
    }  # fmt: skip
    assert lowest()["torch"] == "2.6"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "SECURITY.md"])
def test_paths_that_are_named_exist(name):
    text = (ROOT / name).read_text()
    paths = re.findall(r"`((?:fdd_lightning|tests|configs|docs|\.ci)/[\w./]*)`", text)
    for path in paths:
        if not re.search(r"[A-Z]{3}", path) and path not in ("fdd_lightning/a/b.py", "tests/a/test_b.py"):
            assert (ROOT / path).exists(), path


NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebooks_have_their_outputs_and_nothing_of_whoever_ran_them(file):
    text = file.read_text(encoding="utf-8")
    assert len(text) < 200_000
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)], "run all its cells, in order"
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert outputs
    assert not [output for output in outputs if output["output_type"] == "error"]
    told = json.dumps([output for output in outputs if "image/png" not in output.get("data", {})])
    assert not re.search(r"/(home|work|root|tmp|Users)/", told)


def test_the_source_archive_has_them():
    kept = (ROOT / "MANIFEST.in").read_text()
    for name in (".ci", ".github", "CITATION.cff", "*.md"):
        assert name in kept
