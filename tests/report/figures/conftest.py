import pytest

from fdd_lightning.report import style


@pytest.fixture
def kept(monkeypatch):
    """Keep the axes of every figure that is drawn."""
    made = []
    original = style.figure

    def remember(*args):
        made.append(original(*args))
        return made[-1]

    for name in ("accuracy_deo", "accuracy_ipc"):
        monkeypatch.setattr(f"fdd_lightning.report.figures.{name}.figure", remember)
    return made
