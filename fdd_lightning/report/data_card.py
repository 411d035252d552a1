"""The data card of a synthetic set: a README.md as Hugging Face shows it, with what the set's file and results say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

import yaml

from fdd_lightning.artefacts.doubts import in_sentences
from fdd_lightning.artefacts.results import MetricSummary, Row, full_method
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.errors import shown
from fdd_lightning.report.metrics import explain, metrics_of

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Hugging Face's words for how many images there are."""
LICENCES = {"MIT": "mit", "Apache-2.0": "apache-2.0", "CC0": "cc0-1.0"} | {
    f"CC {kind} {version}": f"cc-{kind.lower()}-{version}"
    for kind in ("BY", "BY-SA", "BY-NC", "BY-NC-SA", "BY-ND", "BY-NC-ND")
    for version in ("2.0", "3.0", "4.0")
}
"""Hugging Face's names of licences, by what a line about the source says."""
TAGS = ("dataset-distillation", "dataset-condensation", "synthetic", "fairness", "bias")
WHOLE = "synthetic.safetensors"
NONE = "-"
"""What stands for a figure that was not measured."""


@dataclass(frozen=True)
class Layout:
    """What stands beside a card, besides the set itself.

    Attributes:
        name: ``set``, ``folder`` or ``parquet``.
        files: The files that ``datasets`` loads; empty where it cannot.
        picture: Whether there is a picture of the set.

    Example:
        >>> FOLDER.files
        'train/**'
    """

    name: str
    files: str = ""
    picture: bool = True


SET = Layout("set")
FOLDER = Layout("folder", "train/**")
PARQUET = Layout("parquet", "data/*.parquet")


def rows_of(made: SyntheticSet, rows: Iterable[Row]) -> list[Row]:
    """Return the rows that were measured on a set, with the values of this set alone."""
    told = made.metadata
    found = []
    for row in rows:
        if row.train_on != "synthetic" or row.dataset != told.get("dataset", row.dataset):
            continue
        if row.settings.get("set") != told.get("settings", {}).get("set", row.settings.get("set")):
            continue
        if "set" in row.settings:
            own = row.settings["set"] == made.digest
        else:
            keys = ("method", "weighting", "ipc", "conflict_ratio", "settings")
            own = all(getattr(row, key) == told.get(key) for key in keys)
            own = own and row.variant == told.get("variant", "published")
            own = own and told.get("distill_seed") in row.distill_seeds
        if own:
            found.append(_alone(row, told.get("distill_seed")))
    return found


def _alone(row: Row, seed: int | None) -> Row:
    """Return a row with the values of one of its sets."""
    if seed not in row.distill_seeds:
        return row
    place = row.distill_seeds.index(seed)
    metrics = {name: MetricSummary.of([row.values(name)[place]]) for name in row.metrics}
    return replace(row, metrics=metrics, distill_seeds=[seed])


def data_card(made: SyntheticSet, rows: Sequence[Row] = (), layout: Layout = SET) -> str:
    """Return the text of a set's README.md.

    Args:
        made: The set.
        rows: What was measured on it (see :func:`rows_of`).
        layout: What stands beside the card.

    Example:
        >>> import torch
        >>> facts = {"class_names": ["cat", "dog"], "image_shape": [1, 2, 2], "mean": [0.5], "std": [0.5]}
        >>> card = data_card(SyntheticSet(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), facts))
        >>> card.splitlines()[:2]
        ['---', 'license: unknown']
    """
    parts = [
        f"---\n{_front_matter(made, layout)}---\n\n# {plain_markdown(_title(made))}",
        _summary(made),
        "![the images, one class per line](synthetic.png)" if layout.picture else "",
        "## Measured bias\n\n" + _measured(rows),
        "## Where it comes from\n\n" + _provenance(made),
        "## Intended use\n\n" + _use(made),
        "## How to load it\n\n" + _loading(made, layout),
        "## Limits\n\n" + _limits(made, layout),
        "## Licence\n\n" + _licence(made),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def licence_id(text: str) -> str:
    """Return Hugging Face's name of the licence that a line about the source names.

    Example:
        >>> licence_id("digits (UCI, CC BY 4.0)"), licence_id("non-commercial research only"), licence_id("")
        ('cc-by-4.0', 'other', 'unknown')
    """
    if not text or "no licence was stated" in text:
        return "unknown"
    named = [name for said, name in LICENCES.items() if re.search(rf"(?<![\w-]){re.escape(said)}(?![\w.-])", text)]
    several = ";" in re.sub(r"\([^)]*\)", "", text)  # sources, each with a licence of its own
    return named[0] if len(named) == 1 and not several else "other"


def plain_markdown(value: object) -> str:
    r"""Return somebody's text so that it shows as it is, on one line, also in a table.

    Example:
        >>> plain_markdown("<b>|x|")
        '&lt;b>\\|x\\|'
    """
    text = " ".join(shown(str(value)).split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\|`*_\[\]#~])", r"\\\1", text)


def _front_matter(made: SyntheticSet, layout: Layout) -> str:
    licence = licence_id(str(made.metadata.get("licence") or ""))
    size = next((words for most, words in SIZES if len(made) < most), "n>1M")
    facts: dict[str, Any] = {"license": licence}
    if licence == "other":
        facts["license_name"] = "that-of-the-source"
    facts |= {
        "pretty_name": shown(" ".join(_title(made).split())),
        "task_categories": ["image-classification"],
        "size_categories": [size],
        "tags": list(TAGS),
    }
    if layout.files:
        files = [{"split": "train", "path": layout.files}]
        facts["configs"] = [{"config_name": "default", "data_files": files}]
    else:
        facts["viewer"] = False
    return yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=1000)


def _title(made: SyntheticSet) -> str:
    told = made.metadata
    method = full_method(str(told.get("method", "unknown method")), str(told.get("variant", "published")))
    weighting = told.get("weighting", "unstated")
    by = f"by {method}" + ("" if weighting in ("vanilla", "unstated") else f" with {weighting}")
    by = "from elsewhere" if told.get("method", "imported") == "imported" else by
    return f"{told.get('dataset', 'a data set')} in {len(made)} images, {by}"


def _summary(made: SyntheticSet) -> str:
    told, counts = made.metadata, made.labels.bincount(minlength=made.num_classes).tolist()
    each = f"{counts[0]}" if len(set(counts)) == 1 else f"{min(counts)} to {max(counts)}"
    shape = "x".join(map(str, told["image_shape"]))
    names = ", ".join(made.class_names[:20]) + (", ..." if made.num_classes > 20 else "")
    return (
        f"A small training set in the place of a large one: {each} synthetic images of {shape} for each of "
        f"{made.num_classes} classes ({plain_markdown(names)}), made from the training images of data set "
        f"{plain_markdown(told.get('dataset', 'unknown'))}. It is for training image classifiers, not for looking at: "
        "distilled images need not look like photographs of anything."
    )


def _measured(rows: Sequence[Row]) -> str:
    known = metrics_of(rows)
    metrics = {name: each for name, each in known.items() if any(_cell(row, name) != NONE for row in rows)}
    if not metrics:
        return (
            f"Not measured yet. `fdd eval --synthetic {WHOLE} --output eval` trains networks on this set and scores "
            "them on the real test images by class and group; `fdd card` then puts the figures here."
        )
    head = ["network", "training", "networks", *(metric.heading for metric in metrics.values())]
    lines = []
    for row in rows:
        values = [v for line in row.values("accuracy") for v in line if v is not None]
        training = ", ".join([row.trainer, row.preset, *filter(None, [_pairs(row.eval_settings)])])
        lines.append([row.network, training, str(len(values)), *(_cell(row, m) for m in metrics)])
    table = [f"| {' | '.join(map(plain_markdown, line))} |" for line in [head, *lines]]
    table.insert(1, "| --- | --- |" + " ---: |" * (len(head) - 2))
    conflict = sorted({str(row.conflict_ratio) for row in rows if row.conflict_ratio is not None})
    biased = f" Share of bias-conflicting images that it was made from: {', '.join(conflict)}." if conflict else ""
    legend = "; ".join(explain(list(metrics.values())))
    return (
        "\n".join(table) + "\n\nIn percent, on the real test images: mean and sample standard deviation over networks "
        f"trained on this very set from other starts. {legend}.{biased}"
        + "".join(
            f"\n\nDoubtful: {plain_markdown(told)}." for told in in_sentences(w for row in rows for w in row.warnings)
        )
    )


def _cell(row: Row, metric: str) -> str:
    values = [100 * v for line in row.values(metric) for v in line if v is not None]
    if not values:
        return NONE
    return f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def _provenance(made: SyntheticSet) -> str:
    told = made.metadata
    own = {key: value for key, value in (told.get("settings") or {}).items() if key != "set"}
    facts = {
        "data set": told.get("dataset"),
        "its parameters": _pairs(told.get("data_parameters")),
        "bias-conflicting images in it": told.get("conflict_ratio"),
        "its groups (protected attribute)": "none labelled" if _unlabelled(made) else ", ".join(_groups(made)),
        "SHA-256 of its images and labels": told.get("data_fingerprint"),
        "method": full_method(str(told.get("method", "not stated")), str(told.get("variant", "published"))),
        "weighting of the real images": told.get("weighting", "not stated"),
        "images per class, as stored": told.get("ipc"),
        "stored as": told.get("parameterisation"),
        "seed": told.get("distill_seed"),
        "settings that differ from the method's preset": _pairs(own),
        "read group labels": {"True": "yes", "False": "no"}.get(str(told.get("reads_groups"))),
        "doubts": ", ".join(map(str, told.get("warnings") or [])) or None,
        "written by": f"fdd-lightning {told['code_version']}" if "code_version" in told else None,
    }
    lines = [f"| {key} | {plain_markdown(value)} |" for key, value in facts.items() if value not in (None, "")]
    text = "\n".join(["| | |", "| --- | --- |", *lines])
    if imported := told.get("imported"):
        files = ", ".join(f"{each['name']} (SHA-256 {each['sha256']})" for each in imported.get("files", ()))
        text += (
            f"\n\nAnother program made it; it was imported from {plain_markdown(files)}, read as "
            f"{plain_markdown(imported.get('format'))}, {plain_markdown(imported.get('normalisation'))}. Method and "
            "weighting are what whoever imported it said."
        )
    if "config" in told:
        text += f"\n\nThe whole configuration stands in the metadata of `{WHOLE}`, under `fdd`."
    return text


def _pairs(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{key}={value}" for key, value in (values or {}).items())


def _groups(made: SyntheticSet) -> list[str]:
    return [str(name) for name in made.metadata.get("group_names") or []]


def _unlabelled(made: SyntheticSet) -> bool:
    """Tell whether all images are of one group: nobody labelled any."""
    return len(_groups(made)) == 1


def _use(made: SyntheticSet) -> str:
    groups = plain_markdown(", ".join(_groups(made)))
    seen = f" The groups looked at are {groups}; of others nothing is known." if groups else ""
    if _unlabelled(made):
        seen = " No groups were labelled, so of none it is known how well it is served."
    return (
        "For training small image classifiers quickly, and for comparing ways to distil data that are biased.\n\n"
        "Not for decisions about people, nor as a proof that a model trained on it is fair: what was measured is the "
        f"bias above, on one test set, for the networks named there.{seen} Measure your own model, on data of your "
        "own, before you use it."
    )


def _loading(made: SyntheticSet, layout: Layout) -> str:
    mean, std = made.metadata["mean"], made.metadata["std"]
    parts = []
    if layout.files:
        labels = "with the classes' names" if layout.name == "parquet" else "beside `class`, the name of each"
        parts.append(
            "```python\nfrom datasets import load_dataset\n\n"
            'data = load_dataset("PATH-OR-NAME", split="train")  # image, label\n```\n\n'
            f"`label` is the number of the class, {labels}."
        )
    if layout.name == "folder":
        parts.append('`torchvision.datasets.ImageFolder("train")` loads the folder as well, with the same numbers.')
    parts.append(
        "The set itself, unrounded:\n\n```python\nfrom fdd_lightning import SyntheticSet\n\n"
        f'images, labels = SyntheticSet.load("{WHOLE}").tensors()\n```\n\n'
        "or with safetensors and torch alone:\n\n```python\nfrom safetensors.torch import load_file\n\n"
        f'content = load_file("{WHOLE}")\nimages, labels = content["images"], content["labels"]  # normalised\n```'
    )
    parts.append(f"Networks were trained on, and tested with, `(pixel - mean) / std`, mean {mean} and std {std}.")
    if made.learned:
        parts.append(f"It was learned together with {' and '.join(made.learned)}, which only `{WHOLE}` holds.")
    return "\n\n".join(parts)


def _limits(made: SyntheticSet, layout: Layout) -> str:
    _, cut = made.in_bytes()
    numbers = made.images.numel()
    share = f"{cut:,} of {numbers:,} values ({cut / numbers:.2%})"
    if not layout.files:
        reach = f"{share} lie outside of 0..1, where pixels of photographs are; image files would cut them."
    else:
        reach = (
            "The images here are PNGs of 8 bits per channel: each value is within a grey level of that of the set, "
            f"except that {share} lay outside of 0..1 and were cut. Train on `{WHOLE}` where that matters."
        )
    labelled = (
        "No groups were labelled, so bias is measured at most on images that look like another class"
        if _unlabelled(made)
        else "Bias is measured for the groups that were labelled, and only there"
    )
    return (
        f"- {reach}\n"
        "- A set this small carries what its networks and its augmentation made of the data; other architectures may "
        "do worse on it.\n"
        f"- {labelled}; a small gap is no promise about images of another kind.\n"
        "- Distilled images may still show what single training images showed: treat them as you treat the source."
    )


def _licence(made: SyntheticSet) -> str:
    said = plain_markdown(made.metadata.get("licence") or "not stated")
    return f"Of the source: {said}. A set made from it stands under the same conditions."
