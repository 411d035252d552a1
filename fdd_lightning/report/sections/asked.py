"""What was asked."""

from __future__ import annotations

from collections.abc import Sequence

from fdd_lightning.artefacts.results import Row
from fdd_lightning.pages.parts import Bullets, Fold, Part, Text
from fdd_lightning.report.material import Report
from fdd_lightning.report.sections import Section
from fdd_lightning.report.words import counted, listed

WORDS = {
    "aligned, conflicting": "an image is bias-aligned where its group is the usual one of its class, and goes against "
    "the bias (is bias-conflicting) where it is another",
    "group": "what should not matter: the colour of a digit, the sex of a person",
    "DEO_A, DEO_M": "for each class the largest difference in accuracy between groups; the mean over classes and the "
    "largest one. 0 is fair",
    "with crowd, against crowd": "accuracy on test images that look like their own class, and on those that look like "
    "another, as their neighbours vote: what stands in for aligned and conflicting where there are no group labels",
    "worst": "accuracy on the worst (class, group) cell",
    "weighting": "which real images count how much when a set is made. vanilla: all alike, the bias is carried on; "
    "fairdd and barycenter: groups alike, by their labels; kde: rare ones more, as a trained encoder sees them; vote: "
    "those more that look like another class",
    "random": "real images, drawn and not made: what distilling has to be better than",
    "full": "all training images, nothing made and nothing left out",
    "ipc": "images per class of the small set",
}
"""Words of the page, for people who do not know the field."""


class Asked(Section):
    """What was compared, on what, and how it was judged, in a paragraph.

    Example:
        >>> [part.words for part in Asked().parts(Report([]))]
        ['No row is finished yet.']
    """

    title = "What was asked"
    place = 10

    def parts(self, report: Report) -> list[Part]:
        """Tell it, and what the words mean."""
        rows = report.rows
        if not rows:
            return [Text("No row is finished yet.")]
        told = [Text(" ".join([question(rows), how_judged(rows)]))]
        if report.unfinished:
            told.append(Text(f"Not finished: {'; '.join(report.unfinished)}. What is missing stands nowhere below."))
        return [*told, Fold("Words on this page", [Bullets([f"{word}: {what}" for word, what in WORDS.items()])])]


def question(rows: Sequence[Row]) -> str:
    """Say what was compared, and on which data."""
    made = [row for row in rows if row.method != "full"]
    sets = listed([_data(name, [row for row in rows if row.dataset == name]) for name in _unique(rows, "dataset")])
    if not made:
        return f"How well do networks do that are trained on all images of {sets}?"
    sizes = listed([str(ipc) for ipc in sorted({row.ipc for row in made if row.ipc is not None})])
    ways = {(row.full_method, row.weighting, str(row.settings)) for row in made}
    seeds = max(row.num_sets for row in made)
    asked = "How good is a" if len(ways) == 1 else f"Which of {len(ways)} ways makes the best"
    size = f"{sizes} image{'' if sizes == '1' else 's'} of each class"
    again = f" Each made {seeds} sets, from seeds of their own." if seeds > 1 else ""
    return f"{asked} small training set, of {size}, in place of {sets}?{again}"


def how_judged(rows: Sequence[Row]) -> str:
    """Say how sets were judged."""
    nets, trainers = _unique(rows, "network"), [name for name in _unique(rows, "trainer") if name != "erm"]
    presets = listed(_unique(rows, "preset"))
    count = max(row.eval_networks for row in rows)
    learnt = f" (and by {listed(trainers)})" if trainers else ""
    networks = f"{counted(count, 'network')} ({listed(nets)})"
    told = f"On each set {networks} learnt from nothing{learnt}, as preset {presets} says"
    tested = {row.dataset: sum(map(sum, row.cell_count)) for row in rows if row.cell_count}
    sizes = " and ".join(dict.fromkeys(f"{number:,}" for number in tested.values()))
    return f"{told}, and answered for {sizes} test images that no set was made from." if tested else f"{told}."


def _unique(rows: Sequence[Row], key: str) -> list[str]:
    return list(dict.fromkeys(str(getattr(row, key)) for row in rows))


def _data(name: str, rows: Sequence[Row]) -> str:
    """Describe a data set in a few words."""
    cells = next((row.cell_count for row in rows if row.cell_count), None)
    facts = []
    if cells:
        facts.append(counted(len(cells), "class", "classes"))
        facts.append(counted(len(cells[0]), "group") if len(cells[0]) > 1 else "no group labels")
    ratios = sorted({row.conflict_ratio for row in rows if row.conflict_ratio is not None})
    if ratios:
        facts.append(f"{listed([f'{100 * ratio:g}%' for ratio in ratios])} of the training images go against the bias")
    return f"{name} ({'; '.join(facts)})" if facts else name
