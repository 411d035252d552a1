"""FairDD's tables as recipes: each is planned without data, has a twin for a CPU, and finds the published figures."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fdd_lightning.configuration import menu
from fdd_lightning.report.published import published_for
from fdd_lightning.runs.recipe import read_recipe

PAPER = {
    "fairdd_table1_cmnist": "Tables 1 and 2",
    "fairdd_table1_cfmnist": "Tables 1 and 2",
    "fairdd_table1_cifar10_s": "Tables 1 and 2",
    "fairdd_table1_faces": "Tables 1 and 2",
    "fairdd_table3": "Table 3",
    "fairdd_table4": "Table 4",
    "fairdd_table16": "Table 16",
    "fairdd_table17": "Table 17",
    "fairdd_table18": "Table 18",
    "fairdd_table20": "Table 20",
}


def test_these_are_all():
    names = [name.removeprefix("paper/") for name in menu.names("recipes")]
    assert {name for name in names if name.startswith("fairdd_table") and not name.endswith("_cpu")} == {*PAPER}


@pytest.mark.parametrize(("name", "table"), PAPER.items())
def test_each_is_planned_without_data_and_finds_its_figures(name, table, fdd):
    said = fdd("run", f"paper/{name}", "--dry-run", "--plan=plan.json")
    assert said.code == 0, said.err
    planned: list[Any] = [SimpleNamespace(**row) for row in json.loads(Path("plan.json").read_text())]
    found = {row.weighting for row in planned for p in published_for(row) if p.source == f"FairDD {table}"}
    assert found >= ({"fairdd"} if name in ("fairdd_table17", "fairdd_table18") else {"vanilla", "fairdd"})
    strange = [p for row in planned for p in published_for(row) if p.deo_mean is None and "FairDD" in p.source]
    assert not strange


@pytest.mark.parametrize("name", PAPER)
def test_each_has_a_twin(name, fdd):
    said = fdd("run", f"{name}_cpu", "--dry-run")
    assert said.code == 0, said.err
    twin = read_recipe(f"{name}_cpu")
    assert {entry.name for entry in twin.weightings} >= {"vanilla", "fairdd"}
    assert len(twin.distill_seeds) == len(twin.ipcs) == 1
    text = Path(menu.file_of("recipes", f"{name}_cpu") or "").read_text()
    assert text.startswith(f"# paper/{name} in small")
    assert "CPU scale, ours" in " ".join(text.replace("\n# ", " ").split())
