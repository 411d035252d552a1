import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import fdd_lightning.report.figures as package
from fdd_lightning.artefacts.results import write_results
from fdd_lightning.command_line.report import report
from fdd_lightning.errors import ConfigError
from fdd_lightning.report import found_classes
from fdd_lightning.report.figures import all_figures, draw_all
from tests.report.fake_rows import by_size, quickstart

OWN = """
from fdd_lightning.report.figures import Figure

class Methods(Figure):
    files = ("methods_*.txt",)

    def draw(self, rows, folder):
        path = folder / f"methods_{len(rows)}.txt"
        path.write_text("\\n".join(row.method for row in rows))
        return [path] if rows else []

class NoFigure:
    pass
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's own, ``mine``."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path / "own")
    yield "mine.Methods"
    sys.modules.pop("mine", None)


def test_every_file_of_the_folder_has_a_figure(tmp_path):
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    figures = all_figures()
    assert len(figures) == len(files) >= 4
    patterns = [pattern for figure in figures for pattern in figure.files]
    assert len(set(patterns)) == len(patterns)
    for figure in figures:
        assert figure.draw([], tmp_path) == []
        for path in figure.draw(by_size(), tmp_path):
            assert path.is_file()
            assert any(path.match(pattern) for pattern in figure.files)


def test_what_no_longer_applies_is_removed(tmp_path):
    (tmp_path / "mine.png").touch()
    figures = all_figures()
    first = draw_all(figures, by_size(), tmp_path)
    assert {path.name for path in first} == {"accuracy_deo.png", "accuracy_ipc.png"}
    draw_all(figures, quickstart(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.png", "accuracy_deo.png"}
    assert draw_all(figures, [], tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"mine.png"}


def test_a_users_figure_by_class_path(tmp_path, own, capsys):
    write_results(tmp_path / "results.json", quickstart())
    assert report([str(tmp_path), f"--figures={own}", f"--output={tmp_path / 'out'}"]) == 0
    assert (tmp_path / "out" / "methods_9.txt").read_text().startswith("random\n")
    assert "methods_9.txt" in capsys.readouterr().out
    assert (tmp_path / "out" / "accuracy_deo.png").is_file()


def test_a_users_figure_by_entry_point(own, monkeypatch):
    entry = EntryPoint("methods", own.replace(".", ":"), package.GROUP)
    built_in = len(all_figures())
    monkeypatch.setattr(found_classes, "entry_points", lambda group: [entry] if group == entry.group else [])
    assert [type(figure).__name__ for figure in all_figures()[built_in:]] == ["Methods"]
    assert len(all_figures([own])) == len(all_figures())


def test_what_is_no_figure_is_refused(own):
    for path, words in (("mine.NoFigure", "mine.NoFigure is not a figure"), ("mine.Nothing", "cannot be imported")):
        with pytest.raises(ConfigError, match=words):
            all_figures([path])
