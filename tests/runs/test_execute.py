"""Runs from data to table, in miniature."""

import json
from pathlib import Path

import pytest
from PIL import Image

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.results import IDENTITY
from fdd_lightning.artefacts.stage_folder import StageFolder
from fdd_lightning.stages.stage_run import run_stage
from tests.tiny import write_recipe
from tests.written_rows import METRICS, written_rows

ROOT = Path("runs/tiny")
KEYS = {*IDENTITY, "seconds", "metrics", "cell_accuracy", "cell_count"}
KEYS |= {"reads_groups", "signal", "small_cells", "conflict_count"}


def run(fdd, *args, **changes):
    write_recipe(Path("r.yaml"), **changes)
    said = fdd("run", "r.yaml", *args)
    assert said.code == 0, said.err
    return said


def ran(said):
    """The stages that were not finished before."""
    heads = [line for line in said.err.splitlines() if line.startswith("[")]
    return [line.split("] ")[1] for line in heads if not line.endswith(": finished before")]


def check_shape(rows, seeds, networks):
    """What design and scripts rely on, without our own validation."""
    for row in rows:
        assert set(row) - {"warnings"} == KEYS
        assert list(row["metrics"]) == METRICS
        sets = max(1, len(row["distill_seeds"]))
        assert sets == (1 if row["method"] == "full" else seeds)
        for summary in row["metrics"].values():
            assert set(summary) == {"mean", "std", "values"}
            assert len(summary["values"]) == sets
            values = [value for line in summary["values"] for value in line]
            assert [len(line) for line in summary["values"]] == [networks] * sets
            assert all(0 <= value <= 1 for value in values)
            assert summary["mean"] == pytest.approx(sum(values) / len(values))
        assert len(row["cell_accuracy"]) == len(row["cell_count"]) == 10
        assert all(len(line) == 10 for line in row["cell_accuracy"] + row["cell_count"])
        assert set(row["seconds"]) == {"fit", "distill", "eval"}
        assert row["seconds"]["eval"] > 0
        assert (row["seconds"]["fit"] is not None) == (row["weighting"] == "kde")
        assert (row["seconds"]["distill"] is None) == (row["method"] == "full")


def test_a_whole_run(fdd):
    grid = {
        "methods": ["random", "full", {"name": "dm", "weightings": ["fairdd", "kde"]}],
        "weightings": ["vanilla"],
        "distill_seeds": [0, 7],
    }
    said = run(fdd, "--plan=plan.json", **grid)
    assert said.out.endswith("results: runs/tiny/results.json\n")
    document = json.loads((ROOT / "results.json").read_text())
    assert set(document) == {"format", "planned", "failed", "rows"}
    assert (document["planned"], document["failed"]) == (4, [])
    assert document["format"] == 2
    rows = document["rows"]
    check_shape(rows, seeds=2, networks=2)
    assert [(row["method"], row["weighting"]) for row in rows] == [
        ("random", "vanilla"),
        ("full", "vanilla"),
        ("dm", "fairdd"),
        ("dm", "kde"),
    ]
    assert [row["distill_seeds"] for row in rows] == [[0, 7], [], [0, 7], [0, 7]]
    # The plan told the identities beforehand.
    planned = json.loads(Path("plan.json").read_text())
    assert planned == [{key: row[key] for key in planned[0]} for row in rows]
    # One results file, a table, and pictures.
    assert list(ROOT.rglob("results.json")) == [ROOT / "results.json"]
    assert "dm" in said.out
    pictures = sorted(p.name for p in ROOT.glob("*.png"))
    assert len(pictures) >= 2
    for name in pictures:
        Image.open(ROOT / name).verify()
    # The settings in a row are those in its file.
    made = sorted(ROOT.rglob("synthetic.safetensors"))
    assert len(made) == 6
    told = {(m["method"], m["weighting"], m["distill_seed"]): m["settings"] for m in map(metadata, made)}
    for row in rows:
        for seed in row["distill_seeds"]:
            assert told[row["method"], row["weighting"], seed] == row["settings"]

    # Again: nothing runs, and nothing changes.
    before = (ROOT / "results.json").read_bytes()
    again = run(fdd, **grid)
    assert ran(again) == []
    assert again.err.count("finished before") == 14
    assert (ROOT / "results.json").read_bytes() == before

    # A changed leaf runs again what depends on it, and nothing else.
    changed = run(fdd, **{**grid, "fit": {"encoder": "supcon_small", "steps": 3, "network.width": 4}})
    assert [text.split()[0] for text in ran(changed)] == ["fit", "distill", "eval", "distill", "eval"]
    assert all(text.startswith("fit") or "dm kde" in text for text in ran(changed))
    fitted = written_rows(ROOT / "results.json")
    assert [row["settings"].get("steps") for row in fitted] == [None, None, None, 3]
    assert fitted[:3] == rows[:3]


def metadata(path):
    return SyntheticSet.load(path).metadata


def test_seeds_of_encoders_and_evaluations(fdd):
    """Each set with an encoder of its own, and evaluated twice with the same networks as all others."""
    evaluation = {"count": 2, "epochs": 2, "networks": [{"name": "convnet", "width": 4, "depth": 2}]}
    fit = {"encoder": "supcon_small", "steps": 2, "network.width": 4}
    grid = {"methods": ["random"], "weightings": ["kde"], "distill_seeds": [0, 7], "distill": {}}
    run(fdd, "--output=plain", **grid, fit=fit, eval=evaluation)
    grid |= {"fit": {**fit, "seed": "per_set"}, "eval": {**evaluation, "seeds": [7, 3]}}
    assert len(ran(run(fdd, "--plan=plan.json", **grid))) == 2 + 2 + 4
    rows = written_rows(ROOT / "results.json")
    planned = json.loads(Path("plan.json").read_text())
    assert planned == [{key: row[key] for key in planned[0]} for row in rows]
    check_shape(rows, seeds=2, networks=4)
    (row,), (plain,) = rows, written_rows("plain/results.json")
    assert (row["eval_seeds"], plain["eval_seeds"]) == ([7, 3], None)
    assert row["settings"] == {**plain["settings"], "encoder.seed": "per_set"}
    made = {m["distill_seed"]: m["settings"] for m in map(metadata, ROOT.rglob("synthetic.safetensors"))}
    assert made == {0: plain["settings"], 7: {**plain["settings"], "encoder.seed": 7}}
    assert ran(run(fdd, **grid)) == []
    # One more seed is one more evaluation of each set.
    grid |= {"eval": {**evaluation, "seeds": [7, 3, 5]}}
    assert [text.split()[0] for text in ran(run(fdd, **grid))] == ["eval"] * 2
    (more,) = written_rows(ROOT / "results.json")
    assert [line[:4] for line in more["metrics"]["accuracy"]["values"]] == row["metrics"]["accuracy"]["values"]


def test_a_row_that_fails_is_listed_and_the_others_go_on(fdd):
    diverging = {"name": "dm", "lr_images": 1e38, "weightings": ["fairdd"]}
    write_recipe(Path("r.yaml"), methods=[diverging, "random"], weightings=["vanilla"])
    said = fdd("run", "r.yaml")
    assert said.code == 1
    told = "distill dm fairdd ipc 1, after 2 steps: image 0 of class 0 is not finite"
    assert f"failed: {told}" in said.err
    assert "eval dm fairdd" in said.err
    assert ": left out, distill dm fairdd" in said.err
    assert said.err.splitlines()[-1].startswith("fdd: failed: distill dm fairdd")
    assert said.out.endswith("results: runs/tiny/results.json (1 of 2 rows, 1 failed)\n")
    document = json.loads((ROOT / "results.json").read_text())
    assert [row["method"] for row in document["rows"]] == ["random"]
    assert document["planned"] == 2
    (failed,) = document["failed"]
    assert set(failed) == {"identity", "stage", "error"}
    assert failed["identity"]["method"] == "dm"
    assert failed["error"].startswith(told)
    shown = fdd("report", "runs/tiny")
    assert shown.code == 0
    assert "runs/tiny: 1 of 2 rows, 1 failed" in shown.out
    assert Path("runs/report/table.md").read_text().startswith("1 of 2 rows, 1 failed\n\n")


def test_an_interrupted_run_shows_what_is_finished(fdd, monkeypatch):
    write_recipe(Path("r.yaml"), methods=["random", "dm"], weightings=["vanilla"])
    begun = []

    def interrupted(kind, args):
        begun.append(kind)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return run_stage(kind, args)

    monkeypatch.setattr("fdd_lightning.runs.carry_out.run_stage", interrupted)
    assert fdd("run", "r.yaml").code == 130
    assert [row["method"] for row in written_rows(ROOT / "results.json")] == ["random"]
    assert (ROOT / "table.md").read_text().startswith("1 of 2 rows\n")
    assert "runs/tiny: 1 of 2 rows" in fdd("report", "runs/tiny").out
    said = run(fdd, methods=["random", "dm"], weightings=["vanilla"])
    assert said.out.endswith("results: runs/tiny/results.json\n")
    assert len(written_rows(ROOT / "results.json")) == 2


def test_a_lost_artefact_is_made_again_and_what_follows_from_it_stays(fdd):
    run(fdd)
    folder = ROOT / "distill" / "colored_digits" / "dm-vanilla-ipc1-seed0"
    (folder / "synthetic.safetensors").unlink()
    said = run(fdd)
    assert [text.split()[0] for text in ran(said)] == ["distill"]  # equal bytes: the evaluation is still that of them


def test_a_changed_evaluation_leaves_the_sets_alone(fdd):
    run(fdd)
    changed = {"count": 2, "epochs": 3, "networks": [{"name": "convnet", "width": 4, "depth": 2}]}
    assert [text.split()[0] for text in ran(run(fdd, eval=changed))] == ["eval"]


def test_a_dry_run_tells_how_far_a_run_is_and_how_long_it_takes(fdd, monkeypatch, tmp_path, digits_cache):
    monkeypatch.setenv("COLUMNS", "150")
    cache = tmp_path / "cache"
    cache.mkdir()
    for built in digits_cache.glob("colored_digits*"):
        (cache / built.name).symlink_to(built)
    monkeypatch.setenv("FDD_CACHE", str(cache))  # rates are kept there
    run(fdd)
    assert "finished" in fdd("run", "r.yaml", "--dry-run").out
    write_recipe(Path("r.yaml"), weightings=["vanilla", "fairdd"])
    said = fdd("run", "r.yaml", "--dry-run")
    assert "finished" in said.out
    assert "to do" in said.out
    write_recipe(Path("r.yaml"), distill={"iterations": 4, "surrogate.network.width": 4})
    said = fdd("run", "r.yaml", "--dry-run")
    assert "left: about" in said.out  # like stages were timed
    assert "?" not in said.out


def test_the_run_folder_may_be_elsewhere(fdd):
    run(fdd, "--output=there")
    assert Path("there/results.json").exists()
    assert not Path("runs").exists()


def test_an_interrupted_run_goes_on_where_it_was(fdd, monkeypatch):
    calls = []

    def interrupted(kind, args):
        calls.append(kind)
        if len(calls) == 2:
            raise KeyboardInterrupt
        run_stage(kind, args)

    monkeypatch.setattr("fdd_lightning.runs.carry_out.run_stage", interrupted)
    write_recipe(Path("r.yaml"))
    said = fdd("run", "r.yaml")
    assert said.code == 130
    assert said.err.splitlines()[-1].startswith("fdd: interrupted")
    assert not (ROOT / "results.json").exists()
    again = run(fdd)
    assert [text.split()[0] for text in ran(again)] == ["eval"]


def test_a_mistake_in_the_middle_is_one_line_at_the_end(fdd):
    write_recipe(Path("r.yaml"), ipcs=[1, 1000])
    said = fdd("run", "r.yaml")
    assert said.code == 2
    last = said.err.splitlines()[-1]
    assert last.startswith("fdd: error: class 0 has")
    assert "Traceback" not in said.err
    assert not (ROOT / "results.json").exists()


def test_a_method_of_ones_own(fdd):
    Path("mine.yaml").write_text(
        "model:\n  class_path: Distiller\n  init_args: {method: mine, iterations: 1, momentum: 0.9}\n"
    )
    run(fdd, methods=["mine.yaml"], distill={"surrogate.network.width": 4})
    (row,) = written_rows(ROOT / "results.json")
    assert row["method"] == "mine"
    assert row["settings"]["momentum"] == 0.9


@pytest.mark.ddp
@pytest.mark.slow
def test_several_devices_run_a_stage_as_processes(fdd, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run(fdd, weightings=["fairdd"])
    one = SyntheticSet.load(next(ROOT.rglob("synthetic.safetensors"))).images
    several = {"trainer.devices": 2, "trainer.accelerator": "cpu", "trainer.strategy": "ddp"}
    run(fdd, "--output=two", weightings=["fairdd"], distill={"iterations": 2, "surrogate.network.width": 4, **several})
    folder = next(Path("two").rglob("synthetic.safetensors")).parent
    two = SyntheticSet.load(folder / "synthetic.safetensors").images
    assert (one - two).abs().max() < 1e-4
    record = StageFolder(folder).read()
    assert record is not None
    assert record.finished
    assert len(written_rows("two/results.json")) == 1
