import itertools

from fdd_lightning.report.figures.accuracy_hyperparameter import AccuracyAgainstHyperparameter
from tests.report.fake_rows import quickstart, row


def swept(values=(0.01, 0.05, 0.5, 1.0), key="weighting.variance", method="dm", weighting="kde", settings=None, **more):
    return [
        row(method, weighting, 0.5 + 0.05 * n, 0.5, settings={**(settings or {}), key: value}, **more)
        for n, value in enumerate(values)
    ]


def draw(rows, folder):
    return AccuracyAgainstHyperparameter().draw(rows, folder)


def names(figure):
    return {text.get_text() for text in figure.legends[0].get_texts()}


def test_a_picture_for_each_setting(tmp_path, drawn):
    rows = [row("dm", "vanilla", 0.2, 0.9), row("dm", "kde"), *swept(), *swept((1, 2, 3), "weighting.cap")]
    written = draw(rows, tmp_path)
    assert [path.name for path in written] == ["sweep_weighting.variance.png", "sweep_weighting.cap.png"]
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert all(any(path.match(pattern) for pattern in AccuracyAgainstHyperparameter.files) for path in written)
    variance, cap = (figure.axes for figure in drawn)
    assert [ax.get_xscale() for ax in (*variance, *cap)] == ["log", "log", "linear", "linear"]
    assert variance[0].get_xlabel() == "weighting.variance"
    assert variance[0].get_title(loc="left") == "colored_digits, 10% bias-conflicting"
    assert list(variance[0].get_xticks()) == [0.01, 0.05, 0.1, 0.5, 1.0]
    first = written[0].read_bytes()
    draw(rows, tmp_path)
    assert written[0].read_bytes() == first


def test_lines_stand_at_their_figures(tmp_path, drawn):
    plain = row("dm", "vanilla", 0.2, 0.9)
    rows = [plain, *swept()]
    draw(rows, tmp_path)
    for ax, metric in zip(drawn[0].axes, ("accuracy", "deo_mean"), strict=True):
        points = {(round(x, 6), round(y, 6)) for line in ax.lines for x, y in line.get_xydata()}
        for each in rows[1:]:
            expected = 100 * each.metrics[metric].mean
            assert (each.settings["weighting.variance"], round(expected, 6)) in points
        level = 100 * plain.metrics[metric].mean
        assert any(line.get_linestyle() == "--" and set(line.get_ydata()) == {level} for line in ax.lines)
    assert names(drawn[0]) == {"dm kde", "dm vanilla"}


def test_nothing_to_draw(tmp_path):
    broken = swept((0.1, 0.2, 0.3))
    broken[0].metrics["accuracy"] = None
    for rows in (broken[:0], quickstart(), swept((0.1, 0.2)), broken):
        assert draw(rows, tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_without_groups_there_is_one_chart(tmp_path, drawn):
    rows = swept()
    for each in rows:
        each.metrics["deo_mean"] = None
    draw(rows, tmp_path)
    assert [ax.get_ylabel() for ax in drawn[0].axes] == ["accuracy (%)"]
    rows[0].metrics["deo_mean"] = row().metrics["deo_mean"]
    draw(rows, tmp_path)
    assert len(drawn[1].axes[1].lines[0].get_xdata()) == 1


def test_labels_tell_lines_apart(tmp_path, drawn):
    draw([*swept(), *swept(settings={"lr_images": 10.0}), *swept(ipc=50)], tmp_path)
    assert names(drawn[0]) == {"dm kde, ipc 10", "dm kde (lr_images=10), ipc 10", "dm kde, ipc 50"}
    level = row("dm", "vanilla", settings={"iterations": 7})
    draw([level, *swept((1, 2, 3), "iterations")], tmp_path)
    assert names(drawn[1]) == {"dm kde", "dm vanilla, at 7"}


def test_many_lines_have_a_legend_and_looks_of_their_own(tmp_path, drawn):
    rows = []
    for method, weighting, lr in itertools.product(("dm", "random", "dsa"), ("kde", "group_kde"), (1.0, 10.0)):
        rows += swept(method=method, weighting=weighting, settings={"lr_images": lr}, dataset="cmnist")
    draw([*rows, row("dm", "vanilla", dataset="cmnist"), *swept(dataset="bffhq")], tmp_path)
    axes = drawn[0].axes
    legend = axes[1].get_legend()
    assert axes[0].get_legend() is None
    assert len(legend.get_texts()) == 13
    looks = [(handle.get_color(), handle.get_marker()) for handle in legend.legend_handles]
    assert len(set(looks)) == 13
    assert [text.get_text() for text in axes[3].get_legend().get_texts()] == ["dm kde"]
    renderer = drawn[0].canvas.get_renderer()
    assert legend.get_window_extent(renderer).x1 <= drawn[0].bbox.x1
    ticks = [label.get_window_extent(renderer) for label in axes[0].get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(ticks))
    assert len({ax.get_xlim() for ax in axes}) == len({ax.get_ylim() for ax in axes[::2]}) == 1
