"""Time to accuracy: seconds until a distilled set of C-MNIST FG, started from noise, reaches an accuracy.

    FDD_DATA=... python benchmarks/time_to_accuracy.py                       # ours at widths 128 and 32
    FDD_DATA=... python benchmarks/time_to_accuracy.py --against FOLDER      # and the loop of zqhang/FairDD in a folder

What counts is everything from the data in memory to the images: votes, weights and compiling included. What judges is
the same for all and does not count: three networks of width 32 by the preset `quick`, on the real test images. Ours are
runs of the recommended way of several lengths, each from the beginning, since its learning rate falls over the run; of
the reference's loop, at its own settings, the images are looked at as they come.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from groups import device_name
from reference import Reference, now
from torch import Tensor

from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.configuration.choices import build
from fdd_lightning.configuration.menu import find
from fdd_lightning.datamodules import BaseDataModule
from fdd_lightning.matching.initialisers import Noise
from fdd_lightning.matching.surrogates import Fresh
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.selection import Selection
from fdd_lightning.networks import ConvNet
from fdd_lightning.trainer.trainer import FDDTrainer
from fdd_lightning.utils.files import write_json
from fdd_lightning.utils.memory import keep_freed_memory

SILENT: dict[str, Any] = {
    "logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "devices": 1,
}  # fmt: skip


class Judge:
    """The outside evaluation, the same for all.

    Args:
        data: The data set.
    """

    def __init__(self, data: BaseDataModule) -> None:
        self.data = data

    def __call__(self, images: Tensor, who: str) -> float:
        """Return the accuracy of networks that are trained on normalised images, class by class."""
        labels = torch.arange(self.data.num_classes).repeat_interleave(len(images) // self.data.num_classes)
        names = {"mean": list(self.data.mean), "std": list(self.data.std), "class_names": list(self.data.class_names)}
        evaluator = Evaluator.for_data(self.data, count=3, preset="quick", network=partial(ConvNet, width=32))
        shown = images.cpu() * torch.tensor(self.data.std).view(-1, 1, 1) + torch.tensor(self.data.mean).view(-1, 1, 1)
        evaluator.synthetic = SyntheticSet(shown.float(), labels, names | {"method": who})
        row = FDDTrainer(**SILENT).eval(evaluator, datamodule=self.data)
        return 0.0 if row is None else float(row["metrics"]["accuracy"]["mean"])


def ours(data: BaseDataModule, weighting: str, width: int, steps: int, lr: float) -> tuple[float, Tensor]:
    """Return the seconds of a whole distillation, and its images."""
    started = now()
    given: dict[str, Any] = {key: build(value) for key, value in find("method", "dm_recommended")["init_args"].items()}
    given |= {"weighting": build(find("weighting", weighting)), "surrogate": Fresh(partial(ConvNet, width=width))}
    given |= {"iterations": steps, "initialiser": Noise(), "images_per_class": 10, "lr_images": lr}
    model = Distiller.for_data(data, **given)
    made = FDDTrainer(**SILENT).distill(model, datamodule=data)
    return now() - started, made.tensors(normalised=True)[0]


def control(data: BaseDataModule, weighting: str) -> Tensor:
    """Return real images drawn by the same weights."""
    model = Selection.for_data(
        data, images_per_class=10, weighting=build(find("weighting", weighting)), method="random"
    )
    return FDDTrainer(**SILENT).distill(model, datamodule=data).tensors(normalised=True)[0]


def main() -> None:
    """Time, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="networks.py and utils.py of zqhang/FairDD")
    parser.add_argument("--goal", type=float, default=0.85, help="the accuracy to reach")
    parser.add_argument("--widths", type=int, nargs="+", default=[32, 128], help="of our networks")
    parser.add_argument("--weightings", nargs="+", default=["vote", "fairdd"], help="of ours")
    parser.add_argument("--steps", type=int, nargs="+", default=[50, 100, 200, 400], help="lengths of our runs")
    parser.add_argument("--lr", type=float, default=0.5, help="of our images: noise has further to go than real ones")
    parser.add_argument("--most", type=int, default=200, help="steps after which the reference's loop is given up")
    parser.add_argument("--every", type=int, default=10, help="steps between two looks at its images")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    options = parser.parse_args()
    data = build(find("data", "cmnist_fg"))()
    data.prepare_data()
    data.setup()
    judge, found = Judge(data), []

    def note(who: str, steps: int, seconds: float, images: Tensor) -> float:
        accuracy = judge(images, who)
        found.append({"who": who, "steps": steps, "seconds": seconds, "accuracy": accuracy})
        print(f"{who:32}{steps:6} steps{seconds:10.1f} s   accuracy {accuracy:.3f}", flush=True)
        return accuracy

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(device_name(device))
    if options.against is not None:
        reference, real = Reference(options.against, device), data.train
        everything = real.batch(torch.arange(len(real)))["image"].to(device)
        facts = SimpleNamespace(classes=data.num_classes, width=128, size=data.image_shape[1], batch=256, ipc=10)
        start = torch.randn(10 * data.num_classes, *data.image_shape, device=device)
        loop = reference.step("dm", True, everything, real.targets, real.groups.to(device), start, facts)
        total = 0.0
        for done in range(options.every, options.most + 1, options.every):
            started = now()
            for _ in range(options.every):
                loop()
            total += now() - started
            if note("the reference's DM+FairDD", done, total, reference.synthetic.detach()) >= options.goal:
                break
    keep_freed_memory()  # only now: nobody does so for the reference
    for weighting in options.weightings:
        above = note(f"drawn images, {weighting}", 0, 0.0, control(data, weighting)) + 0.01
        for width in options.widths:
            for steps in options.steps:
                seconds, images = ours(data, weighting, width, steps, options.lr)
                if note(f"ours, {weighting}, width {width}", steps, seconds, images) >= max(options.goal, above):
                    break
    if options.json is not None:
        write_json(options.json, {"machine": device_name(device), "found": found, "at": time.strftime("%F")})


if __name__ == "__main__":
    main()
