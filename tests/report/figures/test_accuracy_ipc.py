from fdd_lightning.report.figures import accuracy_ipc
from fdd_lightning.report.figures.accuracy_ipc import accuracy_against_ipc
from tests.report.fake_rows import by_size, quickstart, row


def test_accuracy_against_ipc(tmp_path, kept):
    rows = [*by_size(), row("full", "vanilla", 0.9, 0.1)]
    assert accuracy_against_ipc(rows, tmp_path / "x.png") == tmp_path / "x.png"
    (ax,) = kept[0][1]
    assert list(ax.get_xticks()) == [1, 2, 10]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "10"]
    assert ax.get_xscale() == "log"
    assert {t.get_text() for t in ax.texts} == {"random fairdd", "dm fairdd", "full"}


def test_one_size_is_no_chart(tmp_path):
    for rows in (quickstart(), quickstart()[:0]):
        assert accuracy_against_ipc(rows, tmp_path / "x.png") is None
        assert accuracy_ipc.draw(rows, tmp_path) == []
    assert not list(tmp_path.iterdir())
