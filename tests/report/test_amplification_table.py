import csv
import io
import json

import pytest

from fdd_lightning.report.amplification import amplifications
from fdd_lightning.report.amplification_table import FIGURES, KEYS, as_csv, markdown
from tests.report.fake_rows import pair, row


def rows():
    return [*pair("full", unbiased=0.9, biased=0.8), *pair("dm"), *pair("dm", "kde", 0.9, 0.85)]


def cells(text):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_markdown():
    found = amplifications(rows())
    heading, _, *body = cells(markdown(found))
    assert heading[:2] == ["method", "weighting"]
    assert heading[-5:] == ["Acc(D)", "Acc(D_b)", "drop", "minus full's", "relative drop"]
    assert [line[-2] == "-" for line in body] == [True, False, False]
    for each, line in zip(found, body, strict=True):
        assert line[-3] == f"{100 * each.drop.mean:.1f} ± {100 * (each.drop.std or 0):.1f}"
        assert line[-1] == f"{100 * (each.relative or 0):.1f}%"
    assert "5% bias-conflicting" in markdown(found)
    assert "root of the summed squares" in markdown(found)


def test_nothing_to_compare_with():
    assert "minus full's" not in markdown(amplifications(pair("dm")))
    text = markdown(amplifications(pair("dm", unbiased=0.0, biased=0.0, spread=0)))
    assert cells(text)[-1][-1] == "-"


def test_a_smaller_twin_is_told():
    natural, cut = (
        row("dm", "vanilla", dataset="celeba", conflict_ratio=None, settings=settings)
        for settings in ({}, {"balanced": True})
    )
    assert "celeba: D is D_b cut" in markdown(amplifications([cut, natural]))
    assert "cut to" not in markdown(amplifications(rows()))


def test_csv():
    found = amplifications([*rows(), *pair("dm", networks=1, settings={"lr_images": 10.0})])
    lines = list(csv.DictReader(io.StringIO(as_csv(found))))
    assert list(lines[0]) == [*KEYS, "settings", "eval_settings", *FIGURES]
    assert len(lines) == len(found) == 4
    for each, line in zip(found, lines, strict=True):
        assert float(line["drop"]) == pytest.approx(each.drop.mean, abs=1e-6)
        assert float(line["accuracy_unbiased"]) == pytest.approx(each.clean.mean, abs=1e-6)
        assert json.loads(line["settings"]) == each.biased["settings"]
    assert (lines[0]["ipc"], lines[0]["drop_minus_full"], lines[0]["drop_minus_full_std"]) == ("", "", "")
    assert lines[-1]["drop_std"] == ""
    assert lines[1]["drop_minus_full"] != ""
