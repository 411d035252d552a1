import subprocess
import sys

from fdd_lightning.report.summary import summarise
from tests.report.fake_rows import by_size, fake_set, quickstart, row


def test_everything_is_written_and_printed(tmp_path, capsys):
    folder = tmp_path / "runs" / "quickstart"
    written = summarise(folder, quickstart(), {"dm fairdd": fake_set(0)})
    assert [p.name for p in written] == ["table.md", "sets.png", "accuracy_deo.png"]
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in written)
    assert "barycenter" in capsys.readouterr().out
    assert "| barycenter |" in (folder / "table.md").read_text()


def test_pictures_that_no_longer_apply_are_removed(tmp_path):
    names = {p.name for p in summarise(tmp_path, by_size(), {"a": fake_set(0)})}
    assert names == {"table.md", "sets.png", "accuracy_deo.png", "accuracy_ipc.png"}
    assert {p.name for p in summarise(tmp_path, [row()])} == {"table.md", "accuracy_deo.png"}
    assert {p.name for p in tmp_path.iterdir()} == {"table.md", "accuracy_deo.png"}


def test_no_rows(tmp_path, capsys):
    assert summarise(tmp_path, []) == []
    assert capsys.readouterr().out == ""


def test_the_report_needs_no_lightning_and_no_window():
    code = (
        "import sys, fdd_lightning.report.summary;"
        "assert not {'lightning', 'pytorch_lightning', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
