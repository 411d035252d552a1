"""Trajectory matching: synthetic images on which a network learns what experts learned on the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.autograd import grad
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from fdd_lightning.artefacts.experts import ExpertFolder, unflatten
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.augment import DSA, Augmentation
from fdd_lightning.configuration.choices import Choice, rebuild, spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.datasets.whitening import ZCA, cached_zca
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.matching.initialisers import Initialiser, Real
from fdd_lightning.matching.parameterisations import Parameterisation, Pixels
from fdd_lightning.matching.weighted_epochs import several_rows_objection
from fdd_lightning.matching.weightings import Vanilla, Weighting
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.networks import Network
from fdd_lightning.training import OptimizerFactory, ScheduleFactory
from fdd_lightning.training.image_optimizers import image_optimizer, refuse_what_has_no_effect
from fdd_lightning.training.optimizers import Joint
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator


class TrajectoryMatching(BaseDistiller):
    """MTT (Cazenavette et al., CVPR 2022); the defaults are its settings for CIFAR-10 at IPC 10.

    A step takes an expert and an epoch t, lets a student with the expert's parameters of then take N plain gradient
    steps on the synthetic images, and compares it with the expert of M epochs later:

        loss = ||student_N - expert_(t + M)||^2 / ||expert_t - expert_(t + M)||^2

    The images and the student's step size learn from it; the step size is stored with the images, and later training
    uses it. The network, and whitening where it was used, are the experts' own.

    It is debiased through its experts: ``weighting`` says how they were, and must be theirs. Other arguments are those
    of `BaseDistiller`.

    Args:
        student_steps: N, steps of the student on the synthetic images.
        expert_epochs: M, epochs of the expert that these steps are to replace.
        max_start: t is drawn from 0 to ``max_start`` - 1.
        batch_size: Synthetic images of a student's step; all of them if null.
        parameterisation: How synthetic images are stored.
        initialiser: The synthetic images before the first step.
        augmentation: Applied at every step of the student, with parameters per image.
        iterations: Steps of the images.
        lr_images: Learning rate of the images (SGD).
        lr_student: The student's step size before the first step.
        lr_lr: Learning rate of the student's step size (SGD).
        momentum: Momentum of images and step size.
        optimizer: The images' optimiser, any of torch's by class path; null: SGD, as published.
        schedule: When ``lr_images`` falls, any scheduler of torch's by class path (see `Distiller`); null: never.
        recompute: Keep one student's step in memory at a time and compute it again where the gradient needs it: for
            large N, at about half as much time again.
        method: Name in files and tables.

    Attributes:
        experts: Folder of the expert trajectories (``--experts``).

    Example:
        >>> TrajectoryMatching.needs({})
        ('experts',)
    """

    learned = ("lr",)
    needs_experts = True
    weighs_images = False
    experts: Path | None = None

    def __init__(
        self,
        *args: Any,
        student_steps: int = 30,
        expert_epochs: int = 2,
        max_start: int = 20,
        batch_size: int | None = None,
        parameterisation: Parameterisation = Pixels(),
        initialiser: Initialiser = Real(),
        augmentation: Augmentation = DSA(),
        iterations: int = 5000,
        lr_images: float = 100.0,
        lr_student: float = 0.001,
        lr_lr: float = 1e-5,
        momentum: float = 0.5,
        optimizer: OptimizerFactory | None = None,
        schedule: ScheduleFactory | None = None,
        recompute: bool = False,
        method: str = "mtt",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, method=method, **kwargs)
        counts = {"student_steps": student_steps, "expert_epochs": expert_epochs, "max_start": max_start}
        require({**counts, "batch_size": batch_size, "iterations": iterations}, least=1)
        require({"lr_images": lr_images, "lr_lr": lr_lr, "momentum": momentum}, least=0)
        require({"lr_student": lr_student}, above=0)
        self.student_steps = student_steps
        self.expert_epochs = expert_epochs
        self.max_start = max_start
        self.batch_size = batch_size
        self.parameterisation = rebuild(parameterisation)
        self.initialiser = rebuild(initialiser)
        self.augmentation = rebuild(augmentation)
        self.iterations = iterations
        self.lr_images = lr_images
        self.lr_lr = lr_lr
        self.momentum = momentum
        refuse_what_has_no_effect(optimizer, momentum)
        self.optimizer_factory = optimizer
        self.schedule_factory = schedule
        self.recompute = recompute
        self.trajectories: ExpertFolder | None = None
        self.whitening: ZCA | None = None
        self.images = nn.Parameter(self.blank_images())
        self.lr = nn.Parameter(torch.tensor(float(lr_student)))

    @classmethod
    def asks(cls, attribute: str, arguments: Mapping[str, Any]) -> bool:
        """Tell whether a choice has an attribute; not the weighting, which did its work on the experts."""
        return super().asks(attribute, {**arguments, "weighting": spec_of(Vanilla())})

    def choices(self, attribute: str) -> list[Choice]:
        """Return the choices that have an attribute; see :meth:`asks`."""
        return [choice for choice in super().choices(attribute) if choice is not self.weighting]

    @classmethod
    def objection(cls, weighting: Weighting, arguments: Mapping[str, Any]) -> str:
        """Refuse a weighting with a target per group."""
        return several_rows_objection(weighting)

    @property
    def num_steps(self) -> int:
        """As told."""
        return self.iterations

    def check(self) -> None:
        """Refuse missing experts, and experts that cannot be read or that these settings do not fit."""
        super().check()
        if self.trajectories is None and self.experts is not None:
            self.trajectories = ExpertFolder(self.experts)
        found = self._experts
        theirs, own = complete(found.header["weighting"]), complete(spec_of(self.weighting))
        if theirs != own:
            names = [spec["class_path"].rpartition(".")[2] for spec in (theirs, own)]
            raise ConfigError(
                f"the experts in {self.experts} were trained with weighting {names[0]}, and {names[1]} is set here"
                f"{' with other arguments' if names[0] == names[1] else ''}: set theirs, or train others with `fdd fit "
                "--config experts/mtt`"
            )
        shape = tuple(found.header["image_shape"])
        if shape != self.image_shape or found.header["num_classes"] != self.num_classes:
            raise ConfigError(
                f"the experts in {self.experts} tell {found.header['num_classes']} classes of images of shape {shape} "
                f"apart, the data have {self.num_classes} of shape {self.image_shape}: train experts on these data"
            )
        needed = self.max_start - 1 + self.expert_epochs
        if found.snapshots <= needed:
            raise ConfigError(
                f"max_start {self.max_start} and expert_epochs {self.expert_epochs} need experts of {needed} epochs, "
                f"those in {self.experts} have {found.snapshots - 1}: lower max_start to "
                f"{max(found.snapshots - self.expert_epochs, 1)}, or train longer"
            )
        if found.header["zca"] is not None and not self.parameterisation.stores_images:
            raise ConfigError(
                f"the experts in {self.experts} see whitened images, which {type(self.parameterisation).__name__} "
                "cannot store: take Pixels, or experts without zca"
            )

    def setup(self, stage: str) -> None:
        """Check the experts against the data, and draw the starting images."""
        super().setup(stage)
        if stage != "fit":
            return
        header = self._experts.header
        if header["data_fingerprint"] != self.data.fingerprint:
            other = "" if header["dataset"] == self.data.name else f" ({header['dataset']})"
            raise ConfigError(
                f"the experts in {self.experts} were trained on other images{other} than these of {self.data.name}: "
                "name their data set with its parameters, or train experts on this one"
            )
        device = self.trainer.strategy.root_device
        if header["zca"] is not None:
            whitening = self.once(lambda: cached_zca(self.real, header["zca"], self.data.train_fingerprint))
            self.whitening = whitening.to(device)
        start = self.initial_images().to(device)
        if self.whitening is not None:
            start = self.whitening.whiten(start)
        with torch.no_grad():
            self.images.copy_(self.parameterisation.encode(start))
        # Plain attributes: the network's own parameters are placeholders, and no part of the checkpoint.
        object.__setattr__(self, "student", self._experts.network.to(device).train())
        self.labels = self.labels_of(start)

    student: Network

    @property
    def _experts(self) -> ExpertFolder:
        if self.trajectories is None:  # pragma: no cover (check() has read them)
            raise FileFormatError("no experts")
        return self.trajectories

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return plain SGD over images and step size, each with its own rate, or another one over the images."""
        if self.optimizer_factory is None and self.schedule_factory is None:
            groups = [{"params": [self.images], "lr": self.lr_images}, {"params": [self.lr], "lr": self.lr_lr}]
            return torch.optim.SGD(groups, momentum=self.momentum)
        factories = self.optimizer_factory, self.schedule_factory
        of_images, schedule = image_optimizer(self.images, self.num_steps, self.lr_images, self.momentum, *factories)
        optimizer = Joint([of_images, torch.optim.SGD([self.lr], lr=self.lr_lr, momentum=self.momentum)])
        return optimizer if schedule is None else ([optimizer], [schedule])

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take one step of images and step size; the batch is only a clock."""
        with torch.no_grad():
            self.images.copy_(self.parameterisation.constrain(self.images))
        loss, value = self.loss(self.global_step)
        optimizer = self.optimizers()
        optimizer.zero_grad()  # type: ignore[union-attr]
        self.manual_backward(loss)
        optimizer.step()  # type: ignore[union-attr]
        if self.schedule_factory is not None:
            self.lr_schedulers().step()  # type: ignore[union-attr]
        self.log("distill/loss", value, prog_bar=True)
        self.log("distill/lr", self.lr.detach())

    def segment(self, step: int) -> tuple[Tensor, Tensor]:
        """Return where the student of a step starts and what it is to reach: flat parameters (P,).

        The experts come up in passes, each in its own order, none twice before all have been.
        """
        experts = self._experts
        turn, place = divmod(step, len(experts))
        expert = int(torch.randperm(len(experts), generator=generator(self.seed, "experts", turn))[place])
        start = int(torch.randint(self.max_start, (1,), generator=generator(self.seed, "start epoch", step)))
        first, last = experts.snapshot(expert, start), experts.snapshot(expert, start + self.expert_epochs)
        return first.to(self.images), last.to(self.images)

    def student_batch(self, images: Tensor, step: int, n: int) -> tuple[Tensor, Tensor]:
        """Return the augmented images of the student's n-th step, and their labels."""
        labels = self.labels
        if self.batch_size is not None and self.batch_size < len(images):
            turn, place = divmod(n, -(-len(images) // self.batch_size))
            order = torch.randperm(len(images), generator=generator(self.seed, "student batch", step, turn))
            index = order[place * self.batch_size : (place + 1) * self.batch_size].to(images.device)
            images, labels = images[index], labels[index]
        draws = generator(self.seed, "augmentation", step, n)
        return self.augmentation(images, draws, siamese=False), labels

    def _gradient(self, student: Tensor, images: Tensor, step: int, n: int, create_graph: bool) -> Tensor:
        """Return the gradient of the student's n-th step, (P,)."""
        batch, labels = self.student_batch(images, step, n)
        logits = functional_call(self.student, unflatten(student, self.student), (batch,))
        return grad(cross_entropy(logits, labels), student, create_graph=create_graph)[0]

    def loss(self, step: int) -> tuple[Tensor, Tensor]:
        """Return what to differentiate, and the value of the loss.

        Where steps are computed again, the former is linear in images and step size, with the loss's gradient.
        """
        start, target = self.segment(step)
        scale = (start - target).square().sum()
        if self.recompute:
            return self._linearised(start, target, scale, step)
        images = self.parameterisation.decode(self.images)
        student = start.requires_grad_()
        for n in range(self.student_steps):
            student = student - self.lr * self._gradient(student, images, step, n, create_graph=True)
        loss = (student - target).square().sum() / scale
        return loss, loss.detach()

    def _linearised(self, start: Tensor, target: Tensor, scale: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Go through the student's steps backwards, with the graph of one at a time.

        With v the loss's gradient in the student after a step of gradient g: that in the step size gains -v.g, that in
        the images -lr d(v.g)/d images, and v loses lr d(v.g)/d student.
        """
        with torch.no_grad():
            images = self.parameterisation.decode(self.images)
        lr = self.lr.detach()
        students = [start]
        for n in range(self.student_steps):
            student = students[-1].requires_grad_()
            students.append((student - lr * self._gradient(student, images, step, n, create_graph=False)).detach())
        value = (students[-1] - target).square().sum() / scale
        v = 2 * (students.pop() - target) / scale
        towards_lr, towards_images = torch.zeros_like(lr), torch.zeros_like(images)
        images.requires_grad_()
        for n in reversed(range(self.student_steps)):
            student = students.pop().requires_grad_()
            along = (v * self._gradient(student, images, step, n, create_graph=True)).sum()
            in_student, in_images = grad(along, (student, images))
            towards_lr -= along.detach()
            towards_images -= lr * in_images
            v = v - lr * in_student
        decoded = self.parameterisation.decode(self.images)
        return (decoded * towards_images).sum() + self.lr * towards_lr, value

    def stored_images(self) -> Tensor:
        """Return the images as they stand, normalised also where the networks see them whitened."""
        images, lr = self.images.detach(), float(self.lr.detach())
        self.require_finite()
        if lr <= 0:
            raise ConfigError(
                f"after {self.global_step} steps the learned step size {lr:g} is not positive: lower lr_lr"
            )
        return (images if self.whitening is None else self.whitening.restore(images)).float().cpu()

    def learned_tensors(self) -> dict[str, Tensor]:
        """Return images and step size."""
        found = super().learned_tensors()
        return {"the learned step size": found.pop("layer 'lr'")} | found

    def way_out(self) -> str:
        """Name the learning rates."""
        return f"lower lr_images (now {self.lr_images:g}) or lr_lr (now {self.lr_lr:g})"

    def synthetic_set(self) -> SyntheticSet:
        """Return the set as it stands, with the student's step size."""
        made = super().synthetic_set()
        facts = {} if self.whitening is None else {"zca": self._experts.header["zca"]}
        parameters = {**(made.parameters or {}), "lr": self.lr.detach().float()}
        return SyntheticSet(made.images, made.labels, {**made.metadata, **facts}, parameters)

    def remark(self) -> str:
        """Say the step size."""
        return f", step size {float(self.lr.detach()):.4g}"
