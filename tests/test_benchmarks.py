"""The benchmarks run: one command each from a checkout."""

import json
import runpy
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "groups.py"
pytestmark = pytest.mark.skipif(not BENCHMARK.is_file(), reason="benchmarks are in the checkout only")


def test_times_every_weighting_and_compares_with_the_first(tmp_path, monkeypatch, capsys):
    report = tmp_path / "times.json"
    sizes = "--width 4 --depth 2 --size 8 --classes 2 --groups 3 --per-class 20 --batch 8 --ipc 1"
    turns = "--steps 2 --warmup 1 --rounds 2 --accelerator cpu --methods dm dc"
    turns += " --inner 1 --weightings vanilla fairdd kde barycenter"
    monkeypatch.setattr(sys, "argv", ["groups.py", *sizes.split(), *turns.split(), "--json", str(report)])
    runpy.run_path(str(BENCHMARK), run_name="__main__")
    assert "images/s" in capsys.readouterr().out
    methods = json.loads(report.read_text())["methods"]
    assert list(methods) == ["dm", "dc"]
    for found in methods.values():
        assert list(found) == ["vanilla", "fairdd", "kde", "barycenter"]
        assert found["vanilla"]["ratio"] == 1
        for figures in found.values():
            assert [len(turn) for turn in figures["turns"]] == [2, 2]
            assert figures["images_per_second"] * figures["seconds"] == pytest.approx(2 * (8 + 1))


def test_everything_is_timed_by_turns_and_drawn(tmp_path, monkeypatch, capsys):
    report, picture = tmp_path / "speed.json", tmp_path / "speed.png"
    sizes = "--width 4 --depth 2 --size 8 --classes 2 --groups 3 --per-class 20 --batch 8 --ipc 1 --networks 2"
    parts = "--parts step evaluation memory --methods dm --weightings fairdd --ways float32 plain"
    turns = "--steps 2 --warmup 1 --turns 2"
    files = ["--json", str(report), "--picture", str(picture)]
    monkeypatch.syspath_prepend(str(BENCHMARK.parent))
    monkeypatch.setattr(sys, "argv", ["run.py", *sizes.split(), *parts.split(), *turns.split(), *files])
    monkeypatch.setattr("torch.compile", lambda function: function)  # what is compiled is tested elsewhere
    runpy.run_path(str(BENCHMARK.with_name("run.py")), run_name="__main__")
    assert "times float32" in capsys.readouterr().out
    found = json.loads(report.read_text())["parts"]
    step = found["step"][0]
    assert step["what"] == "step of dm, fairdd"
    assert {way: len(seconds) for way, seconds in step["seconds"].items()} == {"float32": 2, "plain": 2}
    assert len(found["evaluation"]) == 2
    assert picture.stat().st_size > 1000
