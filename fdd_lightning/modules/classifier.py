"""Classifier: any learner trained on the real set."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from fdd_lightning.algorithms import ERM, AlgorithmFactory, Regime
from fdd_lightning.algorithms.epochs import Passes, epoch_order
from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.algorithms.optimizers import build_optimizer, set_rate
from fdd_lightning.artefacts.classifier import save_classifier
from fdd_lightning.configuration.choices import Spec, class_path, import_class, rebuild, spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.menu import find
from fdd_lightning.configuration.settings import below, differences
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics import group_metrics
from fdd_lightning.modules.base import FitModule
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.utils.rng import generator, seeded


class Classifier(FitModule):
    """Trains a classifier on the real set: plainly, debiased without group labels, or with them.

    Several processes share each batch; what a learner compares or remembers is that of the whole batch.

    It logs the loss and, at the end (and in intervals where asked), ``val/...`` and ``test/...``: accuracy,
    worst-group accuracy, the gaps of fairness and, where the data have an alignment, the accuracy on aligned and
    conflicting images. Nothing is chosen by them.

    Args:
        num_classes: Linked from the data.
        num_groups: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        network: The architecture.
        learner: How it is trained.
        regime: Optimiser, steps, batches and augmentation, where the learner has none of its own.
        monitor_every: Steps between two looks at validation and test images; 0: only at the end.
        seed: Seed of every draw.
    """

    kind = "classifier"
    menu = "trainer"
    entry = "selecmix"
    help = "file of a trained classifier (classifier.safetensors of `fdd fit --model Classifier`), for debiased "
    help += "surrogates and sources"
    what = "a trained classifier"
    advice = (
        "train one with `fdd fit --model Classifier --model.learner NAME --output DIR` (`lff`, `dfa`, `selecmix`, ...) "
        "and pass --classifier DIR/classifier.safetensors"
    )
    artefact = "classifier.safetensors"
    draws_own_batches = True

    def __init__(
        self,
        num_classes: int,
        num_groups: int,
        image_shape: tuple[int, int, int],
        network: NetworkFactory = ConvNet,
        learner: AlgorithmFactory = ERM,
        regime: Regime = Regime(),
        monitor_every: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.remember()
        if monitor_every < 0:
            raise ConfigError(f"monitor_every must not be negative, but is {monitor_every}")
        self.num_classes = num_classes
        self.num_groups = num_groups
        self.image_shape = image_shape
        self.architecture = network
        self.factory = learner
        self.monitor_every = monitor_every
        self.seed = seed
        self.regime = rebuild(regime)
        self.automatic_optimization = False
        self.figures: dict[str, float | None] = {}
        self._drawn: tuple[int, Tensor] | None = None
        self._looked = 0

    @classmethod
    def row_settings(cls, model: Spec) -> dict[str, Any]:
        """Return which trainer it is and how it differs from the menu's."""
        spec = complete(model)
        learner, seed = spec["init_args"]["learner"], (model.get("init_args") or {}).get("seed")
        own = differences(spec, {"class_path": spec["class_path"]})
        settings = {k: v for k, v in own.items() if k.partition(".")[0] != "learner"} | differences(learner)
        name = getattr(import_class(learner["class_path"]), "name", learner["class_path"])
        return {"classifier": name, **below("classifier", settings | ({"seed": seed} if seed else {}))}

    @classmethod
    def spec_of_entry(cls, name: str) -> Spec:
        """Return a classifier that is trained by an algorithm of the menu."""
        learner = {"class_path": name} if "." in name else find("trainer", name, "fit.classifier")
        return {"class_path": class_path(cls), "init_args": {"learner": learner}}

    def check(self) -> None:
        """Refuse a learner that reads group labels on a set that has none."""
        refuse_groups(import_class(spec_of(self.factory)["class_path"]), "real", self.num_groups)

    def title(self) -> str:
        """Return what the progress bar calls it."""
        return f"classifier {getattr(import_class(spec_of(self.factory)['class_path']), 'name', '')}"

    @property
    def num_steps(self) -> int:
        """Optimiser steps, as the regime says."""
        return self.regime.steps

    def setup(self, stage: str) -> None:
        """Make the learner and show it the labels."""
        if stage == "fit":
            self.check()
            self.real: ImageSet = self.data.train
            with seeded(self.seed, "network"):
                self.learner = self.factory(self.architecture, self.num_classes, self.image_shape, len(self.real))
            self.regime = self.learner.regime or self.regime
            groups = self.real.groups if self.num_groups > 1 else None
            self.learner.prepare(self.real.targets, groups, self.num_groups)
            world = self.trainer.world_size
            self.learner.shared = world > 1
            size = self.regime.batch_size // world * world
            if not size or len(self.real) < world:
                raise ConfigError(
                    f"batches of {self.regime.batch_size} cannot be shared by {world} processes: raise it"
                )
            self.passes = Passes(len(self.real), size, self.learner.pool, world)
        super().setup(stage)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return what the regime and the learner say."""
        return build_optimizer([self.learner], self.regime.optimizer)

    def on_fit_start(self) -> None:
        """Keep the training images on the device."""
        if self.device.type != "cpu":
            self.real = self.real.to(self.device)

    def batch(self, step: int) -> dict[str, Tensor]:
        """Return this process's share of the augmented batch that a step begins."""
        epoch = self.passes.epoch(step)
        if self._drawn is None or self._drawn[0] != epoch:
            draws = generator(self.seed, "order", epoch)
            self._drawn = epoch, epoch_order(len(self.real), self.learner.chances, draws)
        index = self.passes.batch(step, self._drawn[1], self.global_rank)
        batch = {key: value.to(self.device) for key, value in self.real.batch(index).items()}
        draws = generator(self.seed, "augmentation", step, self.global_rank)
        images = batch["image"].to(cast(torch.dtype, self.dtype))
        batch["image"] = self.regime.augmentation(images, draws, siamese=False)
        return batch

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take the steps that one batch is for, one as a rule; Lightning's batch is only a clock."""
        optimizer = self.optimizers()
        for loss in self.learner.losses(self.batch(self.global_step), self.passes.share):
            set_rate(optimizer.optimizer, self.regime.rate(self.global_step))  # type: ignore[union-attr]
            optimizer.zero_grad()  # type: ignore[union-attr]
            self.manual_backward(loss)
            optimizer.step()  # type: ignore[union-attr]
            self.log("fit/loss", loss.detach(), prog_bar=True, sync_dist=self.trainer.world_size > 1)
            if self.global_step >= self.trainer.max_steps:
                break

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look at validation and test images where it is time."""
        last = self.global_step >= self.trainer.max_steps
        every = self.monitor_every
        if last or (every and self.global_step // every > self._looked // every):
            self._looked = self.global_step
            self.figures = self.measure()
            for name, value in self.figures.items():
                if value is not None:
                    self.log(name, value)

    def on_train_start(self) -> None:
        """Count the steps between two looks from here."""
        self._looked = self.global_step

    @torch.no_grad()
    def measure(self) -> dict[str, float | None]:
        """Return the figures of the validation and test images (see the class); fractions, None where there are none.

        To be called by all processes.
        """
        found: dict[str, float | None] = {}
        data, rank, world = self.data, self.global_rank, self.trainer.world_size
        self.learner.eval()
        for split, images in (("val", data.val), ("test", data.test)):
            if images is None:
                continue
            scores = group_metrics(self.num_classes, self.num_groups, data.aligned).to(self.device)
            for index in torch.arange(rank, len(images), world).split(512):
                batch = {key: value.to(self.device) for key, value in images.batch(index).items()}
                logits = self.learner(batch["image"].to(cast(torch.dtype, self.dtype)))
                scores.update(logits.argmax(1), batch["target"], batch["group"])
            names = ("accuracy",) if self.num_groups < 2 else tuple(scores)
            values = {k: float(v) for k, v in scores.compute().items() if k in names}
            found |= {f"{split}/{k}": None if math.isnan(v) else v for k, v in values.items()}
        self.learner.train()
        return found

    def save_artefact(self, folder: Path) -> Path:
        """Write ``classifier.safetensors``, with the last figures in its metadata."""
        path = folder / self.artefact
        save_classifier(path, self.learner, {**self.describe(), "metrics": self.figures})
        return path

    def describe(self) -> dict[str, Any]:
        """Return the metadata of the classifier's file."""
        arguments = self.spec["init_args"]
        return {
            **super().describe(),
            "num_classes": self.num_classes,
            **{key: arguments[key] for key in ("network", "learner", "seed")},
            "trainer": self.learner.name,
            "settings": self.data.settings | below("learner", differences(arguments["learner"])),
        }

    def remark(self) -> str:
        """Return the accuracy on the test set, and that on conflicting images."""
        told = {"test/accuracy": "test accuracy", "test/conflict_accuracy": "on conflicting images"}
        figures = {text: self.figures.get(key) for key, text in told.items()}
        return "".join(f", {text} {value:.3f}" for text, value in figures.items() if value is not None)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the last figures beside the parameters."""
        checkpoint["figures"] = self.figures

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them back."""
        self.figures = dict(checkpoint.get("figures", {}))
