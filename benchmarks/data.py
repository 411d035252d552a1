"""Time building a data set and reading batches of it, and watch the memory, on generated images: nothing is downloaded.

    python benchmarks/data.py                                 # 200,000 images of 64x64: 2.5 GB in a temporary folder
    python benchmarks/data.py --count 20000 --folder /data    # smaller, on another disk

Reading is what the distiller does for one step: draw images of every class, and take them from the memory-mapped cache.
The files are in the system's page cache by then (they were just written, and are read through once), so this is the
time of all steps but the first. Memory is anonymous memory: what a machine must have; pages of the files come on top
where there is room.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from unittest.mock import patch

import torch
from torch import Tensor

from fdd_lightning.__about__ import __version__
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.datasets import Split
from fdd_lightning.utils.files import write_json
from fdd_lightning.utils.memory import keep_freed_memory
from fdd_lightning.utils.rng import generator

CHUNK = 4096
"""Images that the source hands over at a time."""
STATUS = Path("/proc/self/status")


class GeneratedImages(BaseDataModule):
    """Noise that is made while it is written: nine images of ten of a class in one group, the rest in the others.

    Args:
        count: Training images; the test set has a tenth of them.
        size: Side of the square images.
        classes: Number of classes, and of groups.
    """

    name = "generated_images"
    reads_root = False
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    licence = "none"
    determines = ("count", "size", "classes", "seed")

    def __init__(self, count: int = 200_000, size: int = 64, classes: int = 10) -> None:
        super().__init__()
        self.count = count
        self.size = size
        self.classes = classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Numbers."""
        return tuple(map(str, range(self.classes)))

    @property
    def group_names(self) -> tuple[str, ...]:
        """Numbers."""
        return tuple(map(str, range(self.classes)))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Three channels."""
        return (3, self.size, self.size)

    def build(self) -> dict[str, Split]:
        """Return splits whose images are made chunk by chunk."""
        return {"train": self._split_of(self.count, "train"), "test": self._split_of(self.count // 10, "test")}

    def _split_of(self, count: int, name: str) -> Split:
        draws = generator(self.seed, "generated images", name)
        targets = torch.randint(self.classes, (count,), generator=draws)
        other = torch.randint(self.classes, (count,), generator=draws)
        groups = torch.where(torch.rand(count, generator=draws) < 0.9, targets, other)
        return Split(self._chunks(count, draws), targets, groups)

    def _chunks(self, count: int, draws: torch.Generator) -> Iterator[Tensor]:
        """Yield images; the noise is drawn once and altered for every chunk, which costs next to nothing."""
        noise = torch.randint(256, (min(CHUNK, count), *self.image_shape), dtype=torch.uint8, generator=draws)
        for number, start in enumerate(range(0, count, CHUNK)):
            yield noise[: count - start] ^ (number % 256)


class Memory:
    """Watches how far the anonymous memory of this process grows.

    Args:
        start: MB from which growth counts; None where the system does not tell, then there are no figures.
    """

    def __init__(self, start: float | None) -> None:
        self._start = self._peak = start
        self._done = threading.Event()

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Sum up."""
        self._done.set()
        self._thread.join()
        self._look()

    @property
    def grown(self) -> float | None:
        """How far it grew, at most, in MB."""
        return None if self._start is None or self._peak is None else self._peak - self._start

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._look()

    def _look(self) -> None:
        now = anonymous()
        if now is not None and self._peak is not None:
            self._peak = max(self._peak, now)


def anonymous() -> float | None:
    """Return the anonymous memory of this process in MB, where the system tells (Linux)."""
    if not STATUS.is_file():
        return None
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1000


@contextmanager
def cache(folder: Path | None) -> Iterator[Path]:
    """Give a temporary cache folder, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="fdd-benchmark-", dir=folder))
    try:
        with patch.dict(os.environ, FDD_CACHE=str(path)):
            yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def timed(work: Callable[[int], object], warmup: int, repeats: int) -> list[float]:
    """Return the seconds of every repetition, after some that do not count."""
    seconds = []
    for step in range(warmup + repeats):
        start = time.perf_counter()
        work(step)
        seconds.append(time.perf_counter() - start)
    return seconds[warmup:]


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200_000, help="training images")
    parser.add_argument("--size", type=int, default=64, help="side of the images, pixels")
    parser.add_argument("--classes", type=int, default=10, help="classes, and groups, of the data")
    parser.add_argument("--batch", type=int, default=256, help="images of each class in a step")
    parser.add_argument("--builds", type=int, default=3, help="times that the set is built")
    parser.add_argument("--repeats", type=int, default=30, help="timed steps")
    parser.add_argument("--warmup", type=int, default=5, help="steps before them that are not timed")
    parser.add_argument("--folder", type=Path, help="where the temporary cache goes; the system's temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, all timings among them")
    return parser.parse_args()


def build(data: BaseDataModule, count: int, memory: Memory) -> list[float]:
    """Build the set several times and return the seconds of each."""
    seconds = []
    with memory:
        for turn in range(count):
            if turn:
                shutil.rmtree(data.cache_folder)
            start = time.perf_counter()
            data.prepare_data()
            seconds.append(time.perf_counter() - start)
    return seconds


def main() -> None:
    """Time, print, and write where asked."""
    options = arguments()
    data = GeneratedImages(options.count, options.size, options.classes)
    start = anonymous()
    with cache(options.folder):
        building, reading = Memory(start), Memory(start)
        builds = build(data, options.builds, building)
        keep_freed_memory()  # as the stages do
        with reading:
            data.setup()
            train = data.train
            for part in torch.arange(len(train)).split(CHUNK):  # every page is in memory once
                train.pixels(part)

            def drawn(step: int) -> Iterator[Tensor]:
                for target in range(data.num_classes):
                    members = train.members(target)
                    order = torch.randperm(len(members), generator=generator(0, "benchmark", step, target))
                    yield members[order[: options.batch]]

            def as_bytes(step: int) -> list[Tensor]:
                return [train.pixels(index) for index in drawn(step)]

            def as_floats(step: int) -> list[Tensor]:
                return [train.batch(index)["image"] for index in drawn(step)]

            read = {
                name: timed(work, options.warmup, options.repeats)
                for name, work in (("uint8", as_bytes), ("float32, normalised", as_floats))
            }
            images = sum(len(index) for index in drawn(0))
    total = options.count + options.count // 10
    machine = f"cpu, {torch.get_num_threads()} threads, torch {torch.__version__}, fdd-lightning {__version__}"
    print(
        f"{options.count:,} images of {options.size}x{options.size} in {options.classes} classes, "
        f"{options.count * 3 * options.size**2 / 1e9:.2f} GB\n{machine}\n"
    )
    print(f"{'':34}{'median':>12}{'spread':>12}{'images/s':>12}{'memory, MB':>12}")
    figures = {"prepare": _line("prepare", builds, total, "s", building.grown)}
    for name, seconds in read.items():
        title = f"{options.classes} x {options.batch} as {name}"
        figures[name] = _line(title, seconds, images, "ms", reading.grown)
    print(
        f"\nmedian of {options.builds} builds and of {options.repeats} steps; spread: between the quartiles; memory: "
        "anonymous memory\nat most, less what the process had after its imports"
    )
    if options.json is not None:
        settings = {key: value for key, value in vars(options).items() if key not in ("json", "folder")}
        write_json(options.json, {"machine": machine, "settings": settings, **figures})


def _line(title: str, seconds: list[float], images: int, unit: str, memory: float | None) -> dict[str, object]:
    """Print one line of the table and return its figures."""
    ordered = sorted(seconds)
    middle = statistics.median(ordered)
    spread = ordered[(3 * len(ordered)) // 4] - ordered[len(ordered) // 4]
    factor = {"s": 1, "ms": 1000}[unit]
    grown = "?" if memory is None else f"{memory:.0f}"
    print(
        f"{title:34}{factor * middle:9.1f} {unit:2}{factor * spread:9.1f} {unit:2}{images / middle:12,.0f}{grown:>12}"
    )
    return {"seconds": middle, "images_per_second": images / middle, "memory_mb": memory, "all": seconds}


if __name__ == "__main__":
    main()
