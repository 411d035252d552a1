"""Experts: trajectories of networks that learn on the real data, for trajectory matching."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from fdd_lightning.algorithms import ERM, Algorithm, AlgorithmFactory
from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.artefacts.doubts import AT_CHANCE, MEANING
from fdd_lightning.artefacts.experts import FOLDER, TRAIN, ExpertFolder, flat_parameters, save_expert
from fdd_lightning.augment import DSA, Augmentation
from fdd_lightning.configuration.choices import Spec, import_class, rebuild, spec_of
from fdd_lightning.configuration.row_settings import below
from fdd_lightning.datasets.whitening import ZCA, cached_zca, refuse_large
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.matching.weighted_epochs import image_shares, order_by_shares, several_rows_objection
from fdd_lightning.matching.weightings import Vanilla, Weighting
from fdd_lightning.modules.base import FitModule
from fdd_lightning.modules.weighing import WeighingModule
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.training.batches import Batches
from fdd_lightning.training.chance import learned_nothing
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator, seeded


class Experts(WeighingModule, FitModule):
    """Trains networks one after another and keeps their parameters at the start and after each epoch.

    The defaults are those of MTT (Cazenavette et al., CVPR 2022; ``buffer.py`` of its code): 100 experts, 50 epochs,
    SGD 0.01 without momentum and decay, batch 256, one DSA operation per batch with parameters per image.

    They are debiased by what they see: an epoch has as many images as the training set, and an image comes up in it as
    often as its weight within its class says. ``Vanilla``: once, which is plain training. ``Barycenter``: all groups of
    a class equally often. ``KDE``: by inverse density in the bias encoder's space. Or a ``learner`` debiases them.

    Args:
        num_classes: Linked from the data.
        num_groups: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        network: The architecture.
        learner: How it is trained; of its networks the one that is meant to be used is kept.
        weighting: How often each image comes up.
        count: Number of experts.
        epochs: Epochs of each; it leaves one snapshot more.
        lr: Learning rate.
        momentum: Momentum.
        weight_decay: Weight decay.
        batch_size: Images per step; the last batch of an epoch may be smaller.
        augmentation: Applied to every batch, with parameters per image.
        zca: Whiten the images first, with this value added to the variances (published: 0.1, for some settings).
        stored: Precision of the stored snapshots; ``float16`` takes half the space.
        seed: Seed of every draw.

    Example:
        >>> Experts(num_classes=10, num_groups=2, image_shape=(3, 16, 16), count=2).title()
        '2 experts vanilla'
    """

    kind = "experts"
    menu = "experts"
    entry = "mtt"
    help = "folder of expert trajectories (--output of `fdd fit --config experts/mtt`), for trajectory matching"
    what = "expert trajectories"
    advice = TRAIN
    artefact = FOLDER
    draws_own_batches = True

    def __init__(
        self,
        num_classes: int,
        num_groups: int,
        image_shape: tuple[int, int, int],
        network: NetworkFactory = ConvNet,
        learner: AlgorithmFactory = ERM,
        weighting: Weighting = Vanilla(),
        count: int = 100,
        epochs: int = 50,
        lr: float = 0.01,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        batch_size: int = 256,
        augmentation: Augmentation = DSA(),
        zca: float | None = None,
        stored: Literal["float32", "float16"] = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__()
        require({"count": count, "epochs": epochs, "batch_size": batch_size}, least=1)
        require({"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "zca": zca}, least=0)
        self.num_classes = num_classes
        self.num_groups = num_groups
        self.image_shape = image_shape
        self.architecture = network
        self.learner_factory = learner
        self.weighting = rebuild(weighting)
        self.count = count
        self.epochs = epochs
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.augmentation = rebuild(augmentation)
        self.zca = zca
        self.stored = torch.float16 if stored == "float16" else torch.float32
        self.seed = seed
        self.automatic_optimization = False
        self.accuracies: list[float] = []
        self._snapshots: list[Tensor] = []
        self._finished: list[Tensor] = []
        self._drawn: tuple[int, int, Tensor] | None = None
        self._whitening: ZCA | None = None

    @classmethod
    def objection(cls, weighting: Weighting, arguments: Mapping[str, Any]) -> str:
        """Refuse a weighting with a target per group."""
        return several_rows_objection(weighting)

    @classmethod
    def row_settings(cls, model: Spec) -> dict[str, Any]:
        """Return how the experts differ from the published ones; their weighting is told by the set's."""
        spec = {**model, "init_args": {**(model.get("init_args") or {}), "weighting": spec_of(Vanilla())}}
        return super().row_settings(spec)

    @classmethod
    def settings_of(cls, path: Path) -> dict[str, Any]:
        """Return what the files say."""
        return dict(ExpertFolder(path).header.get("settings", {}))

    @classmethod
    def warnings_of(cls, path: Path) -> Sequence[str]:
        """Return what any of the files says."""
        return ExpertFolder(path).warnings

    def way_out(self) -> str:
        """Name the learning rate."""
        return f"lower lr (now {self.lr:g})"

    def title(self) -> str:
        """Return what the progress bar calls it."""
        return f"{self.count} experts {self.weighting.name}"

    def check(self) -> None:
        """Refuse a learner that reads group labels where there are none, or whose network is no classifier."""
        super().check()
        if self.zca is not None:
            refuse_large(self.image_shape)
        learner = import_class(spec_of(self.learner_factory)["class_path"])
        refuse_groups(learner, "real", self.num_groups)
        if not getattr(learner, "classifies", True):
            raise ConfigError(
                f"experts cannot learn by {learner.__name__}, whose network has no classifier of its own: take LfF, "
                "SelecMix or SelecMixLfF"
            )

    @property
    def batches(self) -> Batches:
        """How the training set is cut into updates; known once :meth:`setup` ran."""
        return Batches(len(self.real), self.batch_size, self.learner.pool)

    @property
    def steps_per_expert(self) -> int:
        """Steps of one expert."""
        return self.epochs * self.batches.per_epoch

    @property
    def num_steps(self) -> int:
        """Steps of all experts."""
        return self.count * self.steps_per_expert

    def setup(self, stage: str) -> None:
        """Make the network and weigh the images."""
        if stage == "fit":
            self.check()
            self.learner = self._new_learner(0)  # first: how many steps there are depends on it
        super().setup(stage)
        if stage != "fit":
            return
        self.shares = image_shares(self.real, self.num_classes, self.weigh)
        self.embeddings = None  # they are not looked at again
        if self.learner.regime is not None:
            raise ConfigError("experts are trained by the settings said here: leave the regime out of their learner")
        if self.learner.chances is not None:
            self.shares = self.shares * self.learner.chances.double().cpu()
            self.shares = self.shares / self.shares.sum()
        if (zca := self.zca) is not None:
            whitening = self.once(lambda: cached_zca(self.data.train, zca, self.data.train_fingerprint))
            self._whitening = whitening.to(self.trainer.strategy.root_device)

    def _new_learner(self, expert: int) -> Algorithm:
        with seeded(self.seed, "expert", expert):
            real = self.data.train
            learner = self.learner_factory(self.architecture, self.num_classes, self.image_shape, len(real))
        learner.prepare(real.targets, real.groups if self.num_groups > 1 else None, self.num_groups)
        return learner

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return plain SGD."""
        return torch.optim.SGD(
            self.learner.parameters(), lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay
        )

    def on_fit_start(self) -> None:
        """Keep the images on the device."""
        if self.device.type != "cpu":
            self.real = self.real.to(self.device)

    def on_train_start(self) -> None:
        """Forget what an earlier run left half done, where this one begins (only now is that known)."""
        if self._part is not None and self.global_step == 0 and self.trainer.is_global_zero:
            shutil.rmtree(self._part, ignore_errors=True)
            self._part.mkdir(parents=True)

    @property
    def _part(self) -> Path | None:
        """Where experts lie until the last one is there."""
        return None if self.folder is None else self.folder / f"{FOLDER}.part"

    def batch(self, expert: int, step: int) -> dict[str, Tensor]:
        """Return the augmented training batch of one expert at one of its steps."""
        epoch = self.batches.epoch(step)
        if self._drawn is None or self._drawn[:2] != (expert, epoch):
            order = order_by_shares(self.shares, generator(self.seed, "order", expert, epoch))
            self._drawn = expert, epoch, order
        index = self.batches.batch(step, self._drawn[2])
        batch = {key: value.to(self.device) for key, value in self.real.batch(index).items()}
        draws = generator(self.seed, "augmentation", expert, step)
        batch["image"] = self.augmentation(self._seen(batch["image"]), draws, siamese=False)
        return batch

    def _seen(self, images: Tensor) -> Tensor:
        """Return normalised images as the networks see them."""
        images = images.to(self.device, cast(torch.dtype, self.dtype))
        return images if self._whitening is None else self._whitening.whiten(images)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take the steps of one expert that one batch is for, one as a rule; Lightning's batch is only a clock."""
        expert, step = divmod(self.global_step, self.steps_per_expert)
        optimizer = self.optimizers()
        if step == 0:
            self.learner.load_state_dict(self._new_learner(expert).state_dict())
            optimizer.optimizer.state.clear()  # type: ignore[union-attr]
            self._snapshots = []
            self._keep(expert)
        for loss in self.learner.losses(self.batch(expert, step), self.batch_size):
            optimizer.zero_grad()  # type: ignore[union-attr]
            self.manual_backward(loss)
            optimizer.step()  # type: ignore[union-attr]
            self.log("fit/loss", loss.detach(), prog_bar=True)
            if self.global_step % self.batches.per_epoch == 0:
                self._keep(expert)
            if self.global_step >= self.trainer.max_steps:
                break
        if self.global_step == (expert + 1) * self.steps_per_expert:
            self._finish(expert)

    def _keep(self, expert: int) -> None:
        """Take a snapshot."""
        self.require_finite()
        snapshot = flat_parameters(self.learner.network).to("cpu", self.stored)
        self.require_finite({f"expert {expert}, stored as {self.stored},": snapshot})
        self._snapshots.append(snapshot)

    def _finish(self, expert: int) -> None:
        """Put an expert by: into its file, or into memory where there is no output folder."""
        trajectory = torch.stack(self._snapshots)
        self._snapshots = []
        self.accuracies = [*self.accuracies[:expert], self._accuracy()]
        self._look_for_learning(expert)
        self.log("fit/expert_accuracy", self.accuracies[-1])
        if self._part is None:
            self._finished = [*self._finished[:expert], trajectory]
        elif self.trainer.is_global_zero:
            self._write(self._part, expert, trajectory)

    def _write(self, folder: Path, expert: int, trajectory: Tensor) -> None:
        save_expert(_file(folder, expert), trajectory, {"index": expert, **self.describe()})

    def describe(self) -> dict[str, Any]:
        """Return the metadata of an expert's file."""
        described = super().describe()
        arguments = described["config"]["init_args"]
        return {
            **described,
            "num_classes": self.num_classes,
            **{key: arguments[key] for key in ("network", "learner", "weighting", "zca", "seed")},
            "settings": self.inherited_settings()
            | self.row_settings(described["config"])
            | below(self.kind, self.trainer_settings),
        }

    @torch.no_grad()
    def _accuracy(self) -> float:
        """Return the accuracy on the test set: for people to see, nothing is chosen by it."""
        test, hits = self.data.test, 0
        self.learner.eval()
        for index in torch.arange(len(test)).split(512):
            batch = test.batch(index)
            hits += int((self._logits(batch).argmax(1).cpu() == batch["target"].cpu()).sum())
        self.learner.train()
        return hits / len(test)

    def _logits(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the finite logits of images."""
        logits: Tensor = self.learner(self._seen(batch["image"]))
        self.require_finite({"an expert's output": logits})
        return logits

    def _look_for_learning(self, expert: int) -> None:
        """Warn where an expert does no better on its own training images than chance would."""

        def predict(index: Tensor) -> tuple[Tensor, Tensor]:
            batch = self.real.batch(index)
            return self._logits(batch), batch["target"].to(self.device)

        self.learner.eval()
        if learned_nothing(predict, len(self.real)):
            self.warn(AT_CHANCE, f"expert {expert}: {MEANING[AT_CHANCE]}: train longer, or at another rate")
        self.learner.train()

    def save_artefact(self, folder: Path) -> Path:
        """Write the finished experts into ``experts/``, in the place of any that were there.

        Raises:
            ConfigError: Not one was finished.
            FileFormatError: One that was finished has gone.
        """
        done = self.global_step // self.steps_per_expert
        if not done:
            raise ConfigError(
                f"no expert was finished after {self.global_step} steps: one takes {self.steps_per_expert}"
            )
        part, whole = folder / f"{FOLDER}.part", folder / FOLDER
        if self._part is None:
            shutil.rmtree(part, ignore_errors=True)
            for expert, trajectory in enumerate(self._finished):
                self._write(part, expert, trajectory)
        present = part if part.is_dir() else whole  # a kill may have come when all was done
        for expert in range(done):
            if not (file := _file(present, expert)).is_file():
                raise FileFormatError(
                    f"{file} has gone since it was written: delete {folder / 'last.ckpt'} and start again"
                )
        if part.is_dir():
            shutil.rmtree(whole, ignore_errors=True)
            part.rename(whole)
        return whole

    def next_step(self, artefact: Path) -> str:
        """Return the command that matches their trajectories."""
        return f"{super().next_step(artefact.parent)} --model mtt"

    def remark(self) -> str:
        """Say how good the experts are on the test set."""
        if not (rates := self.accuracies):
            return ""
        mean = sum(rates) / len(rates)
        return f", {len(rates)} experts, test accuracy {mean:.3f} ({min(rates):.3f} to {max(rates):.3f})"

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the snapshots of the expert at work beside its network, and those of all where they have no files."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["snapshots"] = torch.stack(self._snapshots) if self._snapshots else None
        checkpoint["finished"] = self._finished
        checkpoint["accuracies"] = self.accuracies

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them back."""
        super().on_load_checkpoint(checkpoint)
        found = checkpoint.get("snapshots")
        self._snapshots = [] if found is None else list(cast(Tensor, found))
        self._finished = list(checkpoint.get("finished", []))
        self.accuracies = list(checkpoint.get("accuracies", []))


def _file(folder: Path, expert: int) -> Path:
    return folder / f"{expert:04d}.safetensors"
