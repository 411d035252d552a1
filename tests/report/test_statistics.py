import math
import random
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fdd_lightning.artefacts.results import MetricSummary
from fdd_lightning.report.statistics import NETWORKS, SETS, Interval, difference, interval, spread
from tests.report.fake_rows import row

T_975 = {1: 12.7062, 2: 4.30265, 3: 3.18245, 4: 2.77645, 5: 2.57058}
"""The quantile of Student's t by degrees of freedom, as any table of it has it."""

NINE = [[0.80, 0.82, 0.84], [0.70, 0.75, 0.74], [0.79, 0.75, 0.80]]


def with_values(values, metric="accuracy", **more):
    """A row with these values of one metric."""
    one = row(networks=len(values[0]), seeds=more.pop("seeds", range(len(values))), **more)
    return replace(one, metrics={**one.metrics, metric: MetricSummary.of(values)})


def sure_interval(values):
    found = interval(values)
    assert found is not None
    return found


def sure_difference(one, other, metric):
    found = difference(one, other, metric)
    assert found is not None
    return found


def sample_std(values):
    mean = sum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def test_the_spread_over_each_kind_of_seed():
    means = [sum(line) / 3 for line in NINE]
    inside = sum((v - mean) ** 2 for line, mean in zip(NINE, means, strict=True) for v in line) / 6
    assert spread(NINE).sets == pytest.approx(sample_std(means))
    assert spread(NINE).networks == pytest.approx(math.sqrt(inside))
    one_set, one_network = spread([[0.5, 0.7]]), spread([[0.5], [0.7]])
    assert one_set.sets is None
    assert one_set.networks == pytest.approx(math.sqrt(0.02))
    assert one_network.networks is None
    assert one_network.sets == pytest.approx(math.sqrt(0.02))
    assert spread([[0.5, None], [None, None], [0.7, 0.8]]).sets == pytest.approx(sample_std([0.5, 0.75]))


def test_an_interval_rests_on_the_means_of_the_sets():
    means = [sum(line) / 3 for line in NINE]
    half = T_975[2] * sample_std(means) / math.sqrt(3)
    found = sure_interval(NINE)
    assert (found.low, found.high) == pytest.approx((sum(means) / 3 - half, sum(means) / 3 + half), abs=1e-5)
    assert found.over == SETS


def test_with_one_set_it_rests_on_its_networks_and_says_so():
    half = T_975[2] * sample_std(NINE[0]) / math.sqrt(3)
    found = sure_interval(NINE[:1])
    assert (found.low, found.high) == pytest.approx((0.82 - half, 0.82 + half), abs=1e-5)
    assert found.over == NETWORKS
    assert interval([[0.5]]) is None
    assert interval([[None], [0.5]]) is None
    assert interval([[0.5], [0.5]]) == Interval(0.5, 0.5)


def test_rows_with_equal_seeds_are_compared_seed_by_seed():
    one, other = with_values(NINE), with_values([[v - 0.05 for v in NINE[0]], NINE[1], NINE[2]], weighting="kde")
    found = sure_difference(one, other, "accuracy")
    gaps = [0.05, 0, 0]
    mean, half = 0.05 / 3, T_975[2] * sample_std(gaps) / math.sqrt(3)
    assert found.paired
    assert not found.significant
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - half, mean + half), abs=1e-5)
    turned = with_values(NINE[::-1], seeds=(2, 1, 0), weighting="kde")
    assert sure_difference(one, turned, "accuracy").mean == pytest.approx(0)


def test_others_are_compared_by_welchs_t():
    a, b = [sum(line) / 3 for line in NINE], [0.5, 0.52]
    other = with_values([[v] * 3 for v in b], seeds=(7, 8), weighting="kde")
    one = sample_std(a) ** 2 / 3
    two = sample_std(b) ** 2 / 2
    freedom = (one + two) ** 2 / (one**2 / 2 + two**2 / 1)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(one + two)
    found = sure_difference(with_values(NINE), other, "accuracy")
    mean = sum(a) / 3 - 0.51
    assert not found.paired
    assert found.significant
    assert (found.mean, found.low, found.high) == pytest.approx((mean, mean - half, mean + half))


@pytest.mark.parametrize("more", [{"seeds": (0, 1, 3)}, {"settings": {"seed": 1}}, {"dataset": "cmnist"}])
def test_another_seed_of_either_kind_or_other_data_is_no_pair(more):
    assert not sure_difference(with_values(NINE), with_values(NINE, weighting="kde", **more), "accuracy").paired


def test_rows_of_one_set_are_compared_by_their_networks():
    one, other = with_values(NINE[:1]), with_values(NINE[1:2], weighting="kde")
    found = sure_difference(one, other, "accuracy")
    assert (found.paired, found.over) == (True, NETWORKS)
    whole = with_values(NINE[:1], method="full", weighting="vanilla", seeds=())
    assert sure_difference(with_values(NINE), whole, "accuracy").over == NETWORKS
    assert not sure_difference(with_values(NINE), whole, "accuracy").paired


def test_what_does_not_vary_or_does_not_exist():
    same = sure_difference(with_values(NINE), with_values(NINE, weighting="kde"), "accuracy")
    assert (same.mean, same.low, same.high, same.significant) == (0, 0, 0, False)
    moved = sure_difference(with_values(NINE), with_values([[v - 0.1 for v in line] for line in NINE]), "accuracy")
    assert moved.significant
    assert difference(with_values(NINE), with_values(NINE), "no such metric") is None
    assert difference(with_values([[0.5]]), with_values([[0.6]]), "accuracy") is None


def sets_with_networks(draw, sets, networks):
    """Accuracies whose truth is 0.8: sets vary by three points, networks on each of them by one."""
    return [[draw.gauss(mean, 0.01) for _ in range(networks)] for mean in (draw.gauss(0.8, 0.03) for _ in range(sets))]


def test_coverage_at_three_sets_and_three_networks():
    draw = random.Random(0)
    drawn = [sets_with_networks(draw, 3, 3) for _ in range(2000)]
    found = [sure_interval(values) for values in drawn]
    held = sum(each.low <= 0.8 <= each.high for each in found) / len(found)
    assert 0.935 < held < 0.965

    def share(low, high):
        return np.mean((low <= 0.8) & (high >= 0.8))

    # What would not do: all nine networks as if they were independent, and the bootstrap of three means.
    all_nine = np.array(drawn).reshape(2000, 9)
    naive = stats.ttest_1samp(all_nine, 0, axis=1).confidence_interval(0.95)
    assert share(naive.low, naive.high) < 0.8
    means = np.array(drawn[:500]).mean(2)
    resampled = stats.bootstrap(
        (means,), np.mean, axis=1, method="percentile", n_resamples=999, rng=np.random.default_rng(0)
    ).confidence_interval
    assert share(resampled.low, resampled.high) < 0.8


def test_how_often_rows_that_do_not_differ_are_told_apart():
    draw = random.Random(1)
    told = {False: 0, True: 0}
    for _ in range(600):
        shared = [draw.gauss(0, 0.03) for _ in range(3)]  # rows of equal seeds have luck in common
        one, other = ([[0.8 + luck + draw.gauss(0, 0.01)] for luck in shared] for _ in range(2))
        told[True] += sure_difference(with_values(one), with_values(other), "accuracy").significant
        far = with_values(sets_with_networks(draw, 3, 1), seeds=(7, 8, 9))
        told[False] += sure_difference(with_values(one), far, "accuracy").significant
    assert 0.03 < told[True] / 600 < 0.07
    assert told[False] / 600 < 0.07
