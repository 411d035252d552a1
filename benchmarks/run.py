"""How fast everything is: against the published FairDD code, our own plain path, and what the machine can do.

    python benchmarks/run.py                             # ours: the chosen path against the plain one (eager, float32)
    python benchmarks/run.py --against FOLDER            # and against the loops of zqhang/FairDD in a folder
    python benchmarks/run.py --parts step --methods dm dc --json speed.json --picture speed.png

What is compared takes turns in one run, so that a machine that slows down does so for all of it; what is printed are
medians over the turns, and ratios turn by turn with their spread. Nothing is downloaded: the images are noise.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from groups import EMBEDDING, WEIGHTINGS, RandomImages, device_name, distiller
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from reference import now, repeated, timed
from torch import Tensor
from torch.nn import functional as F

from fdd_lightning.__about__ import __version__
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.matching.weightings.kde import kernel_density
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.networks import ConvNet, Encoder
from fdd_lightning.trainer.trainer import FDDTrainer, hushed
from fdd_lightning.utils.files import write_json
from fdd_lightning.utils.memory import keep_freed_memory

PLAIN = {"compile": "off", "target_precision": "float32"}
WAYS = {
    "ours": {"compile": "on", "target_precision": "bfloat16"},
    "float32": {"compile": "on", "target_precision": "float32"},
    "plain": PLAIN,
}
"""The chosen path of a long run, the same without bfloat16, and everything as it is written."""


@dataclass
class Timing:
    """The seconds of one thing, done in several ways by turns.

    Attributes:
        what: The thing.
        seconds: Of each way, one number a turn.
        note: What else was found.
    """

    what: str
    seconds: dict[str, list[float]] = field(default_factory=dict)
    note: str = ""

    def ratios(self, way: str, to: str) -> list[float]:
        """Return how many times as long as ``to`` a way took, turn by turn."""
        return [a / b for a, b in zip(self.seconds[way], self.seconds[to], strict=True)]


def by_turns(what: str, ways: dict[str, Callable[[], float]], turns: int) -> Timing:
    """Time several ways to do one thing, forwards and backwards by turns."""
    timing = Timing(what, {name: [] for name in ways})
    for turn in range(turns):
        for name in list(ways)[:: 1 if turn % 2 == 0 else -1]:
            timing.seconds[name].append(ways[name]())
    show(timing)
    return timing


def show(timing: Timing) -> None:
    """Print one line for each way."""
    first = next(iter(timing.seconds))
    for name, seconds in timing.seconds.items():
        middle = statistics.median(seconds)
        line = f"{timing.what:34}{name:12}{middle:12.5f} s"
        if name != first:
            ratios = sorted(timing.ratios(name, first))
            line += f"{statistics.median(ratios):8.2f} times {first} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(line, flush=True)
    if timing.note:
        print(f"{'':34}{timing.note}")


class Span(Callback):
    """Seconds of a step on average, over all steps but the first, which compile and settle.

    Args:
        warmup: Steps that do not count.
        steps: Steps that do.
    """

    def __init__(self, warmup: int, steps: int) -> None:
        self.warmup, self.steps = warmup, steps

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Start once the device has caught up."""
        if batch_idx == self.warmup:
            self.started = now()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Stop once the device has caught up."""
        if batch_idx == self.warmup + self.steps - 1:
            self.seconds = (now() - self.started) / self.steps


def trained(module: LightningModule, data: RandomImages, warmup: int, steps: int) -> float:
    """Return the seconds of a step of a stage's module."""
    span = Span(warmup, steps)
    trainer = FDDTrainer(
        devices=1, logger=False, enable_checkpointing=False, enable_progress_bar=False, callbacks=[span],
        max_steps=warmup + steps,
    )  # fmt: skip
    with hushed():
        trainer.fit(module, datamodule=data)
    return span.seconds


class Benchmark:
    """All parts, at one size.

    Args:
        options: What the command line says.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.data = RandomImages(options.classes, options.groups, options.size, options.per_class)

    def ceiling(self) -> list[Timing]:
        """Matrix products and copies: what the machine reaches; the network's convolutions against it."""
        n = 8192 if self.device.type == "cuda" else 2048
        found, rates = [], {}
        for dtype in (torch.float32, torch.bfloat16):
            a = torch.randn(n, n, device=self.device, dtype=dtype)
            name = str(dtype).removeprefix("torch.")
            timing = by_turns(
                f"matrix product, {name}", {"ours": partial(repeated, partial(torch.matmul, a, a), 2, 5)}, 3
            )
            rates[name] = 2 * n**3 / statistics.median(timing.seconds["ours"])
            timing.note = f"{rates[name] / 1e9:.0f} GFLOP/s"
            found.append(timing)
        block = torch.zeros(2**28 if self.device.type == "cuda" else 2**26, device=self.device)
        copy = by_turns("copy in memory", {"ours": partial(repeated, block.clone, 2, 5)}, 3)
        copy.note = f"{8 * block.numel() / statistics.median(copy.seconds['ours']) / 1e9:.0f} GB/s, read and written"
        found.append(copy)
        found += self._convolutions(rates["float32"])
        for timing in found:
            print(f"{'':34}{timing.what}: {timing.note}")
        return found

    def _convolutions(self, rate: float) -> list[Timing]:
        """The network's convolutions alone, forward and backward, against the rate of the matrix product."""
        o, found = self.options, []
        size, inputs = o.size, 3
        for _ in range(o.depth):
            images = torch.randn(o.batch, inputs, size, size, device=self.device, requires_grad=True)
            weight = torch.randn(o.width, inputs, 3, 3, device=self.device, requires_grad=True)
            gradient = torch.randn(o.batch, o.width, size, size, device=self.device)

            both_ways = partial(_convolved, images, weight, gradient)
            name = f"convolution {inputs} to {o.width}, {size} px"
            timing = by_turns(name, {"ours": partial(repeated, both_ways, 1, 3)}, 3)
            needed = 3 * 2 * o.batch * o.width * inputs * 9 * size * size / rate
            share = statistics.median(timing.seconds["ours"]) / needed
            timing.note = f"{share:.2f} times what the matrix product's rate would need"
            found.append(timing)
            size, inputs = size // 2, o.width
        return found

    def step(self) -> list[Timing]:
        """A step of the images of every class, for each method and weighting."""
        o, found = self.options, []
        for method in o.methods:
            few = 1 if method in ("dm", "idm", "cafe") else 5
            counts = max(1, o.warmup // few), max(1, o.steps // few)
            for weighting in o.weightings:
                ways: dict[str, Callable[[], float]]
                ways = {name: partial(self._step, method, weighting, WAYS[name], *counts) for name in o.ways}
                if o.against and method in ("dm", "dc") and weighting in ("vanilla", "fairdd"):
                    numbers = vars(o) | {"warmup": counts[0], "times": counts[1]}
                    ways["reference"] = partial(timed, o.against, method, weighting == "fairdd", numbers)
                found.append(by_turns(f"step of {method}, {weighting}", ways, o.turns))
        return found

    def _step(self, method: str, weighting: str, way: dict[str, str], warmup: int, steps: int) -> float:
        made = distiller(self.options, self.data, method, weighting)
        made.hparams.update(way)
        return trained(made, self.data, warmup, steps)

    def evaluation(self) -> list[Timing]:
        """An epoch of ten networks on a synthetic set."""
        o, found = self.options, []
        for width, size in ((o.width, o.size), (32, 16)):
            data = RandomImages(o.classes, o.groups, size, 50)
            data.setup()
            images, labels = torch.rand(o.classes * o.ipc, 3, size, size), torch.arange(o.classes * o.ipc) % o.classes
            metadata = {"mean": list(data.mean), "std": list(data.std), "class_names": list(data.class_names)}
            made = SyntheticSet(images, labels, metadata | {"method": "noise"})
            epochs = 10 if self.device.type == "cuda" or width < 64 else 2
            ours = partial(self._epoch, data, made, width, epochs)
            ways: dict[str, Callable[[], float]] = {"ours": partial(ours, None)}
            if self.device.type == "cuda":
                ways["one by one"] = partial(ours, False)
            if o.against:
                numbers = vars(o) | {"width": width, "size": size, "warmup": 1, "times": max(1, epochs // 3)}
                ways["reference"] = partial(timed, o.against, "epoch", False, numbers)
            found.append(by_turns(f"epoch of {o.networks} networks, {width} wide, {size} px", ways, o.turns))
        return found

    def _epoch(
        self, data: RandomImages, synthetic: SyntheticSet, width: int, epochs: int, stacked: bool | None
    ) -> float:
        network = partial(ConvNet, width=width)
        made = Evaluator.for_data(data, count=self.options.networks, network=network, stacked=stacked)
        made.synthetic = synthetic
        return trained(made, data, 2, epochs)

    def embeddings(self) -> list[Timing]:
        """The bias encoder's embeddings of all images, and the densities of a class of as many as MNIST's have."""
        self.data.setup()
        encoder = Encoder(ConvNet, self.options.classes, self.data.image_shape).to(self.device).eval()
        images = self.data.train.batch(torch.arange(512))["image"].to(self.device)
        with torch.no_grad():
            embed = by_turns("embeddings of 512 images", {"ours": partial(repeated, partial(encoder, images), 1, 3)}, 3)
        points = F.normalize(torch.randn(6000, EMBEDDING, device=self.device), dim=1)
        density = by_turns(
            "densities of 6000 images", {"ours": lambda: repeated(lambda: kernel_density(points), 1, 2)}, 3
        )
        return [embed, density]

    def start(self) -> list[Timing]:
        """The command line: help, a refused command, a plan."""
        commands = {
            "help of distill": ["distill", "--help"],
            "a refused command": ["distill", "--model.iteration=3"],
            "plan of the quickstart": ["run", "quickstart", "--dry-run"],
        }
        return [by_turns(name, {"ours": partial(_command, command)}, 3) for name, command in commands.items()]

    def memory(self) -> list[Timing]:
        """Peak memory so far; of a GPU, that of its own steps."""
        used = float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 2**20
        note = f"peak memory of this run: {used:.2f} GiB"
        if self.device.type == "cuda":
            note += f", of the GPU {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB"
        print(note)
        return [Timing("memory", note=note)]


def _convolved(images: Tensor, weight: Tensor, gradient: Tensor) -> None:
    torch.autograd.grad(F.conv2d(images, weight, padding=1), (images, weight), gradient)


def _command(words: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "fdd_lightning", *words], capture_output=True, check=False)
    return time.perf_counter() - started


PARTS = ("ceiling", "step", "evaluation", "embeddings", "start", "memory")


def picture(timings: Sequence[Timing], file: Path) -> None:
    """Draw how many times as long everything else takes."""
    from matplotlib.figure import Figure

    compared = [timing for timing in timings if len(timing.seconds) > 1]
    if not compared:
        return
    figure = Figure(figsize=(8, 0.6 + 0.5 * sum(len(t.seconds) - 1 for t in compared)), layout="constrained")
    axes = figure.add_subplot()
    names, middles, spreads = [], [], []
    for timing in reversed(compared):
        first = next(iter(timing.seconds))
        for way in reversed([name for name in timing.seconds if name != first]):
            ratios = sorted(timing.ratios(way, first))
            middle = statistics.median(ratios)
            names.append(f"{timing.what}: {way}")
            middles.append(middle)
            spreads.append((middle - ratios[0], ratios[-1] - middle))
    bars = axes.barh(names, middles, xerr=list(zip(*spreads, strict=True)), color="#4477aa", ecolor="#222222")
    axes.bar_label(bars, fmt="%.1f", padding=6)
    axes.margins(x=0.15)
    axes.axvline(1, color="#222222", linewidth=1)
    axes.set_xlabel("times as long as ours")
    figure.savefig(file, dpi=120)


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="networks.py and utils.py of zqhang/FairDD")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, help="what to measure")
    parser.add_argument("--methods", nargs="+", default=["dm", "dc"], help="presets of configs/method")
    parser.add_argument("--weightings", nargs="+", default=["vanilla", "fairdd", "kde"], choices=list(WEIGHTINGS))
    parser.add_argument(
        "--ways", nargs="+", default=list(WAYS), choices=list(WAYS), help="ours: compiled, bfloat16 targets"
    )
    parser.add_argument("--width", type=int, default=128, help="channels of the ConvNet")
    parser.add_argument("--depth", type=int, default=3, help="blocks of the ConvNet")
    parser.add_argument("--size", type=int, default=32, help="side of the images, pixels")
    parser.add_argument("--classes", type=int, default=10, help="classes of the data")
    parser.add_argument("--groups", type=int, default=10, help="groups of the data")
    parser.add_argument("--per-class", type=int, default=1000, help="real images of each class")
    parser.add_argument("--batch", type=int, default=256, help="real images of each class in a step")
    parser.add_argument("--ipc", type=int, default=10, help="synthetic images of each class")
    parser.add_argument("--networks", type=int, default=10, help="networks of an evaluation")
    parser.add_argument(
        "--steps", type=int, default=5, help="timed steps of a turn; a fifth of them where these are long"
    )
    parser.add_argument("--warmup", type=int, default=2, help="steps before them that are not timed")
    parser.add_argument("--turns", type=int, default=3, help="turns of each way")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios")
    options = parser.parse_args()
    options.inner = 1  # of DC and DSA: the images' step is timed, the network's training is the evaluation's
    return options


def main() -> None:
    """Time, print, and write where asked."""
    options = arguments()
    keep_freed_memory()
    benchmark = Benchmark(options)
    machine = f"{device_name(benchmark.device)}, torch {torch.__version__}, fdd-lightning {__version__}"
    print(machine, flush=True)
    timings = {part: getattr(benchmark, part)() for part in PARTS if part in options.parts}
    if options.json is not None:
        settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
        parts = {name: [vars(timing) for timing in found] for name, found in timings.items()}
        write_json(options.json, {"machine": machine, "settings": settings, "parts": parts})
    if options.picture is not None:
        picture([timing for found in timings.values() for timing in found], options.picture)


if __name__ == "__main__":
    main()
