"""Bias amplification as tables: Markdown for people, CSV for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from fdd_lightning.artefacts.results import Row
from fdd_lightning.report.amplification import Amplification, Estimate
from fdd_lightning.report.columns import NOTHING, Column, Content, identity_columns
from fdd_lightning.report.table import as_markdown

KEYS = ("dataset", "conflict_ratio", "method", "weighting", "ipc", "network", "trainer", "preset")
"""Columns of the CSV file that are a row's own keys."""
FIGURES = (
    "accuracy_unbiased",
    "accuracy_unbiased_std",
    "accuracy_biased",
    "accuracy_biased_std",
    "drop",
    "drop_std",
    "drop_minus_full",
    "drop_minus_full_std",
    "relative_drop",
)
"""Its columns of figures: fractions, empty where there is none."""


def markdown(found: Sequence[Amplification]) -> str:
    """Return amplifications as a Markdown table: accuracies in percent, drops in points.

    Args:
        found: At least one, in the order of the table.
    """
    columns, caption = identity_columns([each.biased for each in found])

    def column(heading: str, cells: Sequence[str]) -> None:
        columns.append(Column(heading, tuple(cells)))

    column("Acc(D)", [_percent(each.clean) for each in found])
    column("Acc(D_b)", [_percent(each.tainted) for each in found])
    column("drop", [_percent(each.drop) for each in found])
    compared = any(each.excess for each in found)
    if compared:
        column("minus full's", [NOTHING if each.excess is None else _percent(each.excess, "+") for each in found])
    column("relative drop", [NOTHING if each.relative is None else f"{100 * each.relative:.1f}%" for each in found])
    caption += [
        "Acc(D), Acc(D_b): accuracy in percent after training on the unbiased set and on the biased one",
        "drop: Acc(D) - Acc(D_b) in points, what the bias costs (Cui et al. 2024, section 3); relative drop: "
        "drop / Acc(D)",
        *(["minus full's: above 0 distilling amplifies the bias, below it suppresses it"] if compared else []),
        "±: standard deviation over networks and sets; of a difference, the root of the summed squares of both",
    ]
    cut = dict.fromkeys(each.biased["dataset"] for each in found if each.cut)
    if cut:
        caption.append(
            f"{', '.join(cut)}: D is D_b cut to equally many images of each class and group, so it is smaller"
        )
    return as_markdown(Content(tuple(columns), (False,) * len(found), tuple(caption)))


def as_csv(found: Sequence[Amplification]) -> str:
    """Return amplifications as CSV with the columns ``KEYS``, ``settings`` (JSON) and ``FIGURES``."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*KEYS, "settings", "eval_settings", *FIGURES])
    for each in found:
        row: Row = each.biased
        keys = [row[key] for key in KEYS]  # type: ignore[literal-required]
        settings = [json.dumps(row["settings"], sort_keys=True), json.dumps(row["eval_settings"], sort_keys=True)]
        estimates = [each.clean, each.tainted, each.drop, each.excess or Estimate(float("nan"), None)]
        figures = [value for estimate in estimates for value in (estimate.mean, estimate.std)] + [each.relative]
        writer.writerow([*keys, *settings, *(_number(value) for value in figures)])
    return stream.getvalue()


def _percent(figure: Estimate, sign: str = "") -> str:
    spread = "" if figure.std is None else f" ± {100 * figure.std:.1f}"
    return f"{100 * figure.mean:{sign}.1f}{spread}"


def _number(value: float | None) -> str:
    """Return a figure as text: short, and empty where it does not exist."""
    return "" if value is None or value != value else f"{value:.6g}"
