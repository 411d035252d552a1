"""Our figures beside the papers'."""

from __future__ import annotations

from fdd_lightning.artefacts.results import Row
from fdd_lightning.pages.parts import Bullets, Part, Table
from fdd_lightning.report.comparable_rows import protocol
from fdd_lightning.report.material import Entry, Report
from fdd_lightning.report.published import PublishedRow, published_for
from fdd_lightning.report.results_table import NOTHING
from fdd_lightning.report.row_names import describe
from fdd_lightning.report.sections import LeftOut, Section
from fdd_lightning.report.statistics import interval

PROTOCOLS = {"Cui": ("cui", "reference"), "FairDD": ("fairdd_dm", "fairdd_dc", "idc", "idc_mnist")}
"""Evaluation presets that evaluate as a paper does, by how its source begins."""
OF_THE_PROTOCOL = ("epochs", "regime", "learner", "lr", "batch_size", "augmentation", "cutmix", "epochs_real")
"""How settings of an evaluation begin that change how it trains; the others change how large it is."""


class BesidePublished(Section):
    """Accuracy and DEO of the rows that a paper has as well, the differences, and whether protocol and scale are alike.

    Example:
        >>> BesidePublished().parts(Report([]))
        []
    """

    title = "Beside the published figures"
    place = 50

    def parts(self, report: Report) -> list[Part]:
        """Return the table, or say that no paper has such rows."""
        pairs = [(entry, other) for entry in report.entries for other in published_for(entry.row)]
        if not pairs:
            return [LeftOut("No paper has a figure for a row of these.")] if report.rows else []
        heads = ["row", "ours", "published", "difference", "DEO_M", "DEO_A", "protocol", "scale", "source"]
        numbers = [False, *[True] * 5, False, False, False]
        caption = "Accuracy and DEO (ours / published) in percent, differences in points"
        told = [
            "ours: the mean, in brackets its 95% interval; published ±: the paper's own standard deviation",
            "protocol: whether sets are evaluated as the paper does it; scale: whether network, steps and everything "
            "else are as large as in the method's preset. Where either says no, a difference says little.",
        ]
        rows = [_line(entry, other) for entry, other in pairs]
        kept = [n for n in range(len(heads)) if n not in (4, 5) or any(row[n] != NOTHING for row in rows)]
        heads, numbers = [heads[n] for n in kept], [numbers[n] for n in kept]
        rows = [[row[n] for n in kept] for row in rows]
        return [Table(heads, rows, caption, numbers=numbers), Bullets(told, "note")]


def _line(entry: Entry, other: PublishedRow) -> list[str]:
    row = entry.row
    accuracy = row.mean("accuracy")
    ours, theirs, apart = NOTHING, NOTHING, NOTHING
    if accuracy is not None:
        found = interval(row.values("accuracy"))
        between = f" [{100 * found.low:.1f}, {100 * found.high:.1f}]" if found else ""
        ours = f"{100 * accuracy:.1f}{between}"
    if other.accuracy is not None:
        std = f" ± {100 * other.accuracy_std:.1f}" if other.accuracy_std is not None else ""
        theirs = f"{100 * other.accuracy:.1f}{std}"
    if accuracy is not None and other.accuracy is not None:
        apart = f"{100 * (accuracy - other.accuracy):+.1f}"
    deos = [_both(row.mean("deo_max"), other.deo_max), _both(row.mean("deo_mean"), other.deo_mean)]
    return [entry.label, ours, theirs, apart, *deos, same_protocol(row, other), same_scale(row), other.source]


def _both(ours: float | None, theirs: float | None) -> str:
    if theirs is None:
        return NOTHING
    return f"{NOTHING if ours is None else f'{100 * ours:.1f}'} / {100 * theirs:.1f}"


def same_protocol(row: Row, other: PublishedRow) -> str:
    """Say whether a row was evaluated as a paper does it."""
    presets = next((names for paper, names in PROTOCOLS.items() if other.source.startswith(paper)), ())
    changed = {k: v for k, v in protocol(row).items() if k.startswith(OF_THE_PROTOCOL)}
    if row.preset not in presets:
        return f"no: preset {row.preset}"
    return f"no: {describe(changed)}" if changed else "yes"


def same_scale(row: Row) -> str:
    """Say whether a row is as large as its method's preset: nothing that was asked for makes it another."""
    sizes = {key: value for key, value in protocol(row).items() if not key.startswith(OF_THE_PROTOCOL)}
    changed = {**row.settings, **sizes}
    return f"no: {describe(changed)}" if changed else "yes"
