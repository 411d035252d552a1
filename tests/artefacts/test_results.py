import json
import math
import statistics
from dataclasses import replace

import pytest

from fdd_lightning.artefacts.results import (
    FORMAT,
    IDENTITY,
    Identity,
    MetricSummary,
    Row,
    join_seeds,
    parse_results,
    read_results,
    write_results,
)
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError
from tests.report.fake_rows import quickstart, row

NAN = float("nan")


def test_metric_summary_against_a_loop():
    values = [[0.5, 0.7, NAN], [0.9, 0.1, 0.4]]
    total, count, squares = 0.0, 0, 0.0
    for line in values:
        for value in line:
            if not math.isnan(value):
                total, count = total + value, count + 1
    mean = total / count
    for line in values:
        for value in line:
            if not math.isnan(value):
                squares += (value - mean) ** 2
    summary = MetricSummary.of(values)
    assert summary is not None
    assert summary.mean == pytest.approx(mean)
    assert summary.std == pytest.approx(math.sqrt(squares / (count - 1)))
    assert summary.values == [[0.5, 0.7, None], [0.9, 0.1, 0.4]]


def test_metric_summary_of_one_value_and_of_none():
    assert MetricSummary.of([[0.25]]) == MetricSummary(0.25, 0.0, [[0.25]])
    assert MetricSummary.of([[NAN, None], [NAN, NAN]]) is None
    assert MetricSummary.of([]) is None


def test_a_single_value_has_no_spread_to_show():
    assert row(networks=1).std("accuracy") is None
    assert (row(networks=2).std("accuracy") or 0) > 0


def test_round_trip_and_shape(tmp_path):
    rows = quickstart()
    rows[0].metrics["conflict_accuracy"] = None
    rows[0].conflict_ratio = None
    path = tmp_path / "runs" / "results.json"
    write_results(path, rows)
    document = json.loads(path.read_text())
    assert set(document) == {"format", "rows"}
    assert document["format"] == FORMAT
    assert document["rows"][0] == rows[0].to_json()
    assert read_results(path) == rows


def test_eval_settings_may_be_absent():
    old = row().to_json()
    del old["eval_settings"]
    assert parse_results({"format": FORMAT, "rows": [old]}, "x")[0].eval_settings == {}


def of_format_1(made):
    """The row as format 1 had it: no evaluation seeds, and deviations of the population."""
    document = made.to_json()
    del document["eval_seeds"]
    for summary in document["metrics"].values():
        values = [value for line in summary["values"] for value in line]
        summary["std"] = statistics.pstdev(values)
    return document


def test_deviations_of_format_1_are_computed_again():
    made = row(seeds=(0, 1))
    old = of_format_1(made)
    (read,) = parse_results({"format": 1, "rows": [old]}, "x")
    for name, summary in read.metrics.items():
        was = old["metrics"][name]["std"]
        assert summary is not None
        assert summary.std == pytest.approx(was * math.sqrt(6 / 5))
        assert summary == made.metrics[name]
    assert read == made
    with pytest.raises(FileFormatError, match="not those of its values"):
        parse_results({"format": FORMAT, "rows": [old]}, "x")
    with pytest.raises(FileFormatError, match="not those of its values"):
        parse_results({"format": 1, "rows": [made.to_json()]}, "x")


def test_later_releases_may_add_keys_and_metrics_and_older_ones_lack_metrics(tmp_path):
    document = row().to_json()
    document |= {"licence": "mine", "odd": {"a": [1]}}
    document["metrics"]["mine"] = {"mean": 1, "std": 0.0, "values": [[1, 1.0, None]]}
    del document["metrics"]["deo_max"]
    (read,) = parse_results({"format": FORMAT, "rows": [document]}, "x")
    assert read.mean("deo_max") is None
    assert read.mean("mine") == 1
    assert read.to_json() == document
    assert list(join_seeds([read]).to_json()) == list(document)
    write_results(tmp_path / "results.json", [read])
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == [document]


def broken(change):
    made = row().to_json()
    change(made)
    return {"format": FORMAT, "rows": [row().to_json(), made]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.pop("method"), "lacks 'method'"),
        (lambda r: r.update(ipc="ten"), "'ipc' of type str"),
        (lambda r: r.update(seconds={"eval": "long"}), "'seconds.eval' of type str"),
        (lambda r: r.update(eval_networks=True), "'eval_networks' of type bool"),
        (lambda r: r.pop("metrics"), "lacks 'metrics'"),
        (lambda r: r.update(metrics=[]), "'metrics' of type list"),
        (lambda r: r.update(distill_seeds=["0"]), "'distill_seeds.0' of type str"),
        (lambda r: r["cell_accuracy"][0].__setitem__(1, NAN), "'cell_accuracy.0.1' that is not finite"),
        (lambda r: r["metrics"].update(accuracy=0.5), "without mean, std and values"),
        (lambda r: r["metrics"]["accuracy"].update(mean=NAN), "not finite"),
        (lambda r: r["metrics"]["accuracy"].update(values=[[0.5]]), "each distillation seed and network"),
        (lambda r: r["metrics"]["accuracy"].update(values=[0.5]), "'metrics.accuracy.values.0' of type float"),
        (lambda r: r.update(eval_seeds=[0, 1]), "not equally many for each of 'eval_seeds'"),
        (lambda r: r.update(eval_seeds=[]), "not equally many for each of 'eval_seeds'"),
        (lambda r: r["metrics"]["accuracy"].update(std=1.0), "whose mean and std are not those of its values"),
        (lambda r: r["metrics"]["accuracy"].update(values=0.5), "'metrics.accuracy.values' of type float"),
    ],
)
def test_broken_rows_are_refused(change, words):
    document = broken(change)
    with pytest.raises(FileFormatError) as error:
        parse_results(document, "results.json")
    assert words in str(error.value)
    assert "row 1" in str(error.value)
    assert "\n" not in str(error.value)


def test_broken_rows_are_not_written(tmp_path):
    for key, value in (("ipc", "ten"), ("eval_networks", 2), ("seconds", {"eval": NAN}), ("metrics", None)):
        with pytest.raises(FileFormatError):
            write_results(tmp_path / "results.json", [row(), row(**{key: value})])
    assert not list(tmp_path.iterdir())


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "results.json"
    with pytest.raises(DatasetNotFoundError, match="do not exist"):
        read_results(path)
    for text, words in (
        ("[]", "not a results file"),
        ('{"format": 3, "rows": []}', "version 3"),
        ('{"format": 1, "rows": [3]}', "not an object"),
        ('{"format": 1, "ro', "not valid JSON"),
    ):
        path.write_text(text)
        with pytest.raises(FileFormatError, match=words):
            read_results(path)


def test_identity_holds_settings_and_evaluation_but_no_figures():
    one = row()
    assert tuple(one.identity()) == IDENTITY
    changed = replace(one, seconds={}, metrics={**one.metrics, "accuracy": MetricSummary(0.1, 0.0, [[0.1]])})
    assert changed.identity_key() == one.identity_key()
    for key, value in (("settings", {"a": 1}), ("eval_settings", {"epochs": 5}), ("distill_seeds", [1]), ("ipc", 2)):
        assert replace(one, **{key: value}).identity_key() != one.identity_key()
    reordered = replace(one, settings={"b": 1, "a": 2})
    assert reordered.identity_key() == replace(one, settings={"a": 2, "b": 1}).identity_key()
    planned = {key: value for key, value in one.identity().items() if key != "eval_settings"}
    assert Identity(**planned).identity_key() == one.identity_key()


def test_join_seeds_against_a_loop():
    one, two = row(seeds=(0,)), row(seeds=(1, 2))
    one.cell_accuracy, two.cell_accuracy = [[0.3, None], [0.6, None]], [[0.9, None], [None, None]]
    two.seconds["fit"] = one.seconds["eval"] = two.seconds["eval"] = None
    joined = join_seeds([one, two])
    assert joined.distill_seeds == [0, 1, 2]
    for name in one.metrics:
        values = one.metrics[name].values + two.metrics[name].values
        assert joined.metrics[name] == MetricSummary.of(values)
    assert joined.seconds == {"fit": 1.5, "distill": 40.0, "eval": None}
    first, second = joined.cell_accuracy or []
    assert first[0] == pytest.approx((0.3 + 2 * 0.9) / 3)
    assert first[1] is None
    assert second == [0.6, None]
    assert Row.from_json(joined.to_json()) == joined


def test_join_seeds_puts_evaluation_seeds_beside_each_other():
    rows = [row(seeds=(seed,), eval_seeds=[other]) for seed in (3, 4) for other in (0, 9)]
    rows[1].metrics["deo_max"] = None
    one, two, three, four = rows
    joined = join_seeds(rows)
    assert (joined.distill_seeds, joined.eval_seeds, joined.eval_networks) == ([3, 4], [0, 9], 6)
    values = joined.values("accuracy")
    assert values == [[*a.values("accuracy")[0], *b.values("accuracy")[0]] for a, b in ((one, two), (three, four))]
    assert joined.metrics["accuracy"] == MetricSummary.of(values)
    assert joined.values("deo_max")[0][3:] == [None] * 3
    assert joined.seconds == {"fit": 6.0, "distill": 80.0, "eval": 40.0}
    assert Row.from_json(joined.to_json()) == joined
    with pytest.raises(ValueError, match="eval seeds occur twice"):
        join_seeds([one, one])
    with pytest.raises(ValueError, match="differ in eval_networks"):
        join_seeds(rows[:3])


def test_join_seeds_with_a_metric_that_does_not_exist():
    one, two = row(seeds=(0,)), row(seeds=(1,))
    one.metrics["deo_max"] = two.metrics["deo_max"] = None
    one.metrics["deo_mean"] = None
    one.cell_accuracy = two.cell_accuracy = None
    joined = join_seeds([one, two])
    assert joined.metrics["deo_max"] is None
    summary = joined.metrics["deo_mean"]
    assert summary is not None
    assert summary.values[0] == [None] * 3
    assert joined.cell_accuracy is None
    assert Row.from_json(joined.to_json()) == joined


def test_join_seeds_refuses_strangers():
    with pytest.raises(ValueError, match="twice"):
        join_seeds([row(), row()])
    with pytest.raises(ValueError, match="distill seeds occur twice"):
        join_seeds([row(), row(seeds=(1, 0))])
    with pytest.raises(ValueError, match="weighting"):
        join_seeds([row(), row(weighting="kde", seeds=(1,))])


def test_the_whole_training_set_has_no_distillation_seed_and_one_line_of_values():
    one = row("full", "vanilla")
    one.distill_seeds = []
    joined = join_seeds([one])
    assert Row.from_json(joined.to_json()) == joined
    assert joined.distill_seeds == []
    assert joined.metrics == one.metrics
    assert joined.cell_accuracy == one.cell_accuracy
