"""What a run came to, in words."""

import math
import statistics
from pathlib import Path

import pytest

from fdd_lightning.artefacts.results import MetricSummary
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.pages.parts import Bullets
from fdd_lightning.report.judgement import best_row, judgements, times_the_noise
from fdd_lightning.report.material import Report
from fdd_lightning.report.run_folders import RunFolder
from fdd_lightning.report.sections.in_short import InShort
from tests.report.fake_rows import row


def made(weighting, accuracy, conflict, *, method="dm", **more):
    """Return a recommended row of two sets and two networks, with exactly these figures."""
    figures = {"accuracy": accuracy, "conflict_accuracy": conflict}
    metrics = {
        name: MetricSummary.of([[value - 0.01, value - 0.01], [value + 0.01, value + 0.01]])
        for name, value in figures.items()
    }
    facts = {"seeds": (0, 1), "networks": 2, "metrics": metrics, "conflict_count": 100, "cell_count": [[500], [500]]}
    facts |= {"cell_accuracy": [[accuracy], [accuracy]], "variant": "recommended"}
    return row(method, weighting, **{**facts, **more})


def test_the_noise_is_that_of_sets_and_of_the_test_images():
    before, after = made("vanilla", 0.7, 0.28), made("vote", 0.68, 0.41)
    sets = statistics.variance([0.40, 0.42]) / 2 + statistics.variance([0.27, 0.29]) / 2
    images = 0.41 * 0.59 / 100 + 0.28 * 0.72 / 100
    assert times_the_noise(after, before, "conflict_accuracy") == pytest.approx(0.13 / math.sqrt(sets + images))
    one, other = (row(w, w, seeds=(0,), networks=3, cell_count=None) for w in ("kde", "vote"))
    nets = sum(statistics.variance(each.values("accuracy")[0]) / 3 for each in (one, other))
    difference = one.mean("accuracy") - other.mean("accuracy")
    assert times_the_noise(one, other, "accuracy") == pytest.approx(difference / math.sqrt(nets))


def test_a_correction_is_judged_by_the_images_that_go_against_the_bias():
    drawn = made("vote", 0.66, 0.40, method="random", variant="published")
    whole = made("vanilla", 0.9, 0.5, method="full", variant="published")
    rows = [drawn, made("vanilla", 0.70, 0.28), made("vote", 0.68, 0.48, signal="vote"), whole]
    assert judgements(rows) == [
        [
            "dm recommended vote (colored_digits, ipc 10, 10%)",
            "on images that go against the bias, 100 in the test: 28.0% right without the correction, 48.0% with it; "
            "2.9 times the noise, so it helps",
            "on all images: 70.0% without, 68.0% with it (where the test is as biased as the training, that rewards "
            "the bias)",
            "trained on all images instead of 10 of a class: 50.0% of these, 90.0% of all",
            "10 images of each class drawn in the same way: 40.0% of these, 66.0% of all; 1.1 times the noise from the "
            "distilled ones, which 2 sets cannot tell apart",
        ]
    ]
    assert best_row(rows) is rows[2]
    ((_, line, _),) = judgements([made("vanilla", 0.7, 0.28), made("vote", 0.7, 0.30, signal="vote")])
    assert "0.3 times the noise, so no effect is shown" in line
    ((_, line, _),) = judgements([made("vanilla", 0.7, 0.68), made("vote", 0.7, 0.30, signal="vote")])
    assert "so it does harm here: keep vanilla" in line
    ((_, line),) = judgements([made("vanilla", 0.7, 0.28), made("vote", 0.7, 0.28, signal="none")])
    assert "no shortcut was found, so no correction was applied" in line
    assert "this is no all-clear" in line


def test_sets_too_few_to_be_sure_prove_nothing():
    def of(*sets):
        return {name: MetricSummary.of([[v] for v in sets]) for name in ("accuracy", "conflict_accuracy")}

    before, after = made("vanilla", 0, 0, metrics=of(0.0, 0.2)), made("vote", 0, 0, metrics=of(1.0, 0.94))
    ((_, line, _),) = judgements([before, after])
    assert "7.9 times the noise, so it seems to help, but 2 sets are too few to be sure" in line
    found = Report([RunFolder(Path("nowhere"), RunResults([before, after]))])
    facts = next(part for part in InShort().parts(found) if isinstance(part, Bullets))
    assert "probably no chance, but 2 sets are too few to be sure" in facts.items[0]


def test_without_an_uncorrected_row_of_the_same_method_nothing_is_judged():
    assert judgements([row("dm", "vanilla"), row("dm", "fairdd"), made("vote", 0.7, 0.5)]) == []
