import itertools
import math
import subprocess
import sys

import pytest

from fdd_lightning.report.hyperparameter_sweeps import sweeps, value_of
from tests.report.fake_rows import quickstart, row

VARIANCE = "weighting.variance"


def swept(key=VARIANCE, values=(0.01, 0.1, 1.0), method="dm", weighting="kde", settings=None, **more):
    return [row(method, weighting, settings={**(settings or {}), key: value}, **more) for value in values]


def literal(rows, key):
    """Say again, slowly, which rows differ in a setting alone that all of them name."""
    found = []
    for first in rows:
        family = {}
        for other in rows:
            alike = all(vars(first)[k] == vars(other)[k] for k in vars(first) if k not in ("settings", "metrics"))
            one, two = dict(first.settings), dict(other.settings)
            if alike and one.pop(key, None) is not None and two.pop(key, None) is not None and one == two:
                family[other.settings[key]] = id(other)
        if len(family) >= 3:
            found.append(tuple(family[value] for value in sorted(family)))
    return set(found)


def test_against_a_loop():
    grid = itertools.product((0.5, 1.5, 9.0, 2.0), (1, 2, 3, 4), ("kde", "group_kde"), (1, 10))
    rows = [
        row("dm", w, ipc=ipc, settings={"my.a": a, "my.b": b, "weighting.normaliser": "cap"}) for a, b, w, ipc in grid
    ]
    rows = [each for number, each in enumerate(rows) if number % 5 != 2]
    found = sweeps(rows)
    assert set(found) == {"my.a", "my.b"}
    for key, families in found.items():
        ours = [tuple(map(id, family.rows)) for family in families]
        assert len(set(ours)) == len(ours) >= 10
        assert set(ours) == literal(rows, key)
        for family in families:
            assert list(family.values) == sorted(family.values) == [each.settings[key] for each in family.rows]


def test_two_values_are_no_sweep():
    assert sweeps([*swept(values=(0.01, 1.0)), *swept(values=(0.5,), ipc=1), *quickstart()]) == {}
    assert sweeps([]) == {}


def test_a_row_without_the_setting_has_the_preset_s():
    plain = row("dm", "kde")
    (family,) = sweeps([plain, *swept(values=(1.0, 0.01))])[VARIANCE]
    assert family.values == (0.01, 0.1, 1.0)
    assert family.rows[1] is plain
    assert value_of(plain, "weighting.cap") == 1.5
    assert value_of(row("dm", "vanilla"), "iterations") == 20000
    assert value_of(row("dm", "kde", settings={"encoder": "supcon_small"}), "steps") == 40
    assert value_of(row("mtt", "barycenter"), "experts.epochs") == 50


def test_what_the_menu_does_not_tell_is_left_out():
    assert value_of(row("dm", "vanilla"), VARIANCE) is None
    assert value_of(row("dm", "mine"), VARIANCE) is None
    assert value_of(row("mine", "kde"), "iterations") is None
    assert value_of(row("dm", "vanilla"), "steps") is None  # no encoder
    assert value_of(row("dm", "kde", settings={"surrogate": "my.Surrogate"}), "surrogate.network.width") is None
    assert sweeps([row("dm", "mine"), *swept(weighting="mine", values=(1.0, 0.01))]) == {}


@pytest.mark.parametrize("value", [True, None, "0.1", math.inf, [1, 2]])
def test_only_numbers_are_swept(value):
    assert value_of(row(settings={"x": value}), "x") is None


def test_seeds_are_not_swept():
    for key in ("seed", "classifier.seed"):
        assert sweeps(swept(key, (1, 2, 3))) == {}


def test_of_equal_rows_the_broadest_counts():
    rows = [*swept(), *swept(values=(0.1,), networks=9)]
    (family,) = sweeps(rows)[VARIANCE]
    assert family.rows[1] is rows[-1]


def test_the_level_to_compare_with_is_the_most_alike():
    levels = [
        row("dm", "vanilla", settings={"lr_images": 10.0}),
        row("dm", "vanilla"),
        row("dm", "vanilla", ipc=1),
        row("random", "vanilla"),
    ]
    rows = [*levels, *swept(), *swept(settings={"lr_images": 10.0}), *swept(method="dsa"), *swept(ipc=1)]
    assert [family.vanilla for family in sweeps(rows)[VARIANCE]] == [levels[1], levels[0], None, levels[2]]
    learned = row("dm", "vanilla", eval_settings={"lr": "learned"})
    assert sweeps([learned, *swept()])[VARIANCE][0].vanilla is learned


def test_a_sweep_without_weighting_is_no_level():
    rows = [*swept("iterations", (1, 2, 3), weighting="vanilla"), *swept("iterations", (1, 2, 3))]
    assert [family.vanilla for family in sweeps(rows)["iterations"]] == [None, None]


def test_no_lightning_is_needed():
    code = (
        "import sys, fdd_lightning.report.hyperparameter_sweeps;"
        "assert not {'lightning', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
