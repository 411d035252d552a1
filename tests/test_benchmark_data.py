"""The benchmark of building and reading runs: one command from a checkout."""

import json
import runpy
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "data.py"


@pytest.mark.skipif(not BENCHMARK.is_file(), reason="benchmarks are in the checkout only")
def test_times_building_and_reading_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    report = tmp_path / "times.json"
    sizes = "--count 300 --size 8 --classes 3 --batch 16 --builds 2 --repeats 3 --warmup 1"
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.setattr(sys, "argv", ["data.py", *sizes.split(), "--folder", str(here), "--json", str(report)])
    runpy.run_path(str(BENCHMARK), run_name="__main__")
    assert "3 x 16 as uint8" in capsys.readouterr().out
    found = json.loads(report.read_text())
    assert len(found["prepare"]["all"]) == 2
    assert found["prepare"]["images_per_second"] * found["prepare"]["seconds"] == pytest.approx(330)
    for name in ("uint8", "float32, normalised"):
        assert len(found[name]["all"]) == 3
        assert found[name]["images_per_second"] * found[name]["seconds"] == pytest.approx(48)
    if Path("/proc/self/status").is_file():
        assert found["uint8"]["memory_mb"] >= 0
    assert list(here.iterdir()) == []
