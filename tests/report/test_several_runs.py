import copy
import io
from pathlib import Path

from rich.console import Console

from fdd_lightning.artefacts.results import MetricSummary, write_results
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.report.charts import panels, series_of
from fdd_lightning.report.run_differences import run_differences
from fdd_lightning.report.several_runs import joined
from fdd_lightning.report.terminal_table import laid_out
from tests.report.fake_rows import row

SEEDS = (0, 1, 2)


def run_of(shift, *, dataset="cmnist_fg", seeds=SEEDS):
    """Rows of a run whose accuracies of one weighting are shifted on each seed."""
    rows = [row("dm", w, dataset=dataset, seeds=seeds, networks=2) for w in ("vanilla", "fairdd")]
    rows[1].metrics["accuracy"] = MetricSummary.of([[0.8 + shift + 0.02 * i] * 2 for i in range(len(seeds))])
    return rows


def texts(content):
    return {column.heading: column.texts for column in content.columns}


def test_equal_rows_of_runs_stand_together_with_the_name_of_their_run():
    runs = {Path("old/a"): RunResults(run_of(0)), Path("new/a"): RunResults(run_of(0.05))}
    rows = joined(runs).rows
    assert [(r.weighting, r.run) for r in rows] == [
        (w, f"{r}/a") for w in ("vanilla", "fairdd") for r in ("old", "new")
    ]
    (panel,) = panels(rows)
    names = [series.name for series in series_of(panel, rows)]
    assert names[:2] == ["dm vanilla (run=old/a)", "dm vanilla (run=new/a)"]
    alone = joined({Path("old/a"): RunResults(run_of(0))}).rows
    assert {r.run for r in alone} == {""}
    assert alone == run_of(0)


def test_rows_that_are_in_one_run_only_keep_their_short_names():
    runs = {Path("a"): RunResults(run_of(0)[:1]), Path("b"): RunResults(run_of(0)[1:])}
    rows = joined(runs).rows
    (panel,) = panels(rows)
    assert [series.name for series in series_of(panel, rows)] == ["dm vanilla", "dm fairdd"]
    assert run_differences(rows) == []


def test_differences_with_their_intervals_and_verdicts():
    other = run_of(0.05)
    other[0].metrics["accuracy"] = copy.deepcopy(run_of(0)[0].metrics["accuracy"])
    rows = joined({Path("a"): RunResults(run_of(0)), Path("b"): RunResults(other)}).rows
    ((title, content),) = run_differences(rows)
    assert title == "b against a"
    told = texts(content)
    assert told["metric"] == ("accuracy", "DEO_A") * 2
    assert told["a"][2] == "82.0"
    assert told["b"][2] == "87.0"
    assert told["difference"][2] == "+5.0"
    assert told["95% interval"][2] == "[+5.0, +5.0]"
    assert told["verdict"][0] == "inside the noise"
    assert told["verdict"][2] == "differ"
    ((_, whole),) = run_differences(rows, every_metric=True)
    assert len(texts(whole)["metric"]) == 2 * len(rows[0].metrics)


def test_in_a_narrow_terminal_the_difference_stays():
    runs = {Path(name * 9): RunResults(run_of(0)) for name in "ab"}
    ((_, content),) = run_differences(joined(runs).rows)
    stream = io.StringIO()
    Console(file=stream, width=60).print(laid_out(content, 60))
    head, *_ = stream.getvalue().splitlines()
    assert max(map(len, stream.getvalue().splitlines())) <= 60
    assert {"weighting", "metric", "difference", "verdict"} <= set(head.split())
    assert "left out for want of width: aaaaaaaaa, bbbbbbbbb" in stream.getvalue().replace("\n", " ")


def test_other_seeds_and_single_values():
    rows = joined({Path("a"): RunResults(run_of(0)), Path("b"): RunResults(run_of(0.2, seeds=(3, 4)))}).rows
    ((_, content),) = run_differences(rows)
    assert texts(content)["verdict"][2] == "differ (other seeds)"
    one, two = (RunResults([row("dm", "vanilla", a, networks=1)]) for a in (0.5, 0.6))
    ((_, content),) = run_differences(joined({Path("a"): one, Path("b"): two}).rows)
    assert set(texts(content)["verdict"]) == {"single values"}
    assert set(texts(content)["95% interval"]) == {"-"}


def test_the_command_prints_a_format_or_writes_it(fdd, workdir):
    for name, shift in (("a", 0), ("b", 0.05)):
        (workdir / name).mkdir()
        write_results(workdir / name / "results.json", run_of(shift))
    said = fdd("report", "a", "b", "--format=csv")
    assert said.code == 0
    assert said.out.startswith("run,dataset,")
    assert len(said.out.splitlines()) == 5
    assert sorted(path.name for path in workdir.iterdir()) == ["a", "b"]
    assert fdd("report", "a", "--format", "latex", "--output", "x").out.strip() == "x/table.tex"
    assert [path.name for path in (workdir / "x").iterdir()] == ["table.tex"]
    same = fdd("report", "a", "a/results.json", "--format=md").out
    assert "| run |" not in same
    said = fdd("report", "a", "b")
    assert "b against a:" in said.out
    assert "b against a:" in (workdir / "runs" / "report" / "table.md").read_text()
    said = fdd("report", "a", "--format=pdf")
    assert said.code == 2
    assert said.err.count("\n") == 1
