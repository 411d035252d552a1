from fdd_lightning.report.style import COLOURS, colours, markers, panels
from tests.report.fake_rows import row


def test_colours_and_markers_are_one_each():
    rows = [row(m, w) for m in ("random", "dm", "mine", "yours", "full") for w in (*COLOURS, "my", "other")]
    assert len(set(colours(rows).values())) == 6
    assert len(set(markers(rows).values())) == 5
    assert colours(rows[:1]) == {"vanilla": COLOURS["vanilla"]}


def test_panels_are_told_apart():
    both = panels([row(), row(network="mlp"), row(conflict_ratio=None)])
    assert [p.title for p in both] == [
        "colored_digits, 10% bias-conflicting, convnet",
        "colored_digits, 10% bias-conflicting, mlp",
        "colored_digits, convnet",
    ]
