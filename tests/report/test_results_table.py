import io
import sys

import pytest
from rich.console import Console

from fdd_lightning.artefacts.results import MetricSummary
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.report.formats.md import Markdown, markdown
from fdd_lightning.report.results_table import content_of, spreads_of
from fdd_lightning.report.row_names import describe, names_of, short_value, variants
from fdd_lightning.report.terminal_table import print_table, table
from tests.report.fake_rows import quickstart, row


def render(rows, width, **more):
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None, highlight=False)
    console.print(table(rows, width=width, **more))
    return stream.getvalue()


def headings(rows, **more):
    return [column.heading for column in content_of(rows, **more).columns]


def test_columns_that_agree_go_to_the_caption():
    said = content_of(quickstart())
    assert [c.heading for c in said.columns] == [
        "method",
        "weighting",
        "variant",
        "accuracy",
        "DEO_M",
        "DEO_A",
        "worst",
        "aligned",
        "conflict",
        "seconds",
    ]
    for fact in (
        "colored_digits",
        "10% bias-conflicting",
        "ipc 10",
        "convnet",
        "erm",
        "preset quick",
        "3 networks",
        "seed 0",
    ):
        assert fact in said.caption[0]


def test_columns_that_differ_are_shown():
    rows = [
        row(dataset="cmnist", conflict_ratio=0.01),
        row(ipc=1, conflict_ratio=None, network="mlp", trainer="lff", preset="reference"),
        row(seeds=(0, 1), networks=2, eval_settings={"epochs": 5}),
    ]
    shown = headings(rows)
    for heading in ("data", "ratio", "ipc", "network", "trainer", "preset", "evaluation", "nets", "seeds"):
        assert heading in shown
    assert "method" not in shown
    assert "weighting" not in shown
    assert "train on" not in shown
    cells = {c.heading: c.texts for c in content_of(rows).columns}
    assert cells["ratio"] == ("1%", "-", "10%")
    assert cells["seeds"] == ("0", "0", "0 1")
    assert cells["evaluation"] == ("-", "-", "epochs=5")


def test_one_row_keeps_its_name():
    assert headings([row()])[:2] == ["method", "weighting"]


def test_a_metric_that_no_row_has_is_left_out_and_others_show_a_dash():
    one, two = row("random"), row()
    for each in (one, two):
        each.metrics["aligned_accuracy"] = each.metrics["conflict_accuracy"] = None
    one.metrics["deo_mean"] = None
    cells = {c.heading: c.texts for c in content_of([one, two]).columns}
    assert "aligned" not in cells
    assert "conflict" not in cells
    assert cells["DEO_A"][0] == "-"
    assert cells["DEO_A"][1] != "-"


def test_percent_and_spread():
    one = row()
    one.metrics["accuracy"] = MetricSummary(0.91234, 0.0123, [[0.9, 0.9, 0.9]])
    assert content_of([one]).columns[2].texts == ("91.2 ± 1.2",)
    assert content_of([row(networks=1)]).columns[2].texts[0].count("±") == 0
    assert content_of([one], spreads=True).columns[3].texts[0].count("±") == 1


def test_best_leaves_out_the_whole_training_set_and_compares_equals_only():
    rows = quickstart()
    best = [r.weighting + r.method for r, b in zip(rows, content_of(rows).best, strict=True) if b]
    assert best == ["fairddrandom", "fairdddm"]  # two points apart, by three networks each
    two = [
        row(accuracy=0.5),
        row("random", accuracy=0.4),
        row(accuracy=0.9, ipc=50),
        row("random", accuracy=0.8, ipc=50),
    ]
    assert content_of(two).best == ("accuracy", "", "accuracy", "")
    assert content_of([row()]).best == ("",)


def test_a_difference_inside_the_noise_shares_the_bold():
    def of(weighting, values, **more):
        summary = MetricSummary.of(values)
        assert summary is not None
        seeds = range(len(values))
        one = row("dm", weighting, seeds=seeds, networks=len(values[0]), settings={}, **more)
        one.metrics["accuracy"] = summary
        return one

    fairdd = of("fairdd", [[0.85], [0.91], [0.88]])
    near = of("kde", [[0.84], [0.91], [0.875]])  # behind on two seeds of three, by a little
    behind = of("vanilla", [[0.80], [0.86], [0.83]])  # by five points on each seed
    assert content_of([fairdd, near, behind]).best == ("accuracy", "accuracy", "")
    told = "bold: the best, and what the noise cannot tell from it"
    assert f"{told} (95% intervals of differences, over the means of sets)" in content_of([fairdd, near]).caption
    one_set = [of("fairdd", [[0.85, 0.86]]), of("kde", [[0.60, 0.61]])]
    assert content_of(one_set).best == ("accuracy", "")
    assert any("of one set over its networks" in line for line in content_of(one_set).caption)
    single = [of("fairdd", [[0.85]]), of("kde", [[0.84]])]
    assert content_of(single).best == ("accuracy", "")
    assert f"{told} (of single values no noise is known)" in content_of(single).caption
    balanced_alone = [of("fairdd", [[0.85], [0.86]]), of("kde", [[0.85], [0.86]])]
    assert content_of(balanced_alone).best == ("accuracy", "accuracy")


def test_how_sure_figures_are():
    one = row(networks=3, seeds=(0, 1, 2))
    one.metrics["accuracy"] = MetricSummary.of([[0.80, 0.82, 0.84], [0.70, 0.75, 0.74], [0.79, 0.75, 0.80]])
    sure = spreads_of([one, row("random", seeds=(0, 1, 2))])
    assert sure is not None
    shown = {c.heading: c.texts for c in sure.columns}
    assert shown["accuracy"][0] == "4.5 / 2.4 (66.5 to 88.9)"
    assert sure.caption[-1].endswith("(Student's t, over the means of sets)")
    assert spreads_of([row(networks=1)]) is None
    assert "How sure each figure is" in Markdown().text(RunResults([one]))


def test_a_metric_of_the_users_stands_under_its_own_name():
    one, two = row("random"), row()
    two.metrics["mine_gap"] = MetricSummary(0.25, 0.0, [[0.25] * 3])
    cells = {c.heading: c.texts for c in content_of([one, two]).columns}
    assert cells["mine_gap"] == ("-", "25.0")


def test_variants_name_what_differs_within_a_method():
    rows = [
        row(weighting="vanilla", settings={"steps": 400}),
        row(weighting="vanilla", settings={"steps": 400, "lr_images": 10.0}),
        row(weighting="kde", settings={"steps": 400, "weighting.normaliser": "inverse"}),
        row("random"),
    ]
    assert variants(rows) == ["", "lr_images=10", "normaliser=inverse", ""]
    assert names_of(rows)[1] == "dm vanilla (lr_images=10)"
    assert names_of(rows)[3] == "random fairdd"
    assert "dm with steps=400" in content_of(rows).caption


def test_what_all_methods_share_is_said_once():
    data = {"path": "photos", "table": "labels.csv"}
    rows = [row(settings={**data, "steps": 4}), row("random", settings=data), row("full", "vanilla", settings=data)]
    rows.append(row(weighting="kde", settings={**data, "steps": 4}))
    assert variants(rows) == [""] * 4
    assert content_of(rows).caption[1:3] == ("all rows with path=photos, table=labels.csv", "dm with steps=4")


def test_missing_figures_of_fairness_are_explained():
    ungrouped = row(dataset="folder", cell_count=[[5], [7]], cell_accuracy=[[0.5], [0.6]])
    ungrouped.metrics |= dict.fromkeys(("deo_max", "deo_mean", "worst_group_accuracy"))
    assert content_of([ungrouped]).caption[-1].startswith("folder: no group labels")
    assert "DEO_M" not in [column.heading for column in content_of([ungrouped]).columns]
    assert not any("no group labels" in line for line in content_of([row(), row("random")]).caption)
    assert not any("no group labels" in line for line in content_of([row(cell_count=None)]).caption)


def test_settings_in_few_words():
    assert describe({"a.x": 1, "b.x": 2.0, "c.y": "my.module.Class"}) == "a.x=1, b.x=2, y=Class"
    assert short_value("v" * 40) == "v" * 21 + "..."
    assert short_value(0.1) == "0.1"
    assert short_value([1, 2]) == "[1,2]"
    assert short_value(None) == "null"
    assert short_value("0.5") == "0.5"
    assert short_value("my.labels.csv") == "my.labels.csv"


@pytest.mark.parametrize("width", [80, 90, 100, 140])
@pytest.mark.parametrize(
    "rows", [quickstart(), [row(ipc=i, dataset=d) for i in (1, 10) for d in ("cmnist_fg", "cmnist_bg")]]
)
def test_nothing_is_cut_at_usual_widths(rows, width):
    text = render(rows, width, with_published=True)
    assert max(map(len, text.splitlines())) <= width
    said = content_of(rows)
    lines = text.splitlines()
    for cell in said.columns[0].texts:
        assert any(line.startswith(cell) for line in lines)
    words = set(text.split())
    for column in said.columns:
        if column.spare == 0:
            for cell in column.texts:
                assert set(cell.split()) <= words
        elif column.heading not in lines[0]:
            assert column.heading in text[text.index("left out for want of width") :]


def test_the_best_accuracy_is_bold():
    stream = io.StringIO()
    Console(file=stream, width=100, force_terminal=True, color_system="standard").print(table(quickstart(), width=100))
    bold = [line for line in stream.getvalue().splitlines() if "\x1b[1m" in line and "random" in line]
    assert len(bold) == 1
    assert "fairdd" in bold[0]


def test_unknown_times():
    one, two = row(), row("random")
    one.seconds = {"fit": None, "distill": None, "eval": None}
    two.seconds["fit"] = None
    assert content_of([one, two]).columns[-1].texts == ("-", "30")


def test_piped_it_is_plain_and_whole(capsys):
    print_table(quickstart(), with_published=True)
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "left out" not in text
    assert "seconds" in text.splitlines()[0]


def test_an_ascii_terminal_gets_ascii(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    print_table(quickstart())
    sys.stdout.flush()
    assert b"+-" in raw.getvalue()


def test_markdown():
    rows = quickstart()
    rows[4].settings = {"a|b": 1}
    text = markdown(rows)
    lines = text.splitlines()
    assert lines[1].startswith("| --- | --- | --- | ---: |")
    table_lines = [line for line in lines if line.startswith("|")]
    assert len(table_lines) == 2 + len(rows)
    assert len({line.replace("\\|", "").count("|") for line in table_lines}) == 1
    assert text.count("**") == 4
    assert text.endswith("\n")
    assert "- colored_digits" in text


def test_published_column():
    rows = [row("dm", w, dataset="cmnist_fg") for w in ("vanilla", "fairdd", "barycenter")]
    shown = {c.heading: c.texts for c in content_of(rows, with_published=True).columns}
    assert shown["published"] == ("25.0", "94.6", "-")
    assert shown["published DEO_M"] == ("100.0", "17.0", "-")
    assert shown["published DEO_A"] == ("100.0", "8.0", "-")
    both = content_of([row("full", "vanilla", dataset="cmnist_bg")], with_published=True)
    shown_of = {c.heading: c.texts for c in both.columns}
    assert (shown_of["published"], shown_of["published DEO_M"]) == (("97.8 / -",), ("9.7 / 10.3",))
    elsewhere = content_of([row("dm", "vanilla", dataset="cmnist", conflict_ratio=0.05)], with_published=True)
    assert not any(c.heading.startswith("published DEO") for c in elsewhere.columns)
    assert "FairDD" in content_of(rows, with_published=True).caption[-1]
    assert "published" not in headings(rows)
    assert "published" not in headings([row()], with_published=True)


def uneven(method, weighting, accuracy, balanced, **more):
    """A row of a biased test set."""
    one = row(method, weighting, accuracy, cell_count=[[90, 3], [3, 90]], **more)
    one.metrics["balanced_accuracy"] = MetricSummary.of([[balanced] * 3])
    return one


def test_where_the_test_set_is_uneven_bold_goes_by_balanced_accuracy():
    rows = [uneven("dm", "vanilla", 0.9, 0.3), uneven("dm", "fairdd", 0.5, 0.4, small_cells=2)]
    content = content_of(rows)
    assert content.best == ("", "balanced")
    assert [column.heading for column in content.columns][1:3] == ["accuracy", "balanced"]
    cells = "colored_digits: 4 (class, group) cells of 3 to 90 test images, so accuracy is mostly that of the largest"
    assert f"{cells}: bold goes by balanced" in content.caption
    told = "2 of 4 (class, group) cells of 3 to 90 test images are too small to be judged one by one"
    assert any(told in line for line in content.caption)
    text = markdown(rows)
    assert "| **40.0 ± 0.0** |" in text
    assert text.count("**") == 2
    # Rows of an even test set beside them keep their own bold and are none of these rows' rivals.
    even = [row("dm", w, a, settings={"test": "x"}) for w, a in (("vanilla", 0.2), ("fairdd", 0.8))]
    assert content_of([*rows, *even]).best == ("", "balanced", "", "accuracy")


def test_where_it_is_even_the_column_is_not_shown():
    rows = quickstart()
    for each in rows:
        each.metrics["balanced_accuracy"] = each.metrics["accuracy"]
    assert content_of(rows) == content_of(quickstart())
