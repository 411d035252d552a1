"""The loops of the published FairDD code, around its own functions, from a folder that holds it (``--against``).

Only ``networks.py`` and the functions of ``utils.py`` are read: its data sets and what they import are not needed.

As a script it times them in a process of their own, as they are run by whoever has them: nothing that this package sets
for its own process (what is kept of freed memory, say) helps them. It prints the seconds of a step or an epoch.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

LR_IMAGES = {"dm": 1.0, "dc": 0.1}


class Reference:
    """The code in a folder.

    Args:
        folder: Holds ``networks.py`` and ``utils.py`` of zqhang/FairDD.
        device: Where it computes.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        self.networks = _module(folder / "networks.py")
        self.utils = _functions(folder / "utils.py", vars(self.networks))
        strategy = self.utils["ParamDiffAug"]()
        self.args = SimpleNamespace(
            device=device, dsa=True, dsa_strategy="color_crop_cutout_flip_scale_rotate", dsa_param=strategy,
            dc_aug_param=None, dis_metric="ours",
        )  # fmt: skip

    synthetic: Tensor
    """The images that the last step that was asked for moves."""

    def network(self, width: int, classes: int, size: int) -> nn.Module:
        """Return a new ConvNet of a width, as ``get_network`` builds it."""
        made: nn.Module = self.networks.ConvNet(
            3, classes, width, 3, "relu", "instancenorm", "avgpooling", im_size=(size, size)
        )
        return made.to(self.args.device)

    def step(
        self, method: str, fair: bool, images: Tensor, labels: Tensor, groups: Tensor, synthetic: Tensor, options: Any
    ) -> Callable[[], None]:
        """Return one image step of ``main_DM.py`` or ``main_DC.py``, of all classes.

        Args:
            method: ``dm`` or ``dc``.
            fair: Whether its switch FairDD is on.
            images: All real images, normalised, on the device.
            labels: Their classes.
            groups: Their groups.
            synthetic: The synthetic images, class by class.
            options: ``classes``, ``width``, ``size``, ``batch``, ``ipc``.
        """
        places: list[list[int]] = [[] for _ in range(options.classes)]
        for place, label in enumerate(labels.tolist()):
            places[label].append(place)
        self.synthetic = synthetic = synthetic.detach().clone().requires_grad_()
        optimizer = torch.optim.SGD([synthetic], lr=LR_IMAGES[method], momentum=0.5)
        siamese = self.utils["DiffAugment"]
        held: list[nn.Module] = []

        def batch(c: int) -> tuple[Tensor, Tensor, Tensor]:
            chosen = np.random.permutation(places[c])[: options.batch]  # noqa: NPY002 (as the reference draws)
            own = synthetic[c * options.ipc : (c + 1) * options.ipc]
            real = images[chosen]
            if method == "dm":  # DC does not augment
                seed = int(time.time() * 1000) % 100000
                real, own = (
                    siamese(x, self.args.dsa_strategy, seed=seed, param=self.args.dsa_param) for x in (real, own)
                )
            return real, own, groups[chosen]

        def move(loss: Tensor) -> None:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()

        def dm() -> None:
            network = self.network(options.width, options.classes, options.size).train().requires_grad_(False)
            loss = torch.tensor(0.0).to(self.args.device)
            for c in range(options.classes):
                real, own, color = batch(c)
                output_real, output_syn = network.embed(real).detach(), network.embed(own)  # type: ignore[operator]
                if fair:
                    for col in torch.unique(color):
                        gap = torch.mean(output_real[color == col], dim=0) - torch.mean(output_syn, dim=0)
                        loss += torch.sum(gap**2)
                else:
                    loss += torch.sum((torch.mean(output_real, dim=0) - torch.mean(output_syn, dim=0)) ** 2)
            move(loss)

        def dc() -> None:
            if not held:
                held.append(self.network(options.width, options.classes, options.size).train())
            network, criterion = held[0], nn.CrossEntropyLoss()
            parameters = list(network.parameters())
            loss = torch.tensor(0.0).to(self.args.device)
            for c in range(options.classes):
                real, own, color = batch(c)
                of_real, of_own = (torch.full((len(x),), c, device=self.args.device) for x in (real, own))
                output = network(real)
                gradients = torch.autograd.grad(criterion(network(own), of_own), parameters, create_graph=True)
                masks = [color == col for col in torch.unique(color)] if fair else [color >= 0]
                for mask in masks:
                    part = criterion(output[mask], of_real[mask])
                    found = torch.autograd.grad(part, parameters, retain_graph=fair)
                    wanted = [gradient.detach().clone() for gradient in found]
                    loss += self.utils["match_loss"](gradients, wanted, self.args)
            move(loss)

        return {"dm": dm, "dc": dc}[method]

    def epoch(self, width: int, classes: int, images: Tensor, labels: Tensor) -> Callable[[], None]:
        """Return one epoch of ``evaluate_synset`` for one new network on a synthetic set."""
        network = self.network(width, classes, images.shape[-1])
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005)
        data = torch.utils.data.TensorDataset(images, labels)
        loader = torch.utils.data.DataLoader(data, batch_size=256, shuffle=True, num_workers=0)
        criterion = nn.CrossEntropyLoss()
        return lambda: self.utils["epoch"]("train", loader, network, optimizer, criterion, self.args, aug=True)


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("fairdd_reference_networks", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _functions(file: Path, known: dict[str, Any]) -> dict[str, Any]:
    """Return the functions and classes of a file, and its tables, without what it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    kept: list[ast.stmt] = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Assign)]
    names = {**known, "torch": torch, "np": np, "F": F, "nn": nn, "random": random, "time": time}
    names["Dataset"] = torch.utils.data.Dataset
    exec(compile(ast.Module(kept, []), str(file), "exec"), names)
    return names


def now() -> float:
    """Return the time, once the device has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def repeated(function: Callable[[], Any], warmup: int, times: int) -> float:
    """Return the seconds that a function takes on average."""
    for _ in range(warmup):
        function()
    started = now()
    for _ in range(times):
        function()
    return (now() - started) / times


NUMBERS = ("classes", "groups", "width", "size", "batch", "ipc", "per_class", "networks", "warmup", "times")


def timed(folder: Path, what: str, fair: bool, numbers: dict[str, int]) -> float:
    """Return the seconds that a process of its own takes for a step of ``dm`` or ``dc``, or for an ``epoch``."""
    words = [f"--{key.replace('_', '-')}={numbers[key]}" for key in NUMBERS]
    command = [sys.executable, __file__, str(folder), what, *(["--fair"] if fair else []), *words]
    said = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return float(said.split()[-1])


def main() -> None:
    """Print the seconds."""
    parser = argparse.ArgumentParser(description="time one loop of the published code")
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=["dm", "dc", "epoch"])
    parser.add_argument("--fair", action="store_true")
    for key in NUMBERS:
        parser.add_argument(f"--{key.replace('_', '-')}", type=int, required=True)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reference = Reference(options.folder, device)
    count, shape = options.classes * options.per_class, (3, options.size, options.size)
    synthetic = torch.randn(options.classes * options.ipc, *shape, device=device)
    if options.what == "epoch":
        labels = (torch.arange(len(synthetic)) % options.classes).to(device)
        epochs = [reference.epoch(options.width, options.classes, synthetic, labels) for _ in range(options.networks)]
        print(repeated(lambda: [epoch() for epoch in epochs], options.warmup, options.times))
        return
    images, labels = torch.randn(count, *shape, device=device), torch.arange(count) % options.classes
    groups = torch.where(torch.rand(count) < 0.9, labels, torch.randint(options.groups, (count,))).to(device)
    step = reference.step(options.what, options.fair, images, labels, groups, synthetic, options)
    print(repeated(step, options.warmup, options.times))


if __name__ == "__main__":
    main()
