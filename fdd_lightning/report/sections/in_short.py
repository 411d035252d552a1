"""In short: what a practitioner wants to know."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.artefacts.results import BALANCED, Row
from fdd_lightning.pages.parts import Bullets, Fold, Part, Text
from fdd_lightning.report.judgement import AGAINST, ENOUGH, alike, judgements, times_the_noise, too_few
from fdd_lightning.report.material import Entry, Report, where
from fdd_lightning.report.row_names import hashable
from fdd_lightning.report.sections import Section
from fdd_lightning.report.statistics import NETWORKS, difference
from fdd_lightning.report.words import counted, percent

MOST_PLACES = 12
"""Data sets and shares of conflicting images that are summed up."""
SELECTIONS = ("random", "herding", "kcenter")
"""Methods that pick real images."""


class InShort(Section):
    """For each data set the best set that was made, what it is worth, what without a correction, and how sure that is.

    Example:
        >>> InShort().parts(Report([]))
        []
    """

    title = "In short"
    place = 20

    def parts(self, report: Report) -> list[Part]:
        """Sum each data set up, then what every correction came to."""
        places: dict[object, list[Entry]] = {}
        for entry in report.entries:
            row = entry.row
            place = hashable([row.dataset, row.conflict_ratio, row.network, row.preset, row.trainer])
            places.setdefault(place, []).append(entry)
        summed = [parts for own in places.values() if (parts := _sum_up(own, several=len(places) > 1))]
        found = [part for parts in summed[:MOST_PLACES] for part in parts]
        if len(summed) > MOST_PLACES:
            found.append(Text(f"{len(summed) - MOST_PLACES} more stand in the table alone.", "note"))
        told = [f"{title}: {'; '.join(lines)}" for title, *lines in judgements(report.rows)]
        return [*found, *([Fold("What every correction came to", [Bullets(told)])] if told else [])]


def telling_metric(rows: Sequence[Row]) -> str:
    """Return the metric that shows a bias best among those that all rows have."""
    known = (metric for metric in AGAINST if all(row.mean(metric) is not None for row in rows))
    return next(known, rows[0].headline)


def best_made(entries: Sequence[Entry]) -> Entry | None:
    """Return the best of the sets that were made, of drawn ones where none was; None where there is no figure."""
    made = [entry for entry in entries if entry.row.method not in (*SELECTIONS, "full")]
    made = made or [entry for entry in entries if entry.row.method != "full"]
    made = [entry for entry in made if entry.row.mean("accuracy") is not None]
    if not made:
        return None
    metric = telling_metric([entry.row for entry in made])
    return max(made, key=lambda entry: entry.row.mean(metric) or 0.0)


def _sum_up(entries: Sequence[Entry], *, several: bool) -> list[Part]:
    best = best_made(entries)
    if best is None:
        return []
    row, rows = best.row, [entry.row for entry in entries]
    before, without = compared_with(row, rows)
    metric = telling_metric([row] if before is None else [row, before])
    count = f"{row.conflict_count:,} test " if row.conflict_count and metric in AGAINST else ""
    images = {**AGAINST, BALANCED: "test images, each class and group counting alike"}.get(metric, "test images")
    trained = f"{where(row)}: trained" if several else "Trained"
    lead = (
        f"{trained} on the {counted(row.ipc or 0, 'image')} of each class that {_name(row)} "
        f"{'drew' if row.method in SELECTIONS else 'made'}, a network is right for {percent(row, metric, 0)} of the "
        f"{count}{images.partition(' (')[0]}"
    )
    lead += "." if before is None else f"; {percent(before, metric, 0)} {without}."
    facts = [_sure(row, before, metric)] if before is not None else []
    facts += _others(row, before, without, metric)
    whole = next((each for each in rows if each.method == "full" and each is not before), None)
    if whole is not None:
        facts.append(f"Trained on all images instead: {percent(whole, metric)} of these, {_all(whole)}.")
    drawn = alike(row, rows, method="random", weighting=row.weighting)
    if drawn is not None and drawn is not row and drawn is not before:
        found = difference(row, drawn, metric)
        unlike = "" if found is None or found.significant else ", which the noise does not tell apart"
        facts.append(f"As many real images, drawn by the same weights: {percent(drawn, metric)} of these{unlike}.")
    facts.append(
        "Group labels were read to make the set." if row.reads_groups else "No group labels were read to make the set."
    )
    if row.reads_groups is None:
        facts.pop()
    if row.reads_groups and (blind := best_made([e for e in entries if e.row.reads_groups is False])) is not None:
        label_free = f"{_name(blind.row)}, {percent(blind.row, metric)}"
        facts.append(f"The best set for which none were read: {label_free}.")
    if row.warnings:
        facts.append(f"Doubtful, see below: {', '.join(row.warnings)}.")
    return [Text(lead, "lead"), Bullets(facts)]


def compared_with(row: Row, rows: Sequence[Row]) -> tuple[Row | None, str]:
    """Return the row to compare with, and what it is: the method without a correction, else all images as they are."""
    own = {"method": row.method, "variant": row.variant, "weighting": "vanilla"}
    tried = [own, {**own, "variant": "published"}, {"method": "random", "weighting": "vanilla"}]
    plain = next((found for keys in tried if (found := alike(row, rows, **keys)) is not None), None)
    if plain is not None and row.weighting != "vanilla":
        told = (
            "without the correction"
            if plain.full_method == row.full_method
            else f"without a correction, by {plain.full_method} vanilla"
        )
        return plain, told
    here = [row.dataset, row.conflict_ratio]
    whole = (each for each in rows if each.method == "full" and [each.dataset, each.conflict_ratio] == here)
    return next(whole, None), "when trained on all images as they are"


def _name(row: Row) -> str:
    return f"{row.full_method} with weighting {row.weighting}"


def _all(row: Row) -> str:
    return f"{percent(row, row.headline)} of all" + (", classes and groups alike" if row.headline == BALANCED else "")


def _sure(row: Row, before: Row, metric: str) -> str:
    """Say how sure a difference is."""
    found = difference(row, before, metric)
    if found is None:
        return "How sure that is cannot be told from one network: train several, or distil with several seeds."
    between = f" (95% interval {100 * found.low:+.1f} to {100 * found.high:+.1f})" if found.low < found.high else ""
    beyond = abs(times_the_noise(row, before, metric)) >= ENOUGH
    if not found.significant:
        sure = f"probably no chance, but {too_few(row, found)}" if beyond else "inside the noise, so no effect is shown"
    elif not beyond:
        sure = "more than seeds make, but the test images are too few to show an effect"
    else:
        sure = "more than the noise"
    alone = "; of one set alone, another may do otherwise" if found.over == NETWORKS else ""
    return f"The difference is {100 * found.mean:+.1f} points{between}: {sure}{alone}."


def _others(row: Row, before: Row | None, without: str, metric: str) -> list[str]:
    """Return the other figures that count: all images, and the gap between groups."""
    told = []
    for other, name in ((row.headline, "All test images"), ("deo_mean", "Mean accuracy gap between groups (DEO_A)")):
        if other == metric or row.mean(other) is None:
            continue
        own = percent(row, other)
        old = "" if before is None or before.mean(other) is None else f"; {percent(before, other)} {without}"
        alike_counted = ", each class and group counting alike" if other == BALANCED else ""
        told.append(f"{name}{alike_counted}: {own}{old}.")
    return told
