from fdd_lightning.report.figures.accuracy_ipc import AccuracyAgainstIPC
from tests.report.fake_rows import by_size, quickstart, row


def draw(rows, folder):
    return AccuracyAgainstIPC().draw(rows, folder)


def test_accuracy_against_ipc(tmp_path, drawn):
    rows = [*by_size(), row("full", "vanilla", 0.9, 0.1)]
    assert draw(rows, tmp_path) == [tmp_path / "accuracy_ipc.png"]
    (ax,) = drawn[0].axes
    assert list(ax.get_xticks()) == [1, 2, 10]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["1", "2", "10"]
    assert ax.get_xscale() == "log"
    assert {t.get_text() for t in drawn[0].legends[0].get_texts()} == {"random fairdd", "dm fairdd", "full"}


def test_one_size_is_no_chart(tmp_path):
    for rows in (quickstart(), quickstart()[:0]):
        assert draw(rows, tmp_path) == []
    assert not list(tmp_path.iterdir())
