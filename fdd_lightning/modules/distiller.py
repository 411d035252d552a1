"""The Distiller: synthetic images whose weighted signals match those of real ones."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from fdd_lightning.augment import DSA, Augmentation
from fdd_lightning.configuration.choices import build, rebuild
from fdd_lightning.configuration.defaults import parameters
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.distances import Distance, Squared
from fdd_lightning.matching.initialisers import Initialiser, Real
from fdd_lightning.matching.parameterisations import Parameterisation, Pixels
from fdd_lightning.matching.samplers import Sampler, Uniform
from fdd_lightning.matching.signals import Features, Layers, Signal
from fdd_lightning.matching.sources import AsIs, Source
from fdd_lightning.matching.step import MatchingStep, StepParts
from fdd_lightning.matching.surrogates import Fresh, Lesson, Surrogate
from fdd_lightning.matching.terms import Term
from fdd_lightning.matching.weighted_epochs import image_shares
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.modules.workload import Extent, Workload
from fdd_lightning.networks.arithmetic import Arithmetic, Compile, TargetPrecision, chosen, operations_of
from fdd_lightning.training import OptimizerFactory, ScheduleFactory
from fdd_lightning.training.image_optimizers import image_optimizer, refuse_what_has_no_effect
from fdd_lightning.utils.checks import require

FEWEST = 10
"""Effective images of a class below which a warning is given."""

WATCH_EVERY = 10
"""Rounds between two looks at the weights."""


class Distiller(BaseDistiller):
    """Matches synthetic to real images; the defaults are DM (Zhao & Bilen, WACV 2023) as its code runs it.

    Every part of the loss is a choice: see ``fdd_lightning.matching``. A named method is a preset of choices in
    ``configs/method``. Other arguments are those of `BaseDistiller`.

    Args:
        source: What stands for the real images: they themselves, or mixes of a debiased training.
        signal: What of the images is matched.
        distance: How signals are compared.
        sampler: Which real images a step sees.
        surrogate: The network through which images are compared.
        parameterisation: How synthetic images are stored.
        initialiser: The synthetic images before the first step.
        augmentation: Applied to real and synthetic images of a class with the same parameters (siamese).
        terms: What is added to the matching loss.
        per_class: Take a step for each class in turn (IDC, DREAM, IDM) instead of one for all (DC, DSA, DM, CAFE).
        synthetic_batch: The most decoded images of a class that a step looks at, drawn anew (IDC: 128); all if null.
        iterations: How often the surrogate renews its network. DC, DSA, IDC and DREAM take several rounds with each
            (see the surrogate), the others one; a round is one step, or one for each class.
        lr_images: Learning rate of the images, whatever their optimiser is.
        lr_at_ipc: The IPC that ``lr_images`` is meant for; at another one it is scaled in proportion (IDC, DREAM: 10).
        lr_halvings: Shares of the run at which the images' learning rate is halved (CAFE: 0.6, 0.8, 0.9).
        momentum: Momentum of the images' SGD; it moves all images at every step, also where steps go class by class.
        optimizer: The images' optimiser, any of torch's by class path; null: SGD, as every method was published.
        schedule: When their learning rate falls, any scheduler of torch's by class path, stepped with the optimiser;
            ``fdd_lightning.training.CosineDecay`` knows the length of the run. Null: as ``lr_halvings`` says.
        average_rows: Divide each class's loss by the sum of its coefficients, so that one learning rate serves
            weightings of one row and of many.
        compile: Whether networks are compiled (``torch.compile``): the same results but for rounding, sooner where
            there is enough to do. ``auto``: on where the run is long and the machine has a compiler.
        target_precision: In which precision real images pass the network, of which only means are matched, summed in
            float32. ``auto``: bfloat16 where it is compiled and the hardware is faster with it.
        surrogate_by_weight: The real images on which the surrogate's networks are trained are drawn by the weighting as
            well, so that these do not learn the bias (IDC, DREAM, IDM); false as published.
        method: Name in files and tables.

    Example:
        >>> Distiller(num_classes=10, image_shape=(3, 16, 16), images_per_class=2).images.shape
        torch.Size([20, 3, 16, 16])
    """

    open_choices: ClassVar = {"compile": ("off", "on"), "target_precision": ("float32", "bfloat16")}

    def __init__(
        self,
        *args: Any,
        source: Source = AsIs(),
        signal: Signal = Features(),
        distance: Distance = Squared(),
        sampler: Sampler = Uniform(),
        surrogate: Surrogate = Fresh(),
        parameterisation: Parameterisation = Pixels(),
        initialiser: Initialiser = Real(),
        augmentation: Augmentation = DSA(),
        terms: Sequence[Term] = (),
        per_class: bool = False,
        synthetic_batch: int | None = None,
        iterations: int = 20000,
        lr_images: float = 1.0,
        lr_at_ipc: int | None = None,
        lr_halvings: Sequence[float] = (),
        momentum: float = 0.5,
        optimizer: OptimizerFactory | None = None,
        schedule: ScheduleFactory | None = None,
        average_rows: bool = False,
        surrogate_by_weight: bool = False,
        compile: Compile = "auto",
        target_precision: TargetPrecision = "auto",
        method: str = "dm",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, method=method, **kwargs)
        require({"iterations": iterations, "synthetic_batch": synthetic_batch, "lr_at_ipc": lr_at_ipc}, least=1)
        require({"lr_images": lr_images, "momentum": momentum}, least=0)
        # Built anew: choices may have a state, and two distillers must not share it.
        self.source = rebuild(source)
        self.signal = rebuild(signal)
        self.distance = rebuild(distance)
        self.sampler = rebuild(sampler)
        self.surrogate = rebuild(surrogate)
        self.parameterisation = rebuild(parameterisation)
        self.initialiser = rebuild(initialiser)
        self.augmentation = rebuild(augmentation)
        self.terms = [rebuild(term) for term in terms]
        self.per_class = per_class
        self.synthetic_batch = synthetic_batch
        self.iterations = iterations
        self.rounds = self.surrogate.rounds(self.images_per_class)
        self.lr_images = lr_images * (self.images_per_class / lr_at_ipc if lr_at_ipc else 1.0)
        self.lr_halvings = tuple(lr_halvings)
        self.momentum = momentum
        refuse_what_has_no_effect(optimizer, momentum)
        if schedule is not None and self.lr_halvings:
            raise ConfigError("the learning rate of the images falls by schedule or by lr_halvings: leave one out")
        self.optimizer_factory = optimizer
        self.schedule_factory = schedule
        self.average_rows = average_rows
        self.surrogate_by_weight = surrogate_by_weight
        self._shares: Tensor | None = None
        self.images = nn.Parameter(self.blank_images())
        self._warned = False

    @classmethod
    def settle(
        cls, arguments: Mapping[str, Any], num_classes: int, image_shape: tuple[int, int, int], device: str
    ) -> dict[str, str]:
        """Return whether to compile, and the precision of the targets, by what all rounds have to compute."""
        surrogate = build(arguments["surrogate"])
        architecture = getattr(surrogate, "architecture", None)
        images = 3 * int(arguments["images_per_class"]) * build(arguments["parameterisation"]).expansion
        images += build(arguments["sampler"]).batch_size * build(arguments["signal"]).passes
        rounds = int(arguments["iterations"]) * surrogate.rounds(int(arguments["images_per_class"]))
        each = 0.0 if architecture is None else operations_of(architecture, num_classes, image_shape)
        given = arguments["compile"], arguments["target_precision"]
        compiled, rounded = chosen(*given, device, each * images * num_classes * rounds)
        return {"compile": "on" if compiled else "off", "target_precision": "bfloat16" if rounded else "float32"}

    @classmethod
    def workload(cls, arguments: Mapping[str, Any], extent: Extent) -> Workload | None:
        """Return the real and synthetic images of all iterations, where networks are not trained on the way."""
        surrogate, signal = build(arguments["surrogate"]), build(arguments["signal"])
        if not isinstance(surrogate, Fresh) or not isinstance(signal, Features):
            return None
        sampler, stored = build(arguments["sampler"]), build(arguments["parameterisation"])
        seen = int(arguments["iterations"]) * extent.num_classes
        synthetic = int(arguments["images_per_class"]) * stored.expansion
        network = arguments["surrogate"].get("init_args", {}).get("network")
        return Workload(network, seen * sampler.batch_size, seen * synthetic)

    @property
    def num_steps(self) -> int:
        """Iterations, times rounds, times steps of a round."""
        return self.iterations * self.rounds * (self.num_classes if self.per_class else 1)

    def check(self) -> None:
        """Refuse a network that the signal cannot read, or of which the distance cannot take the layers."""
        super().check()
        architecture = getattr(self.surrogate, "architecture", None)
        if architecture is None:  # it has its network from elsewhere
            return
        with torch.device("meta"):
            layers = self.signal.check(architecture(self.num_classes, self.image_shape))
        if layers is not None:
            self.distance.check(layers)

    def setup(self, stage: str) -> None:
        """Draw the starting images and get the surrogate ready."""
        super().setup(stage)
        if stage != "fit":
            return
        if self.sampler.needs_groups and self.data.num_groups < 2:
            raise ConfigError(
                f"sampler {type(self.sampler).__name__} needs groups, data set {self.data.name} has none: use Uniform"
            )
        self.sampler.check(self.cells)
        device = self.trainer.strategy.root_device
        self.settle_arithmetic(device.type)
        facts = self.num_classes, self.image_shape, self.images_per_class, self.seed, device
        self.surrogate.prepare(*facts, classifier=self.learner)
        if self.surrogate_by_weight:
            self._shares = image_shares(self.real, self.num_classes, lambda index: self.weigh(index).mixed())
        with torch.no_grad():
            self.images.copy_(self.parameterisation.encode(self.initial_images()))
        self.real = self.real.pixels_to(device)
        self.step = MatchingStep(
            self.real,
            self.cells,
            self.surrogate,
            self.embeddings,
            self.weighting,
            self.signal,
            self.distance,
            self.sampler,
            self.parameterisation,
            self.augmentation,
            self.terms,
            self.synthetic_batch,
            self.average_rows,
            self.seed,
        )

    def settle_arithmetic(self, device: str) -> None:
        """Settle what is left to us, unless the command line did so, and keep it with the arguments."""
        settled = self.settle(self.spec["init_args"], self.num_classes, self.image_shape, device)
        self.hparams.update(settled)
        arithmetic = Arithmetic(settled["compile"] == "on", settled["target_precision"] == "bfloat16")
        self.signal.arithmetic = self.surrogate.arithmetic = arithmetic

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser of the images, and its schedule where there is one."""
        factories = self.optimizer_factory, self.schedule_factory
        optimizer, schedule = image_optimizer(self.images, self.num_steps, self.lr_images, self.momentum, *factories)
        return optimizer if schedule is None else ([optimizer], [schedule])

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take one step; the batch is only a clock."""
        step = self.global_step
        tick, place = divmod(step, self.num_classes) if self.per_class else (step, 0)
        classes = [place] if self.per_class else list(range(self.num_classes))
        if tick % self.rounds == 0 and place == 0:
            with torch.no_grad():
                self.images.copy_(self.parameterisation.constrain(self.images))
        loss = self.loss(tick, classes)
        optimizer = self.optimizers()
        if self.schedule_factory is None:
            for group in optimizer.param_groups:  # type: ignore[union-attr]
                group["lr"] = self.lr_images * 0.5 ** sum(step >= share * self.num_steps for share in self.lr_halvings)
        optimizer.zero_grad()  # type: ignore[union-attr]
        self.manual_backward(loss)
        optimizer.step()  # type: ignore[union-attr]
        if self.schedule_factory is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr]
        if classes[-1] == self.num_classes - 1:
            self.surrogate.learn(tick, Lesson(self.real, self._decoded, self._shares))
        self.log("distill/loss", loss.detach() / len(classes), prog_bar=True)

    def loss(self, tick: int, classes: Sequence[int]) -> Tensor:
        """Return the loss of some classes in a round, and log what it is made of."""
        world = self.trainer.world_size
        parts = self.step(self.images, tick, classes, self.global_rank, world, self._sum_over_ranks)
        if self.global_step % self.trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]
            self._log_parts(parts)
        if tick % WATCH_EVERY == 0:  # whatever the log's interval: what is found stands in the set
            for c, weights in parts.weights.items():
                self.watch(weights, parts.indices[c])
        return parts.loss

    def _decoded(self) -> tuple[Tensor, Tensor]:
        """Return the decoded images as they stand, and their labels."""
        images = self.parameterisation.decode(self.images.detach())
        return images, self.labels_of(images)

    def _sum_over_ranks(self, targets: list[Layers]) -> list[Layers]:
        """Sum the weighted signals over processes, all classes and layers in one call."""
        if self.trainer.world_size == 1:
            return targets
        flat = torch.cat([layer.flatten() for layers in targets for layer in layers])
        total = self.trainer.strategy.reduce(flat, reduce_op="sum")
        parts = iter(total.split([layer.numel() for layers in targets for layer in layers]))
        return [[next(parts).view_as(layer) for layer in layers] for layers in targets]

    def _log_parts(self, parts: StepParts) -> None:
        """Log terms, how even the weights are, and how much of them lies on bias-conflicting images."""
        for name, term in parts.terms.items():
            self.log(f"distill/{name}", term.detach() / len(parts.indices))
        sizes = [weights.effective_sample_size().cpu() / weights.rows.shape[1] for weights in parts.weights.values()]
        self.log("weights/effective_sample_share", torch.stack(sizes).mean())
        sizes = [weights.effective_sample_size(parts.indices[c]).cpu() for c, weights in parts.weights.items()]
        self.log("weights/fewest_images", float(min(len(index.unique()) for index in parts.indices.values())))
        self.log("weights/least_effective_sample_size", torch.stack(sizes).min())
        if (
            self.sampler.draws_by_weight
            and min(sizes) < FEWEST - 1e-6
            and not self._warned
            and self.trainer.is_global_zero
        ):
            sys.stderr.write(
                f"warning: a class is matched by an effective {float(min(sizes)):.1f} images, so that chance decides: "
                "expect a spread between seeds\n"
            )
            self._warned = True
        aligned = self.data.alignment
        if aligned is not None:
            mass = []
            for c, index in parts.indices.items():
                conflict = ~aligned[c][self.real.groups[index].cpu()]
                mass.append(parts.weights[c].rows.mean(0).cpu()[conflict].sum())
            self.log("weights/conflict_mass", torch.stack(mass).mean())
        if self.judged is not None and self.judged.auroc is not None:
            self.log("weights/auroc", self.judged.auroc)

    def stored_images(self) -> Tensor:
        """Return the images as they stand."""
        self.require_finite()
        return self.images.detach().float().cpu()

    def way_out(self) -> str:
        """Name the learning rate of the images, and that of the surrogate where it learns."""
        trains = "lr" in parameters(type(self.surrogate))
        return f"lower lr_images (now {self.lr_images:g}){' or surrogate.lr' if trains else ''}"

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the state of the choices beside the images."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["surrogate"] = self.surrogate.state_dict()
        checkpoint["sampler"] = self.sampler.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the state of the choices back."""
        super().on_load_checkpoint(checkpoint)
        self.surrogate.load_state_dict(checkpoint.get("surrogate", {}))
        self.sampler.load_state_dict(checkpoint.get("sampler", {}))
