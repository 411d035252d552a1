import itertools

from PIL import Image

from fdd_lightning.report.figures.accuracy_deo import AccuracyAgainstDEO
from tests.report.fake_rows import quickstart, row


def draw(rows, folder):
    return AccuracyAgainstDEO().draw(rows, folder)


def test_a_legend_names_every_row_and_tells_it_apart(tmp_path, drawn):
    crowded = [
        row(m, w, 0.8 + 0.01 * n, 0.2 - 0.01 * n, settings=s)
        for n, (m, w, s) in enumerate(
            itertools.product(("random", "dm"), ("vanilla", "kde", "fairdd", "barycenter"), ({}, {"lr_images": 10.0}))
        )
    ]
    for rows in (quickstart(), crowded):
        draw(rows, tmp_path)
        page = drawn.pop()
        (legend,) = page.legends
        assert len(legend.get_texts()) == len(rows)
        looks = {(handle.get_color(), handle.get_marker()) for handle in legend.legend_handles}
        assert len(looks) == len(rows)
        box, axes = (each.get_window_extent(page.canvas.get_renderer()) for each in (legend, page.axes[0]))
        assert axes.x1 <= box.x0
        assert box.x1 <= page.bbox.x1
        assert box.y0 >= 0


def test_points_stand_at_their_figures(tmp_path, drawn):
    rows = quickstart()
    draw(rows, tmp_path)
    (ax,) = drawn[0].axes
    points = {(round(x, 6), round(y, 6)) for line in ax.lines for x, y in line.get_xydata()}
    for each in rows:
        x, y = (round(100 * each.metrics[m].mean, 6) for m in ("deo_mean", "accuracy"))
        assert (x, y) in points
    low, high = ax.get_ylim()
    assert low < high  # accuracy up, unfairness to the right
    assert ax.get_xlim()[0] < ax.get_xlim()[1]


def test_panels_by_data_and_ratio(tmp_path, drawn):
    rows = [row("dm", w, dataset="cmnist", conflict_ratio=c) for c in (0.01, 0.02, 0.05) for w in ("vanilla", "kde")]
    draw(rows, tmp_path)
    axes = drawn[0].axes
    assert [ax.get_title(loc="left") for ax in axes] == [f"cmnist, {c}% bias-conflicting" for c in (1, 2, 5)]
    assert len({ax.get_xlim() for ax in axes}) == len({ax.get_ylim() for ax in axes}) == 1
    draw([*rows, row("dsa", dataset="cmnist")], tmp_path)
    assert [len(each.legends[0].get_texts()) for each in drawn] == [2, 3]
    # Where one look stands for two names, each panel has its own legend.
    draw([*rows, *(row("dm", "kde", dataset="b", settings={"steps": n}) for n in (1, 2))], tmp_path)
    assert drawn[2].legends == []
    assert [len(ax.get_legend().get_texts()) for ax in drawn[2].axes] == [2, 2, 2, 2]


def test_titles_do_not_overlap(tmp_path, drawn):
    long = {f"a_long_name_of_a_setting_{n}": n for n in range(3)}
    draw([row(eval_settings=long), row(eval_settings={**long, "epochs": 5})], tmp_path)
    renderer = drawn[0].canvas.get_renderer()
    one, other = (ax._left_title.get_window_extent(renderer) for ax in drawn[0].axes)
    assert one.x1 < other.x0


def test_pictures_are_written_whole_and_repeat(tmp_path):
    (path,) = draw(quickstart(), tmp_path)
    first = path.read_bytes()
    assert draw(quickstart(), tmp_path) == [path]
    assert path.read_bytes() == first
    assert Image.open(path).size[0] >= 1000
    assert [p.name for p in tmp_path.iterdir()] == ["accuracy_deo.png"]


def test_nothing_to_draw(tmp_path):
    nothing = row()
    nothing.metrics["deo_mean"] = None
    for rows in ([nothing], []):
        assert draw(rows, tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_of_a_sweep_only_the_presets_value_stands(tmp_path, drawn):
    rows = [row("dm", "vanilla", 0.2, 0.9), row("dm", "kde", 0.8, 0.2)]
    rows += [row("dm", "kde", 0.7, 0.3, settings={"weighting.variance": v}) for v in (0.01, 1.0)]
    draw(rows, tmp_path)
    assert len(drawn[0].legends[0].get_texts()) == 2
