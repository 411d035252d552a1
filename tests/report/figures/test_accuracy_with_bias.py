import itertools

import pytest

from fdd_lightning.report.bias_amplification import amplifications
from fdd_lightning.report.figures.accuracy_with_bias import BiasAmplification
from tests.report.fake_rows import pair, quickstart, row


def draw(rows, folder):
    return BiasAmplification().draw(rows, folder)


def rows():
    return [*pair("dm"), *pair("full", unbiased=0.95, biased=0.9), *pair("dm", "kde", 0.9, 0.88)]


def test_picture_and_tables(tmp_path):
    written = draw(rows(), tmp_path)
    assert [path.name for path in written] == list(BiasAmplification.files)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(BiasAmplification.files)
    first = written[0].read_bytes()
    draw(rows(), tmp_path)
    assert written[0].read_bytes() == first


def test_without_twins_nothing_is_drawn(tmp_path):
    assert draw(quickstart(), tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_bars_stand_at_their_figures(tmp_path, drawn):
    draw(rows(), tmp_path)
    left, right = drawn[0].axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["full", "dm vanilla", "dm kde"]
    assert left.get_ylim()[0] > left.get_ylim()[1]  # the first on top
    found = amplifications(rows())
    widths = [bar.get_width() for bar in left.patches]
    expected = [each.clean.mean for each in found] + [each.tainted.mean for each in found]
    assert widths == pytest.approx([100 * mean for mean in expected])
    assert [bar.get_width() for bar in right.patches] == pytest.approx([100 * e.excess.mean for e in found if e.excess])
    low, high = right.get_xlim()
    assert low < 0 < high
    texts = [text.get_text() for text in left.texts]
    assert f"{100 * found[1].drop.mean:.1f} ± {100 * (found[1].drop.std or 0):.1f}" in texts


def test_panels_without_full_training(tmp_path, drawn):
    several = [*rows(), *pair("dm", dataset="bffhq")]
    draw(several, tmp_path)
    assert [ax.get_title(loc="left") for ax in drawn[0].axes[::2]] == [
        "colored_digits, 5% bias-conflicting",
        "bffhq, 5% bias-conflicting",
    ]
    assert [text.get_text() for text in drawn[0].axes[3].texts] == ["no full training\nto compare with"]
    draw(pair("dm"), tmp_path)
    assert len(drawn[1].axes) == 1


def test_no_text_overlaps_or_is_cut(tmp_path, drawn):
    long = {"lr_images": 10.0, "weighting.normaliser": "median_cap", "surrogate.network.width": 32, "steps": 20}
    many = [*rows(), *pair("dm", "kde", settings=long), *pair("dm", "kde", settings={**long, "steps": 1}, ipc=50)]
    many += [each for n in range(12) for each in pair(f"method{n}", dataset="b", unbiased=0.5, biased=0.6)]
    draw(many, tmp_path)
    figure = drawn[0]
    renderer = figure.canvas.get_renderer()
    shown = [
        text
        for ax in figure.axes
        for text in (*ax.texts, *ax.get_yticklabels(), ax.title, ax._left_title, ax.xaxis.label, *figure.legends)
        if not hasattr(text, "get_text") or (text.get_text() and text.get_visible() and ax.get_subplotspec())
    ]
    hidden = {id(label) for ax in figure.axes[1::2] for label in ax.get_yticklabels()}
    boxes = [text.get_window_extent(renderer) for text in dict.fromkeys(shown) if id(text) not in hidden]
    for box in boxes:
        assert min(box.x0, box.y0, figure.bbox.x1 - box.x1, figure.bbox.y1 - box.y1) >= -1
    for one, other in itertools.combinations(boxes, 2):
        shared = (min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0))
        assert min(shared) <= 1


def test_names_tell_sizes_apart(tmp_path, drawn):
    both = [each for ipc in (1, 10) for each in pair("dm", ipc=ipc)]
    draw([*both, row("full", "vanilla", 0.9)], tmp_path)
    assert [label.get_text() for label in drawn[0].axes[0].get_yticklabels()] == [
        "dm vanilla, ipc 1",
        "dm vanilla, ipc 10",
    ]
