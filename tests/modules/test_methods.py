"""Every matching method's preset, small, against its own formula written out; and resumed from a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, interpolate

from fdd_lightning.augment import DSA, DiffAug
from fdd_lightning.configuration.choices import build, import_class
from fdd_lightning.configuration.menu import find
from fdd_lightning.matching.initialisers import KMeansImages
from fdd_lightning.matching.samplers import KMeans
from fdd_lightning.matching.surrogates import OnReal, Queue
from fdd_lightning.matching.weightings import FairDD, Vanilla, Weighting
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.networks import ConvNet
from fdd_lightning.utils.rng import generator, seeded
from tests.modules.conftest import trainer

SEED, IPC, BATCH, C = 3, 2, 12, 10
NETWORK = {"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"width": 4, "depth": 2}}
SMALL: dict[str, dict[str, Any]] = {
    "dc": {"surrogate": {"outer": 2, "inner": 2, "batch_size": 7, "lr": 0.5}, "iterations": 2, "lr_images": 3.0},
    "dsa": {"surrogate": {"outer": 2, "inner": 2, "batch_size": 7, "lr": 0.5}, "iterations": 2, "lr_images": 3.0},
    "idc_mnist": {"surrogate": {"inner": 2, "images": 20, "batch_size": 8}, "iterations": 2, "lr_images": 0.05},
    "idc": {"surrogate": {"inner": 2, "images": 20, "batch_size": 8}, "iterations": 2, "lr_images": 0.5},
    "dream": {"surrogate": {"inner": 2, "images": 20, "batch_size": 8}, "iterations": 2, "lr_images": 0.5},
    "idm": {"surrogate": {"start": 2, "interval": 1, "length": 3, "steps": 2, "batch_size": 8}, "iterations": 3},
    "cafe": {"surrogate": {"patience": 2, "probes": 4, "lr": 0.1}, "iterations": 4},
}
METHODS = list(SMALL)


def distiller(method: str, weighting: Weighting, **arguments: Any) -> Distiller:
    """Build a method from its preset, with a small network and few steps."""
    spec = find("method", method)
    given = dict(spec["init_args"])
    for key, value in SMALL[method].items():
        if key == "surrogate":
            given[key]["init_args"] |= {**value, "network": NETWORK}
        else:
            given[key] = value
    given["sampler"].setdefault("init_args", {})["batch_size"] = BATCH
    if "init_args" in given["initialiser"]:
        given["initialiser"]["init_args"]["network"] = NETWORK
    given |= {"images_per_class": IPC, "seed": SEED}
    kind = import_class(spec["class_path"])
    made: Distiller = kind(
        C, (3, 16, 16), **{k: build(v) for k, v in given.items()} | {"weighting": weighting} | arguments
    )
    return made


class Literal:
    """What all methods share, image by image: real images, weights, networks and plain SGD with momentum."""

    def __init__(self, data: Any, weighting: str) -> None:
        self.train = data.train
        self.weighting = weighting
        self.members = [[i for i, target in enumerate(self.train.targets.tolist()) if target == c] for c in range(C)]

    def image(self, index: int) -> Tensor:
        pixels: Tensor = self.train.images[index]
        return ((pixels.float() / 255 - 0.5) / 0.5).double()

    def rows(self, chosen: list[int]) -> list[list[float]]:
        groups = [int(self.train.groups[i]) for i in chosen]
        if self.weighting == "vanilla":
            return [[1 / len(groups)] * len(groups)]
        return [[1 / groups.count(a) if g == a else 0.0 for g in groups] for a in sorted(set(groups))]

    def uniform(self, c: int, tick: int) -> list[int]:
        order = torch.randperm(len(self.members[c]), generator=generator(SEED, "real batch", tick, c))[:BATCH]
        return [self.members[c][int(o)] for o in order]

    def network(self, *purpose: int) -> ConvNet:
        with seeded(SEED, "surrogate", *purpose):
            return ConvNet(C, (3, 16, 16), width=4, depth=2)

    def starts(self, per_class: int) -> Tensor:
        found = []
        for c in range(C):
            order = torch.randperm(len(self.members[c]), generator=generator(SEED, "initial images", c))[:per_class]
            found += [self.image(self.members[c][int(o)]) for o in order]
        return torch.stack(found)


class SGD:
    """SGD with momentum, written out."""

    def __init__(self, lr: float, momentum: float = 0.0, decay: float = 0.0) -> None:
        self.lr, self.momentum, self.decay = lr, momentum, decay
        self.velocity: list[Tensor] | None = None

    def __call__(self, values: Sequence[Tensor], gradients: list[Tensor]) -> None:
        gradients = [g + self.decay * v.detach() for v, g in zip(values, gradients, strict=True)]
        if self.velocity is None:
            self.velocity = gradients
        else:
            self.velocity = [self.momentum * b + g for b, g in zip(self.velocity, gradients, strict=True)]
        with torch.no_grad():
            for value, step in zip(values, self.velocity, strict=True):
                value -= self.lr * step


def train(network: ConvNet, sgd: SGD, images: Tensor, labels: Tensor) -> Tensor:
    """One step of mean cross-entropy; returns the logits."""
    logits: Tensor = network(images)
    parameters = list(network.parameters())
    sgd(parameters, list(torch.autograd.grad(cross_entropy(logits, labels), parameters)))
    return logits.detach()


def gradient(network: ConvNet, images: Tensor, weights: list[float], c: int, *, graph: bool = False) -> list[Tensor]:
    """The gradient of sum_i w_i CE_i, image by image."""
    loss = torch.zeros(())
    for w, x in zip(weights, images, strict=True):
        if w:
            loss = loss + w * cross_entropy(network(x[None]), torch.tensor([c]))
    return list(torch.autograd.grad(loss, list(network.parameters()), create_graph=graph))


def cosine(real: list[Tensor], own: list[Tensor]) -> Tensor:
    total = torch.zeros(())
    for g, h in zip(real, own, strict=True):
        if g.ndim > 1:
            for a, b in zip(g.flatten(1), h.flatten(1), strict=True):
                total = total + 1 - (a * b).sum() / (a.norm() * b.norm() + 1e-6)
    return total


def gradient_matching(case: Literal, images: Tensor, augment: DSA | None, lr: float) -> Tensor:
    """DC and DSA: one step for all classes, then the network learns from the images."""
    sgd, labels = SGD(lr, 0.5), torch.arange(C).repeat_interleave(IPC)
    for tick in range(4):
        if tick % 2 == 0:
            network = case.network(tick)
        images = images.detach().requires_grad_()
        total = torch.zeros(())
        for c in range(C):
            chosen = case.uniform(c, tick)
            real, own = torch.stack([case.image(i) for i in chosen]), images[c * IPC : (c + 1) * IPC]
            if augment:
                real, own = (augment(x, generator(SEED, "augmentation", tick, c), siamese=True) for x in (real, own))
            synthetic = gradient(network, own, [1 / IPC] * IPC, c, graph=True)
            for row in case.rows(chosen):
                total = total + cosine(gradient(network, real, row, c), synthetic)
        (slope,) = torch.autograd.grad(total, images)
        images = images.detach()
        sgd([images], [slope])
        if tick % 2 == 0:
            own_sgd = SGD(0.5)
            for epoch in range(2):
                draws = generator(SEED, "surrogate training", tick, epoch)
                for index in torch.randperm(len(labels), generator=draws).split(7):
                    batch = augment(images[index], draws, siamese=False) if augment else images[index]
                    train(network, own_sgd, batch, labels[index])
    return images


def decode(stored: Tensor, mean: float, std: float) -> Tensor:
    """Four quadrants of each image, row by row, enlarged."""
    found = []
    for image in stored:
        for i in (0, 8):
            for j in (0, 8):
                found.append(interpolate(image[None, :, i : i + 8, j : j + 8], size=(16, 16), mode="bilinear"))
    return (torch.cat(found) - mean) / std


def assemble(images: Tensor, shrink: str) -> Tensor:
    found = []
    for four in images.split(4):
        a, b, c, d = interpolate(four, size=(8, 8), mode=shrink)
        found.append(torch.cat([torch.cat([a, b], 2), torch.cat([c, d], 2)], 1))
    return torch.stack(found)


def idc(case: Literal, method: str) -> Tensor:
    """IDC and DREAM: a step for each class, convolutions only; the network learns from real images."""
    mnist, dream = method == "idc_mnist", method == "dream"
    lr, augment = (0.05 if mnist else 0.5) * IPC / 10, DiffAug("color_crop" if mnist else "color_crop_cutout")
    start = KMeansImages(lambda n, s: ConvNet(n, s, width=4, depth=2)) if dream else None
    images = case.starts(4 * IPC)
    if start:
        images = torch.cat(
            [start.images(case.train, c, 4 * IPC, generator(SEED, "initial images", c)) for c in range(C)]
        ).double()
    stored, sgd = assemble(images.float() * 0.5 + 0.5, "nearest").clamp(0, 1).double(), SGD(lr, 0.5)
    left: dict[int, list[int]] = {}
    cluster = KMeans(BATCH, interval=10)
    learner = OnReal(lambda n, s: ConvNet(n, s, width=4, depth=2), cutmix=0.0 if mnist else 0.5)
    for tick in range(4):
        if tick % 2 == 0:
            stored = stored.detach().clamp(0, 1)
            network, net_sgd = case.network(tick), SGD(0.01, 0.9, 5e-4)
        for c in range(C):
            draws = generator(SEED, "real batch", tick, c)
            if dream:
                chosen = cluster.draw(case.train, c, tick, draws, network).tolist()
            else:
                if len(left.get(c, [])) < BATCH:
                    left[c] = torch.randperm(len(case.members[c]), generator=draws).tolist()
                chosen, left[c] = [case.members[c][o] for o in left[c][:BATCH]], left[c][BATCH:]
            stored = stored.detach().requires_grad_()
            real, own = torch.stack([case.image(i) for i in chosen]), decode(stored[c * IPC : (c + 1) * IPC], 0.5, 0.5)
            real, own = (augment(x, generator(SEED, "augmentation", tick, c), siamese=True) for x in (real, own))
            synthetic, total = gradient(network, own, [1 / len(own)] * len(own), c, graph=True), torch.zeros(())
            for row in case.rows(chosen):
                for g, h in zip(gradient(network, real, row, c), synthetic, strict=True):
                    if g.ndim == 4:
                        total = total + ((g - h).abs().sum() if mnist else (g - h).square().sum())
            (slope,) = torch.autograd.grad(total, stored)  # zero for the other classes, which momentum moves on
            stored = stored.detach()
            sgd([stored], [slope])
        if tick % 2 == 0:
            teach(case, network, net_sgd, tick, learner)
    return stored


def teach(case: Literal, network: ConvNet, sgd: SGD, tick: int, learner: OnReal) -> None:
    """Twenty real images in batches of eight are three whole ones; cutmix is tested on its own, here only restated."""
    draws = generator(SEED, "surrogate training", tick)
    for index in torch.randperm(len(case.train), generator=draws)[:24].split(8):
        images = torch.stack([case.image(int(i)) for i in index])
        images, labels = DiffAug("color_crop")(images, draws, siamese=False), case.train.targets[index]
        loss_of = [(labels, 1.0)]
        if float(torch.rand(1, generator=draws)) < learner.cutmix:
            partner, share = torch.randperm(len(labels), generator=draws), float(torch.rand(1, generator=draws))
            edges = []
            for size in (16, 16):
                half, centre = int(size * math.sqrt(1 - share)) // 2, int(torch.randint(size, (1,), generator=draws))
                edges.append((max(centre - half, 0), min(centre + half, size)))
            (top, bottom), (left, right) = edges
            mixed = images.clone()
            mixed[:, :, top:bottom, left:right] = images[partner][:, :, top:bottom, left:right]
            kept = 1 - (bottom - top) * (right - left) / 256
            images, loss_of = mixed, [(labels, kept), (labels[partner], 1 - kept)]
        loss = torch.stack([share * cross_entropy(network(images), target) for target, share in loss_of]).sum()
        parameters = list(network.parameters())
        sgd(parameters, list(torch.autograd.grad(loss, parameters)))


def idm(case: Literal) -> Tensor:
    """IDM: feature means through a queued network, and its cross-entropy times its accuracy in percent."""
    stored, sgd = assemble(case.starts(4 * IPC).float(), "bilinear").double(), SGD(0.2, 0.5)
    queue: list[list[Any]] = []  # network, its SGD, right, seen
    born = 0
    for tick in range(3):
        for _ in range(3 if tick == 0 else 1):
            queue.append([case.network(born), SGD(0.01, 0.9, 5e-4), 0, 0])
            born += 1
        queue = queue[-3:]
        pick = int(torch.randint(len(queue), (1,), generator=generator(SEED, "queue match", tick)))
        network, _, right, seen = queue[pick]
        for c in range(C):
            chosen = case.uniform(c, tick)
            stored = stored.detach().requires_grad_()
            real, own = torch.stack([case.image(i) for i in chosen]), decode(stored[c * IPC : (c + 1) * IPC], 0, 1)
            real, own = (DSA()(x, generator(SEED, "augmentation", tick, c), siamese=True) for x in (real, own))
            mean, total = network.embed(own).mean(0), torch.zeros(())
            for row in case.rows(chosen):
                target = sum(w * network.embed(x[None])[0].detach() for w, x in zip(row, real, strict=True))
                total = total + (target - mean).square().sum()
            labels = torch.full((len(own),), c)
            total = total + 0.5 * (100 * right / seen if seen else 0.0) * cross_entropy(network(own), labels)
            (slope,) = torch.autograd.grad(total, stored)
            stored = stored.detach()
            sgd([stored], [slope])
        draws = generator(SEED, "queue training", tick)
        for place in torch.randperm(len(queue), generator=draws)[:2].tolist():
            for _ in range(2):
                index = torch.randperm(len(case.train), generator=draws)[:8]
                labels = case.train.targets[index]
                logits = train(
                    queue[place][0], queue[place][1], torch.stack([case.image(int(i)) for i in index]), labels
                )
                queue[place][2] += int((logits.argmax(1) == labels).sum())
                queue[place][3] += 8
    return stored


def cafe(case: Literal) -> Tensor:
    """CAFE: maps of all blocks, the flattened feature once more, and the discrimination; two steps per network."""
    images = noise(case)
    velocity, labels = SGD(0.1, 0.5), torch.arange(C).repeat_interleave(IPC)
    for tick in range(4):
        if tick % 2 == 0:
            network = case.network(tick)
        velocity.lr = 0.1 * 0.5 ** sum(tick >= share * 4 for share in (0.6, 0.8, 0.9))
        images = images.detach().requires_grad_()
        maps = blocks(network, images)
        means = torch.stack([maps[-1][c * IPC : (c + 1) * IPC].mean(0) for c in range(C)])
        total = torch.zeros(())
        for c in range(C):
            chosen = case.uniform(c, tick)
            real = [layer.detach() for layer in blocks(network, torch.stack([case.image(i) for i in chosen]))]
            rows = case.rows(chosen)
            for row in rows:
                for factor, whole, own in zip((0.1, 0.1, 2.0), real, maps, strict=True):
                    target = sum(w * x for w, x in zip(row, whole, strict=True))
                    total = total + factor * (target - own[c * IPC : (c + 1) * IPC].mean(0)).square().sum()
            for i, feature in enumerate(real[-1]):
                weight = len(chosen) * sum(row[i] for row in rows) / len(rows)
                total = total + 0.01 * weight * cross_entropy((feature @ means.T)[None], torch.tensor([c]))
        (slope,) = torch.autograd.grad(total, images)
        images = images.detach()
        velocity([images], [slope])
        if tick % 2 == 0:
            for epoch in (1, 2):
                draws = generator(SEED, "surrogate training", tick, epoch)
                for index in torch.randperm(len(labels), generator=draws).split(256):
                    train(network, SGD(0.1), images[index], labels[index])
    return images


def blocks(network: ConvNet, images: Tensor) -> list[Tensor]:
    found = []
    for layer in network.features:
        images = layer(images)
        if isinstance(layer, torch.nn.ReLU):
            found.append(images.clone())
    return [*found, images.flatten(1)]


def noise(case: Literal) -> Tensor:
    draws = [generator(SEED, "initial images", c) for c in range(C)]
    return torch.cat([torch.randn(IPC, 3, 16, 16, generator=g, dtype=torch.float32) for g in draws]).double()


LITERAL: dict[str, Callable[[Literal], Tensor]] = {
    "dc": lambda case: gradient_matching(case, noise(case), None, 3.0),
    "dsa": lambda case: gradient_matching(case, case.starts(IPC), DSA(), 3.0),
    "idc_mnist": lambda case: idc(case, "idc_mnist"),
    "idc": lambda case: idc(case, "idc"),
    "dream": lambda case: idc(case, "dream"),
    "idm": idm,
    "cafe": cafe,
}


@pytest.fixture
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("weighting", [Vanilla(), FairDD()], ids=["vanilla", "fairdd"])
@pytest.mark.parametrize("method", METHODS)
def test_images_equal_the_literal_method(method, weighting, digits, doubles):
    arguments = {}
    if method == "cafe":  # two blocks here
        arguments["distance"] = build(
            {
                "class_path": "fdd_lightning.matching.distances.LayeredSquared",
                "init_args": {"factors": [0.1, 0.1, 2.0]},
            }
        )
    model = distiller(method, weighting, **arguments)
    trainer(precision="64-true").distill(model, digits)
    expected = LITERAL[method](Literal(digits, type(weighting).__name__.lower()))
    assert model.images.dtype == torch.float64
    torch.testing.assert_close(model.images.detach(), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_a_stopped_run_ends_with_the_same_images(method, digits, tmp_path):
    arguments: dict[str, Any] = {}
    if method == "cafe":
        arguments["distance"] = build(
            {
                "class_path": "fdd_lightning.matching.distances.LayeredSquared",
                "init_args": {"factors": [0.1, 0.1, 2.0]},
            }
        )
    whole = distiller(method, FairDD(), **arguments)
    trainer().distill(whole, digits)
    for stop in sorted({1, whole.num_steps // 2, whole.num_steps // 2 + 1}):
        first = trainer(max_steps=stop)
        first.fit(distiller(method, FairDD(), **arguments), datamodule=digits)
        first.save_checkpoint(tmp_path / "stopped.ckpt")
        second = distiller(method, FairDD(), **arguments)
        trainer().fit(second, datamodule=digits, ckpt_path=tmp_path / "stopped.ckpt")
        assert torch.equal(second.images, whole.images)


def test_steps_are_iterations_times_rounds_times_classes():
    assert distiller("dc", Vanilla()).num_steps == 2 * 2
    assert distiller("idc", Vanilla()).num_steps == 2 * 2 * C
    assert distiller("idm", Vanilla()).num_steps == 3 * C
    assert distiller("cafe", Vanilla()).num_steps == 4


def test_presets_have_the_papers_parts():
    assert isinstance(distiller("idc", Vanilla()).surrogate, OnReal)
    assert isinstance(distiller("idm", Vanilla()).surrogate, Queue)
    assert distiller("idc", Vanilla()).lr_images == pytest.approx(0.5 * IPC / 10)
