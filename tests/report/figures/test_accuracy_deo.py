import itertools

from matplotlib.text import Text
from PIL import Image

from fdd_lightning.report.figures import accuracy_deo
from fdd_lightning.report.figures.accuracy_deo import accuracy_against_deo
from tests.report.fake_rows import quickstart, row


def test_no_two_labels_overlap(tmp_path, kept):
    crowded = [
        row(m, w, 0.8 + 0.01 * n, 0.2 - 0.01 * n, settings=s)
        for n, (m, w, s) in enumerate(
            itertools.product(("random", "dm"), ("vanilla", "kde", "fairdd", "barycenter"), ({}, {"lr_images": 10.0}))
        )
    ]
    for rows in (quickstart(), crowded):
        accuracy_against_deo(rows, tmp_path / "x.png")
        made, axes = kept.pop()
        renderer = made.canvas.get_renderer()
        frame = axes[0].get_window_extent(renderer)
        names = [t for t in axes[0].texts if "better" not in t.get_text()]
        assert len(names) == len(rows)
        # An annotation's extent includes its line, a text's does not.
        boxes = [text_box(t, renderer) for t in names]
        for box in boxes:
            assert min(box.x0 - frame.x0, frame.x1 - box.x1, box.y0 - frame.y0, frame.y1 - box.y1) >= -1
        for one, other in itertools.combinations(boxes, 2):
            shared = (min(one.x1, other.x1) - max(one.x0, other.x0), min(one.y1, other.y1) - max(one.y0, other.y0))
            assert min(shared) <= 1


def text_box(annotation, renderer):
    annotation.update_positions(renderer)
    return Text.get_window_extent(annotation, renderer)


def test_points_stand_at_their_figures(tmp_path, kept):
    rows = quickstart()
    accuracy_against_deo(rows, tmp_path / "x.png")
    (ax,) = kept[0][1]
    drawn = {(round(x, 6), round(y, 6)) for line in ax.lines for x, y in line.get_xydata()}
    for each in rows:
        x, y = (round(100 * each["metrics"][m]["mean"], 6) for m in ("deo_mean", "accuracy"))
        assert (x, y) in drawn
    low, high = ax.get_ylim()
    assert low < high  # accuracy up, unfairness to the right
    assert ax.get_xlim()[0] < ax.get_xlim()[1]


def test_panels_by_data_and_ratio(tmp_path, kept):
    rows = [row("dm", w, dataset="cmnist", conflict_ratio=c) for c in (0.01, 0.02, 0.05) for w in ("vanilla", "kde")]
    accuracy_against_deo(rows, tmp_path / "x.png")
    axes = kept[0][1]
    assert [ax.get_title(loc="left") for ax in axes] == [f"cmnist, {c}% bias-conflicting" for c in (1, 2, 5)]
    assert len({ax.get_xlim() for ax in axes}) == len({ax.get_ylim() for ax in axes}) == 1


def test_pictures_are_written_whole_and_repeat(tmp_path):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    for path in (one, two):
        assert accuracy_against_deo(quickstart(), path) == path
    assert one.read_bytes() == two.read_bytes()
    assert Image.open(one).size[0] >= 1000
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_nothing_to_draw(tmp_path):
    nothing = row()
    nothing["metrics"]["deo_mean"] = None
    for rows in ([nothing], []):
        assert accuracy_against_deo(rows, tmp_path / "x.png") is None
        assert accuracy_deo.draw(rows, tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_of_a_sweep_only_the_presets_value_stands(tmp_path, kept):
    rows = [row("dm", "vanilla", 0.2, 0.9), row("dm", "kde", 0.8, 0.2)]
    rows += [row("dm", "kde", 0.7, 0.3, settings={"weighting.variance": v}) for v in (0.01, 1.0)]
    accuracy_against_deo(rows, tmp_path / "x.png")
    _, axes = kept.pop()
    assert len([t for t in axes[0].texts if "better" not in t.get_text()]) == 2
