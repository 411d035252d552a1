"""What the report says of metrics is what their classes say."""

import subprocess
import sys

import pytest
from torch import Tensor

from fdd_lightning.artefacts.results import MetricSummary
from fdd_lightning.metrics import BUILT_IN, ON_REQUEST, GroupCounts
from fdd_lightning.report.metrics import METRICS, all_metrics_of, metrics_of
from fdd_lightning.report.results_table import content_of
from tests.report.fake_rows import row


@pytest.mark.parametrize("metric", [*BUILT_IN, *ON_REQUEST])
def test_the_table_says_what_the_class_says(metric):
    shown = METRICS[metric.name]
    assert (shown.heading, shown.higher_is_better) == (metric.heading, metric.higher_is_better)


def test_there_are_no_others():
    assert set(METRICS) == {metric.name for metric in (*BUILT_IN, *ON_REQUEST)}


class Wrong(GroupCounts):
    """Images that are classified wrongly."""

    name, heading, higher_is_better = "wrong_images", "wrong", False

    def compute(self) -> Tensor:
        return self.counts.sum() - self.cell_correct().sum()


def test_a_metric_of_ones_own_has_its_heading():
    measured = row()
    measured.metrics |= {name: MetricSummary.of([[0.5] * 3]) for name in ("wrong_images", "unheard_of")}
    content = content_of([measured])
    headings = [column.heading for column in content.columns]
    assert "wrong" in headings
    assert "unheard_of" in headings
    assert "wrong: (lower is better)" in " ".join(content.caption)


def test_built_in_metrics_are_shown_without_torchmetrics():
    code = (
        "import sys; from fdd_lightning.report.formats.md import markdown; from tests.report.fake_rows import row;"
        "markdown([row()]); assert 'torchmetrics' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_tables_stay_narrow():
    measured = row()
    measured.metrics |= {name: MetricSummary.of([[0.5] * 3]) for name in ("calibration_error", "demographic_parity")}
    assert {*all_metrics_of([measured])} - {*metrics_of([measured])} == {"calibration_error", "demographic_parity"}
    assert not {"ECE", "DP"} & {column.heading for column in content_of([measured]).columns}
