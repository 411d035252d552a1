import csv
import io
import json
import re

import pytest

from fdd_lightning.artefacts.results import IDENTITY
from fdd_lightning.artefacts.run_results import Failure, RunResults
from fdd_lightning.errors import ConfigError
from fdd_lightning.report.formats import Format, find, names
from fdd_lightning.report.formats.latex import escaped
from fdd_lightning.report.statistics import interval, spread
from tests.report.fake_rows import quickstart, row

EVIL = r"a_b & 50% $x^2$ {y} \cmd #1 ~z <t> |u| "


def test_each_is_found_by_its_name():
    assert {"csv", "latex", "md"} <= set(names())
    files = [find(name).file for name in names()]
    assert len(set(files)) == len(files)
    for name in names():
        assert find(name).text(RunResults(quickstart())).endswith("\n")


class Rows(Format):
    """How many rows there are."""

    file = "rows.txt"

    def text(self, results):
        return f"{len(results.rows)}\n"


def test_one_of_the_users_is_one_class():
    assert find(f"{__name__}.Rows").text(RunResults(quickstart())) == "9\n"
    with pytest.raises(ConfigError, match="choose one of"):
        find("pdf")
    with pytest.raises(ConfigError, match="is not a format"):
        find("collections.OrderedDict")


def test_csv_has_the_whole_identity_and_every_figure():
    one = row("dm", "vanilla", dataset="cmnist_fg", seeds=(0, 1, 2), settings={"a": [1], "b": 'say "so", twice'})
    one.metrics["deo_max"] = None
    one.run = "x, y"
    lines = list(csv.DictReader(io.StringIO(find("csv").text(RunResults([one, row("full", "vanilla")])))))
    told = lines[0]
    assert set(IDENTITY) <= set(told)
    assert told["run"] == "x, y"
    assert json.loads(told["settings"]) == one.settings
    assert json.loads(told["distill_seeds"]) == [0, 1, 2]
    over, found = spread(one.values("accuracy")), interval(one.values("accuracy"))
    assert found is not None
    expected = {
        "accuracy": one.mean("accuracy"),
        "accuracy_std": one.std("accuracy"),
        "accuracy_std_sets": over.sets,
        "accuracy_std_networks": over.networks,
        "accuracy_low": found.low,
        "accuracy_high": found.high,
        "published_accuracy": 0.2501,
        "published_deo_mean": 0.9996,
        "seconds_distill": 20.0,
    }
    for key, value in expected.items():
        assert float(told[key]) == pytest.approx(value, rel=1e-5)
    assert told["deo_max"] == told["deo_max_low"] == ""
    assert lines[1]["ipc"] == lines[1]["accuracy_std_sets"] == ""


def test_latex_names_are_escaped_and_every_line_has_all_columns():
    rows = [row(w, "vanilla", dataset=f"{EVIL}{w}") for w in ("dm", "random")] + quickstart()
    rows[0].warnings = ["odd & rare"]
    text = find("latex").text(RunResults(rows, 12, [Failure({}, "distill", "not finite")]))
    table = text[text.index(r"\begin{tabular}") : text.index(r"\end{tabular}")]
    marks = re.search(r"\\begin\{tabular\}\{([lr]+)\}", table)
    assert marks
    lines = [line for line in table.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 1 + len(rows)
    for line in lines:
        assert len(re.findall(r"(?<!\\)&", line)) == len(marks[1]) - 1
    for rule in ("toprule", "midrule", "bottomrule"):
        assert text.count(f"\\{rule}") == 1
    assert text.count(r"\textbf{") == 2
    assert r"$\pm$" in text
    assert text.startswith("% ")
    assert r"11 of 12 rows, 1 failed" in text.splitlines()[1]
    # What is left after taking away what was written on purpose has nothing that LaTeX would obey.
    bare = re.sub(r"\\[&%$#_{}]|\$\\pm\$|\\text[a-z]+(\{\})?", "", escaped(EVIL + "±"))
    assert not re.search(r"[\\&%$#_{}~^<>|]", bare)
