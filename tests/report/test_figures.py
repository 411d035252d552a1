import itertools

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.text import Text
from PIL import Image

from fdd_lightning import SyntheticSet
from fdd_lightning.report import figures
from fdd_lightning.report.figures import accuracy_against_deo, accuracy_against_ipc, sets_side_by_side
from fdd_lightning.report.placement import beside_points, spread
from fdd_lightning.report.style import COLOURS, colours, figure, markers, panels
from tests.report.fake_rows import quickstart, row


def fake_set(seed, ipc=3, names=("zero", "one")):
    images = torch.rand(len(names) * ipc, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    facts = {"class_names": list(names), "image_shape": [3, 8, 8], "mean": [0.0] * 3, "std": [1.0] * 3}
    return SyntheticSet(images, torch.arange(len(names)).repeat_interleave(ipc), facts)


def by_size():
    return [row(m, "fairdd", 0.2 + 0.05 * ipc, 0.5, ipc=ipc) for m in ("random", "dm") for ipc in (1, 2, 10)]


@pytest.fixture
def kept(monkeypatch):
    """Keep the axes of every figure that is drawn."""
    made = []

    def remember(*args):
        made.append(figure(*args))
        return made[-1]

    monkeypatch.setattr(figures, "figure", remember)
    return made


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
    path = tmp_path / "x.png"
    assert accuracy_against_deo([nothing], path) is None
    assert accuracy_against_deo([], path) is None
    assert accuracy_against_ipc(quickstart(), path) is None
    assert accuracy_against_ipc([], path) is None
    assert sets_side_by_side({}, path) is None
    assert not path.exists()


def test_accuracy_against_ipc(tmp_path, kept):
    rows = [*by_size(), row("full", "vanilla", 0.9, 0.1)]
    assert accuracy_against_ipc(rows, tmp_path / "x.png") == tmp_path / "x.png"
    (ax,) = kept[0][1]
    assert list(ax.get_xticks()) == [1, 2, 10]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "10"]
    assert ax.get_xscale() == "log"
    assert {t.get_text() for t in ax.texts} == {"random fairdd", "dm fairdd", "full"}


def test_panels_by_data_and_ratio(tmp_path, kept):
    rows = [row("dm", w, dataset="cmnist", conflict_ratio=c) for c in (0.01, 0.02, 0.05) for w in ("vanilla", "kde")]
    accuracy_against_deo(rows, tmp_path / "x.png")
    axes = kept[0][1]
    assert [ax.get_title(loc="left") for ax in axes] == [f"cmnist, {c}% bias-conflicting" for c in (1, 2, 5)]
    assert len({ax.get_xlim() for ax in axes}) == len({ax.get_ylim() for ax in axes}) == 1
    both = panels([row(), row(network="mlp"), row(conflict_ratio=None)])
    assert [p.title for p in both] == [
        "colored_digits, 10% bias-conflicting, convnet",
        "colored_digits, 10% bias-conflicting, mlp",
        "colored_digits, convnet",
    ]


def test_colours_and_markers_are_one_each():
    rows = [row(m, w) for m in ("random", "dm", "mine", "yours", "full") for w in (*COLOURS, "my", "other")]
    assert len(set(colours(rows).values())) == 6
    assert len(set(markers(rows).values())) == 5
    assert colours(rows[:1]) == {"vanilla": COLOURS["vanilla"]}


def test_spread():
    assert spread([5.0, 1.0], 1, 0, 10) == [5, 1]
    assert spread([5.0, 5.0], 2, 0, 10) == [4, 6]
    assert spread([0.0, 0.0], 2, 0, 10) == [0, 2]
    assert spread([10.0, 10.0, 9.9], 2, 0, 10) == pytest.approx([8, 10, 6])
    assert spread([], 1, 0, 1) == []
    rng = np.random.default_rng(0)
    for _ in range(50):
        wanted = rng.uniform(0, 10, size=6).tolist()
        found = spread(wanted, 1.5, 0, 10)
        order = np.argsort(wanted, kind="stable")
        gaps = np.diff(np.array(found)[order])
        assert gaps.min() >= 1.5 - 1e-9
        assert min(found) >= -1e-9
        assert max(found) <= 10 + 1e-9


def test_labels_need_an_agg_figure():
    with pytest.raises((TypeError, AttributeError)):
        beside_points(Axes.__new__(Axes), [(0, 0)], ["x"], ["k"])


def test_sets_are_shown_pixel_by_pixel(tmp_path):
    one, two = fake_set(0), fake_set(1)
    path = tmp_path / "sets.png"
    assert sets_side_by_side({"dm vanilla": one, "dm fairdd": two}, path) == path
    page = np.asarray(Image.open(path).convert("RGB"))
    for each in (one, two):
        image = (each.tensors(clamp=True)[0][4] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        tile = image.repeat(4, 0).repeat(4, 1)
        windows = np.lib.stride_tricks.sliding_window_view(page, tile.shape)[:, :, 0]
        corner = (windows[:, :, 0, 0] == tile[0, 0]).all(-1)
        places = [p for p in np.argwhere(corner) if (windows[tuple(p)] == tile).all()]
        assert len(places) == 1


def test_sets_of_several_sizes_and_classes(tmp_path):
    many = {f"set number {n} with a rather long name": fake_set(n, ipc=12) for n in range(9)}
    sets_side_by_side(many, tmp_path / "many.png")
    page = Image.open(tmp_path / "many.png")
    assert page.size[0] <= 1600
    mixed = {"a": fake_set(0), "b": fake_set(1, ipc=1, names=("x", "y", "z"))}
    assert sets_side_by_side(mixed, tmp_path / "mixed.png") == tmp_path / "mixed.png"
