"""What groups and densities cost: a method's step under several weightings, in one process, on random images.

    python benchmarks/groups.py                                   # the papers' size, on a GPU where there is one
    python benchmarks/groups.py --width 32 --accelerator cpu      # the size of the CPU recipes
    python benchmarks/groups.py --methods dm dc dsa               # any preset of configs/method

Nothing is downloaded. The weightings take turns, round after round, so that a machine that slows down does so for all
of them. A step is what the trainer does for it: draw, weigh and augment real images of every class, compare them with
the synthetic ones through the method's network, move the synthetic ones, and train the network where the method does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from fdd_lightning.__about__ import __version__
from fdd_lightning.configuration.choices import build
from fdd_lightning.configuration.menu import find
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets import ImageSet, Split
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.trainer.trainer import FDDTrainer, hushed
from fdd_lightning.utils.files import write_json
from fdd_lightning.utils.memory import keep_freed_memory

WEIGHTINGS = {
    name.lower(): f"fdd_lightning.matching.weightings.{name}" for name in ("Vanilla", "KDE", "FairDD", "Barycenter")
}
EMBEDDING = 128
"""Length of the bias encoder's embeddings."""


class RandomImages(BaseDataModule):
    """Noise in memory: every class has nine images of ten in one group, the rest spread over the others.

    Args:
        classes: Number of classes.
        groups: Number of groups.
        size: Side of the square images.
        per_class: Images of each class.
    """

    name = "random_images"
    reads_root = False
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    licence = "none"
    determines = ("classes", "groups", "size", "per_class", "seed")

    def __init__(self, classes: int = 10, groups: int = 10, size: int = 32, per_class: int = 1000) -> None:
        super().__init__()
        self.classes = classes
        self.groups = groups
        self.size = size
        self.per_class = per_class

    @property
    def class_names(self) -> tuple[str, ...]:
        """Numbers."""
        return tuple(map(str, range(self.classes)))

    @property
    def group_names(self) -> tuple[str, ...]:
        """Numbers."""
        return tuple(map(str, range(self.groups)))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Three channels."""
        return (3, self.size, self.size)

    @property
    def alignment(self) -> None:
        """Of no interest here."""

    def build(self) -> dict[str, Split]:
        """Nothing is built: the images are drawn in :meth:`setup`."""
        return {}

    def prepare_data(self) -> None:
        """Nothing goes to the cache."""

    def setup(self, stage: str | None = None) -> None:
        """Draw the images."""
        draws = torch.Generator().manual_seed(self.seed)
        targets = torch.arange(self.classes).repeat_interleave(self.per_class)
        shift = torch.randint(self.groups, targets.shape, generator=draws)
        aligned = torch.rand(targets.shape, generator=draws) < 0.9
        groups = (targets + shift.masked_fill(aligned, 0)) % self.groups
        pixels = torch.randint(256, (len(targets), *self.image_shape), dtype=torch.uint8, generator=draws)
        self._sets = {"train": ImageSet(pixels, targets, groups, self.mean, self.std)}


class RandomEmbeddings(Distiller):
    """A Distiller whose bias encoder is replaced by random points on the sphere: their densities cost the same."""

    def check(self) -> None:
        """No encoder is needed."""

    def read_embeddings(self) -> Tensor:
        """Draw the points."""
        points = torch.randn(len(self.real), EMBEDDING, generator=torch.Generator().manual_seed(0))
        return torch.nn.functional.normalize(points, dim=1).to(self.trainer.strategy.root_device)

    def real_fingerprint(self) -> str:
        """Nothing is kept in the cache."""
        return ""


class Stopwatch(Callback):
    """Seconds of every step but the first few.

    Args:
        warmup: Steps that do not count.
    """

    def __init__(self, warmup: int) -> None:
        self.warmup = warmup
        self.seconds: list[float] = []
        self.started = 0.0

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Start once the device has caught up."""
        self.started = self._now()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop once the device has caught up."""
        if batch_idx >= self.warmup:
            self.seconds.append(self._now() - self.started)

    def _now(self) -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--methods", nargs="+", default=["dm"], help="presets of configs/method")
    parser.add_argument("--inner", type=int, help="epochs of DC's and DSA's network per step; default: the published")
    parser.add_argument("--weightings", nargs="+", default=["vanilla", "fairdd", "kde"], choices=list(WEIGHTINGS))
    parser.add_argument("--width", type=int, default=128, help="channels of the ConvNet")
    parser.add_argument("--depth", type=int, default=3, help="blocks of the ConvNet")
    parser.add_argument("--size", type=int, default=32, help="side of the images, pixels")
    parser.add_argument("--classes", type=int, default=10, help="classes of the data")
    parser.add_argument("--groups", type=int, default=10, help="groups of the data, at least 2 for fairdd, barycenter")
    parser.add_argument("--per-class", type=int, default=1000, help="real images of each class")
    parser.add_argument("--batch", type=int, default=256, help="real images of each class in a step")
    parser.add_argument("--ipc", type=int, default=10, help="synthetic images of each class")
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each weighting in a round")
    parser.add_argument("--warmup", type=int, default=3, help="steps before them that are not timed")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each weighting")
    parser.add_argument("--accelerator", default="auto", help="Lightning's: auto, cpu or gpu")
    parser.add_argument("--precision", default="32-true", help="Lightning's: 32-true, bf16-mixed, ...")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, all timings among them")
    return parser.parse_args()


def distiller(options: argparse.Namespace, data: RandomImages, method: str, weighting: str) -> RandomEmbeddings:
    """Build a method from its preset, at the size asked for."""
    given = find("method", method)["init_args"]
    network = {"width": options.width, "depth": options.depth}
    given["surrogate"]["init_args"]["network"]["init_args"] = network
    if options.inner and "inner" in given["surrogate"]["init_args"]:
        given["surrogate"]["init_args"]["inner"] = options.inner
    given["sampler"]["init_args"]["batch_size"] = options.batch
    given |= {"images_per_class": options.ipc, "weighting": {"class_path": WEIGHTINGS[weighting]}}
    return RandomEmbeddings.for_data(data, **{key: build(value) for key, value in given.items()})


def timings(
    options: argparse.Namespace, data: RandomImages, method: str, weighting: str
) -> tuple[list[float], torch.device]:
    """Return the seconds of one turn's steps, and where they ran."""
    watch = Stopwatch(options.warmup)
    trainer = FDDTrainer(
        accelerator=options.accelerator,
        devices=1,
        precision=options.precision,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[watch],
        max_steps=options.warmup + options.steps,
    )
    with hushed():
        trainer.fit(distiller(options, data, method, weighting), datamodule=data)
    return watch.seconds, trainer.strategy.root_device


def device_name(device: torch.device) -> str:
    """Return the device, for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def compare(options: argparse.Namespace, data: RandomImages, method: str) -> tuple[dict[str, Any], torch.device]:
    """Time one method under all weightings, print a table and return its figures."""
    seconds: dict[str, list[list[float]]] = {name: [] for name in options.weightings}
    for turn in range(options.rounds):
        # Forwards and backwards by turns: the machine is as warm for the first as for the last.
        for name in options.weightings[:: 1 if turn % 2 == 0 else -1]:
            found, device = timings(options, data, method, name)
            seconds[name].append(found)
    print(f"\n{method:12}{'s/step':>10}{'spread':>10}{'images/s':>12}{f'against {options.weightings[0]}':>20}")
    first = [statistics.median(turn) for turn in seconds[options.weightings[0]]]
    images = options.classes * (min(options.batch, options.per_class) + options.ipc)
    figures = {}
    for name, turns in seconds.items():
        every = sorted(second for turn in turns for second in turn)
        middle = statistics.median(every)
        low, high = every[len(every) // 4], every[(3 * len(every)) // 4]
        ratio = statistics.median(statistics.median(turn) / base for turn, base in zip(turns, first, strict=True))
        print(f"  {name:10}{middle:10.4f}{high - low:10.4f}{images / middle:12.0f}{ratio:20.2f}")
        figures[name] = {"seconds": middle, "images_per_second": images / middle, "ratio": ratio, "turns": turns}
    return figures, device


def main() -> None:
    """Time, print, and write where asked."""
    options = arguments()
    keep_freed_memory()
    data = RandomImages(options.classes, options.groups, options.size, options.per_class)
    print(
        f"ConvNet {options.depth} x {options.width}, {options.classes} classes x ({options.batch} real + "
        f"{options.ipc} synthetic) images of {options.size}x{options.size}, {options.groups} groups, "
        f"{options.precision}; median of {options.rounds} x {options.steps} steps"
    )
    figures = {}
    for method in options.methods:
        figures[method], device = compare(options, data, method)
    machine = f"{device_name(device)}, torch {torch.__version__}, fdd-lightning {__version__}"
    print(f"\n{machine}\nspread: between the quartiles; the ratio is the median over rounds of that round's medians")
    if options.json is not None:
        settings = {key: value for key, value in vars(options).items() if key != "json"}
        write_json(options.json, {"machine": machine, "settings": settings, "methods": figures})


if __name__ == "__main__":
    main()
