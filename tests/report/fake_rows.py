"""Rows that look like those of a run."""

import random

import torch

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.results import MetricSummary, Row


def row(
    method="dm",
    weighting="fairdd",
    accuracy=0.8,
    deo=0.2,
    *,
    settings=None,
    networks=3,
    seeds=(0,),
    spread=0.01,
    **more,
):
    """Return one row; anything in ``more`` replaces a key."""
    draw = random.Random(f"{method} {weighting} {settings} {more} {seeds}")

    def values(mean):
        return MetricSummary.of([[min(1, max(0, draw.gauss(mean, spread))) for _ in range(networks)] for _ in seeds])

    keys = {
        "dataset": "colored_digits",
        "method": method,
        "weighting": weighting,
        "ipc": None if method == "full" else 10,
        "conflict_ratio": 0.1,
        "network": "convnet",
        "train_on": "real" if method == "full" else "synthetic",
        "trainer": "erm",
        "settings": settings or {},
        "preset": "quick",
        "eval_settings": {},
        "distill_seeds": list(seeds),
        "eval_networks": networks,
        "seconds": {"fit": 1.5, "distill": 20.0, "eval": 10.0},
        "metrics": {
            "accuracy": values(accuracy),
            "deo_max": values(min(1, 1.5 * deo)),
            "deo_mean": values(deo),
            "worst_group_accuracy": values(accuracy / 2),
            "aligned_accuracy": values(0.97),
            "conflict_accuracy": values(accuracy - 0.05),
        },
        "cell_accuracy": [[0.5, 0.6], [0.7, None]],
        "cell_count": [[5, 6], [7, 0]],
    }
    return Row(**{**keys, **more})


def pair(method, weighting="vanilla", unbiased=0.9, biased=0.4, **more):
    """Return the rows of a method on a biased set and on its unbiased twin."""
    return [
        row(method, weighting, biased, conflict_ratio=0.05, **more),
        row(method, weighting, unbiased, conflict_ratio=None, **more),
    ]


def quickstart():
    return [
        row("random", "vanilla", 0.31, 0.93),
        row("random", "kde", 0.58, 0.55),
        row("random", "fairdd", 0.87, 0.18),
        row("dm", "vanilla", 0.33, 0.91),
        row("dm", "vanilla", 0.36, 0.89, settings={"lr_images": 10.0}),
        row("dm", "kde", 0.78, 0.30, settings={"weighting.normaliser": "inverse"}),
        row("dm", "fairdd", 0.85, 0.20),
        row("dm", "barycenter", 0.84, 0.21),
        row("full", "vanilla", 0.95, 0.10),
    ]


def by_size():
    return [row(m, "fairdd", 0.2 + 0.05 * ipc, 0.5, ipc=ipc) for m in ("random", "dm") for ipc in (1, 2, 10)]


def fake_set(seed, ipc=3, names=("zero", "one")):
    images = torch.rand(len(names) * ipc, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    facts = {"class_names": list(names), "image_shape": [3, 8, 8], "mean": [0.0] * 3, "std": [1.0] * 3}
    return SyntheticSet(images, torch.arange(len(names)).repeat_interleave(ipc), facts)
