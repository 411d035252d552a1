import subprocess
import sys

from fdd_lightning.artefacts.run_results import Failure, RunResults
from fdd_lightning.report.summary import print_summary, write_summary
from tests.report.fake_rows import by_size, fake_set, quickstart, row


def test_everything_is_written_and_printed(tmp_path, capsys):
    folder = tmp_path / "runs" / "quickstart"
    written = write_summary(folder, RunResults(quickstart()), {"dm fairdd": fake_set(0)})
    print_summary(quickstart())
    assert [p.name for p in written] == ["table.md", "sets.png", "accuracy_deo.png"]
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in written)
    assert "barycenter" in capsys.readouterr().out
    assert "| barycenter |" in (folder / "table.md").read_text()


def test_pictures_that_no_longer_apply_are_removed(tmp_path):
    names = {p.name for p in write_summary(tmp_path, RunResults(by_size()), {"a": fake_set(0)})}
    assert names == {"table.md", "sets.png", "accuracy_deo.png", "accuracy_ipc.png"}
    assert {p.name for p in write_summary(tmp_path, RunResults([row()]))} == {"table.md", "accuracy_deo.png"}
    assert {p.name for p in tmp_path.iterdir()} == {"table.md", "accuracy_deo.png"}


def test_the_table_of_an_unfinished_run_says_so_and_pictures_may_wait(tmp_path):
    results = RunResults(quickstart()[:2], 4, [Failure({}, "distill dm", "not finite")])
    assert [path.name for path in write_summary(tmp_path, results, pictures=False)] == ["table.md"]
    assert (tmp_path / "table.md").read_text().startswith("2 of 4 rows, 1 failed\n\n")
    write_summary(tmp_path, RunResults(quickstart()[:2], 2))
    assert not (tmp_path / "table.md").read_text().startswith("2 of")


def test_no_rows(tmp_path, capsys):
    assert write_summary(tmp_path, RunResults([], planned=2)) == []
    print_summary([])
    assert capsys.readouterr().out == ""


def test_the_report_needs_no_lightning_and_no_window():
    code = (
        "import sys, fdd_lightning.report.summary;"
        "assert not {'lightning', 'pytorch_lightning', 'matplotlib.pyplot'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
