import csv
import io
import itertools
import json
import math
import random
import statistics

import pytest

from fdd_lightning.report.bias_amplification import FIGURES, KEYS, Estimate, amplifications, as_csv, markdown
from tests.report.fake_rows import pair, row


def values(each):
    return [value for line in each.metrics["accuracy"].values for value in line]


def literal(rows):
    """Say again, slowly, which rows are pairs and what they come to: for rows of one seed and equal networks."""
    same = ("dataset", "method", "weighting", "ipc", "network", "train_on", "trainer", "settings", "preset")
    found = {}
    for biased, unbiased in itertools.product(rows, rows):
        if biased.conflict_ratio is None or unbiased.conflict_ratio is not None:
            continue
        if all(getattr(biased, key) == getattr(unbiased, key) for key in (*same, "eval_settings")):
            a, b = values(unbiased), values(biased)
            drop = sum(a) / len(a) - sum(b) / len(b)
            spread = math.sqrt(statistics.stdev(a) ** 2 + statistics.stdev(b) ** 2)
            found[id(biased)] = [biased, drop, spread, drop / (sum(a) / len(a)), None, None]
    for line in found.values():
        for other in found.values():
            whole, own = other[0], line[0]
            keys = ("dataset", "conflict_ratio", "network", "trainer", "preset", "eval_settings")
            if (
                whole.method == "full"
                and own is not whole
                and all(getattr(whole, key) == getattr(own, key) for key in keys)
            ):
                line[4] = line[1] - other[1]
                line[5] = math.sqrt(line[2] ** 2 + other[2] ** 2)
    return found


def grid():
    draw = random.Random(0)
    rows = []
    for dataset, method, network in itertools.product("ab", ("dm", "full", "dsa"), ("convnet", "mlp")):
        for ratio in (0.01, 0.05, None):
            for settings in ({}, {"lr_images": 10.0}) if method == "dm" else ({},):
                rows.append(
                    row(
                        method,
                        "vanilla",
                        draw.uniform(0.2, 0.9),
                        dataset=dataset,
                        network=network,
                        conflict_ratio=ratio,
                        settings=settings,
                    )
                )
    draw.shuffle(rows)
    return rows[:-9]  # some are missing


def test_against_a_loop():
    rows = grid()
    expected, found = literal(rows), amplifications(rows)
    assert len(found) == len(expected) > 15
    assert any(each.full is None and each.biased.method != "full" for each in found)
    for each in found:
        _, drop, spread, relative, excess, excess_spread = expected[id(each.biased)]
        assert each.drop.mean == pytest.approx(drop)
        assert each.drop.std == pytest.approx(spread)
        assert each.relative == pytest.approx(relative)
        assert (each.excess and each.excess.mean) == (excess and pytest.approx(excess))
        assert (each.excess and each.excess.std) == (excess_spread and pytest.approx(excess_spread))


def test_order_is_by_data_set_with_full_training_first():
    rows = [*pair("dm", dataset="b"), *pair("dsa", dataset="a"), *pair("full", dataset="a"), *pair("full", dataset="b")]
    told = [(each.biased.dataset, each.biased.method) for each in amplifications(rows)]
    assert told == [("b", "full"), ("b", "dm"), ("a", "full"), ("a", "dsa")]


def test_no_twin_no_amplification():
    biased, unbiased = pair("dm")
    for rows in ([], [biased], [unbiased], [biased, row("dm", "kde", conflict_ratio=None)], [biased, biased]):
        assert amplifications(rows) == []
    unbiased.metrics["accuracy"] = None
    assert amplifications([biased, unbiased]) == []


def test_a_single_value_has_no_spread():
    (one,) = amplifications(pair("dm", networks=1))
    assert one.drop.std is None
    assert (Estimate(1, 3) - Estimate(0.5, 4)) == Estimate(0.5, 5)
    assert (Estimate(1, 0.0) - Estimate(0, None)).std is None


def test_the_twin_with_equal_repetitions_counts():
    biased, unbiased = pair("dm")
    more = row("dm", "vanilla", conflict_ratio=None, networks=9)
    assert amplifications([biased, more, unbiased])[0].unbiased is unbiased
    assert amplifications([biased, more])[0].unbiased is more


def test_a_learned_step_size_does_not_part_a_method_from_full_training():
    rows = [*pair("mtt", eval_settings={"epochs": 9, "lr": "learned"}), *pair("full", eval_settings={"epochs": 9})]
    whole, mtt = amplifications(rows)
    assert mtt.full == whole
    rows = [*pair("mtt", eval_settings={"lr": 0.1}), *pair("full", eval_settings={"lr": 0.2})]
    assert all(each.full is None for each in amplifications(rows))


def test_full_training_has_a_number_of_epochs_of_its_own():
    distilled = [each for epochs in (150, 300) for each in pair("dm", eval_settings={"epochs": epochs})]
    whole, *others = amplifications([*distilled, *pair("full", eval_settings={"epochs": 4})])
    assert [each.full for each in others] == [whole, whole]
    assert [each.biased.eval_settings["epochs"] for each in (whole, *others)] == [4, 150, 300]


def test_full_training_on_other_data_is_no_reference():
    levels: list[dict[str, int]] = [{"level": 1}, {"level": 4}, {}]
    rows = [each for data in levels[1:] for each in pair("full", settings=data)]
    rows += [each for data in levels for each in pair("dm", settings={**data, "lr_images": 10.0})]
    found = [each for each in amplifications(rows) if each.biased.method == "dm"]
    assert [each.full and each.full.biased.settings for each in found] == [None, {"level": 4}, {}]


def test_naturally_biased_sets_are_cut():
    natural = row("dm", "vanilla", 0.6, dataset="celeba", conflict_ratio=None)
    cut = row("dm", "vanilla", 0.7, dataset="celeba", conflict_ratio=None, settings={"balanced": True})
    (found,) = amplifications([cut, natural])
    assert (found.unbiased, found.biased, found.cut) == (cut, natural, True)
    published = row("dm", "vanilla", 0.6, dataset="celeba", conflict_ratio=0.005)
    (found,) = amplifications([cut, published])
    assert (found.unbiased, found.biased, found.cut) == (cut, published, True)
    assert not amplifications(pair("dm"))[0].cut
    other = row("dm", "vanilla", dataset="celeba", conflict_ratio=None, settings={"lr_images": 10.0})
    assert amplifications([cut, other]) == []


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
        assert json.loads(line["settings"]) == each.biased.settings
    assert (lines[0]["ipc"], lines[0]["drop_minus_full"], lines[0]["drop_minus_full_std"]) == ("", "", "")
    assert lines[-1]["drop_std"] == ""
    assert lines[1]["drop_minus_full"] != ""
