"""Everything that can be added is added from files outside the package, with nothing else edited.

``own`` is what a user writes: one file for each choice, and the entries of a menu of their own. The recipe of that menu
uses them all, by the installed command.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OWN = Path(__file__).parent / "own"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder in which the recipe was run, and what it printed."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(OWN, folder, dirs_exist_ok=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FDD_")}
    environment |= {"FDD_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    fdd = Path(sys.executable).with_name("fdd")

    def call(*args):
        return subprocess.run([fdd, *args], cwd=folder, env=environment, capture_output=True, text=True, check=False)

    done = call("run", "own")
    assert done.returncode == 0, done.stderr
    return folder, call


@pytest.fixture(scope="module")
def rows(run):
    folder, _ = run
    return json.loads((folder / "runs" / "own" / "results.json").read_text())["rows"]


def test_weighting_data_set_network_and_algorithm(rows):
    assert [(row["method"], row["weighting"]) for row in rows] == [
        ("random", "squareroot"),
        ("mean_image", "squareroot"),
        ("mean_image", "kde"),
        ("mean_image", "by_brightness"),
        ("mean_image", "darkness"),
        ("mtt", "vanilla"),
    ]
    for row in rows:
        assert (row["dataset"], row["network"], row["trainer"]) == ("shapes", "onelayer", "smoothed")


def test_signal_and_sampler(run):
    folder, _ = run
    [config] = (folder / "runs/own/distill").rglob("mean_image-kde*/config.yaml")
    assert "my_signal.MeanImage" in config.read_text()
    assert "my_sampler.Window" in config.read_text()


def test_evaluation_preset(rows):
    assert {(row["preset"], row["eval_networks"]) for row in rows} == {("short", 2)}


def test_entries_of_the_menu_are_what_rows_are_compared_with(rows):
    encoder = {"encoder": "one_layer"}
    assert [row["settings"] for row in rows[:4]] == [{}, {}, encoder, {"brightness.steps": 3}]
    # Experts are compared with the published ones.
    assert {k: v for k, v in rows[5]["settings"].items() if k.startswith("experts.")} == {
        "experts.batch_size": 16,
        "experts.count": 1,
        "experts.epochs": 1,
        "experts.network": "my_network.OneLayer",
    }


def test_metric(rows):
    for row in rows:
        assert 0 <= row["metrics"]["spread"]["mean"] <= 1
        assert "metrics" not in row["eval_settings"]


def test_figure(run):
    folder, call = run
    assert (folder / "runs/own/bars.png").is_file()
    done = call("report", "runs/own", "--figures=my_figure.Bars", "--output=report")
    assert done.returncode == 0, done.stderr
    assert (folder / "report/bars.png").is_file()
    assert "spread" in (folder / "report/table.md").read_text()


def test_kind_of_fit(run):
    folder, call = run
    [made] = (folder / "runs/own/fit").rglob("brightness.json")
    level = json.loads(made.read_text())["level"]
    assert level
    alone = ("distill", "--data=shapes", "--model=mean_image", "--model.weighting=my_fit.ByBrightness")
    done = call(*alone, "--output=alone")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "ByBrightness reads the mean brightness: train it with `fdd fit --model my_fit.Brightness" in done.stderr
    done = call(*alone, f"--brightness={made}", "--output=alone")
    assert done.returncode == 0, done.stderr


def test_a_second_run_finds_everything_finished(run):
    _, call = run
    done = call("run", "own")
    assert done.returncode == 0
    assert "finished before" in done.stderr
