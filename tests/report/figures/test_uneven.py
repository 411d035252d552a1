"""Every figure of rows whose test set is uneven."""

from fdd_lightning.report.figures.accuracy_deo import AccuracyAgainstDEO
from fdd_lightning.report.figures.accuracy_hyperparameter import AccuracyAgainstHyperparameter
from fdd_lightning.report.figures.accuracy_ipc import AccuracyAgainstIPC
from fdd_lightning.report.figures.accuracy_with_bias import BiasAmplification
from tests.report.fake_rows import row


def test_charts_of_an_uneven_test_set_go_by_balanced_accuracy(tmp_path, drawn):
    cells: dict = {"cell_count": [[90, 3], [3, 90]], "cell_accuracy": [[0.9, 0.1], [0.3, 0.7]]}
    rows = [row(ipc=ipc, **cells) for ipc in (1, 10)] + [row(ipc=ipc, dataset="even") for ipc in (1, 10)]
    swept = [row("dm", "kde", settings={"weighting.variance": v}, **cells) for v in (0.01, 0.5, 1.0)]
    AccuracyAgainstIPC().draw(rows, tmp_path)
    AccuracyAgainstDEO().draw(rows, tmp_path)
    AccuracyAgainstHyperparameter().draw(swept, tmp_path)
    BiasAmplification().draw([row(conflict_ratio=c, **cells) for c in (None, 0.1)], tmp_path)
    ipc, deo, sweep, bias = drawn
    balanced = "balanced: mean accuracy over classes and groups (%)"
    for page in (ipc, deo):
        assert [ax.get_ylabel() for ax in page.axes] == [balanced, "accuracy (%)"]
        assert {y for line in page.axes[0].lines for y in line.get_ydata() if len(line.get_ydata()) == 2} == {50.0}
    assert sweep.axes[0].get_ylabel().replace("\n", " ") == balanced
    assert bias.axes[0].get_xlabel() == balanced
    assert "the mean over classes and groups" in (tmp_path / "amplification.md").read_text()
