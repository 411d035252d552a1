import pytest

from fdd_lightning.report import charts


@pytest.fixture
def drawn(monkeypatch):
    """Keep every page that is drawn."""
    pages = []

    def remember(page, path):
        pages.append(page)
        return charts.save(page, path)

    for name in ("accuracy_deo", "accuracy_ipc", "accuracy_hyperparameter", "accuracy_with_bias"):
        monkeypatch.setattr(f"fdd_lightning.report.figures.{name}.save", remember)
    return pages
