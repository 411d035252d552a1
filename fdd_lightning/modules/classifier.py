"""Classifier: any algorithm trained on the real set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Generator

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.artefacts.classifier import CLASSIFIER, load_classifier, save_classifier
from fdd_lightning.configuration.choices import Spec, class_path, import_class, rebuild
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.menu import find
from fdd_lightning.configuration.named_by_files import require_known
from fdd_lightning.configuration.row_settings import below, differences
from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics import group_metrics
from fdd_lightning.modules.base import FitModule
from fdd_lightning.modules.training import TrainingModule
from fdd_lightning.training import Regime, refuse_mixing
from fdd_lightning.training.batches import Batches
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import generator


class Classifier(TrainingModule, FitModule):
    """Trains a classifier on the real set: plainly, debiased without group labels, or with them.

    Several processes share each batch; what an algorithm compares or remembers is that of the whole batch.

    It logs the loss and, at the end (and in intervals where asked), ``val/...`` and ``test/...``: accuracy, worst-
    group accuracy, the gaps of fairness, the calibration error and, where the data have an alignment, the accuracy
    on aligned and conflicting images. Nothing is chosen by them. Other arguments are those of `TrainingModule`.

    Args:
        regime: Optimiser, steps, batches and augmentation, where the algorithm has none of its own.
        monitor_every: Steps between two looks at validation and test images; 0: only at the end.

    Example:
        >>> Classifier(num_classes=10, num_groups=2, image_shape=(3, 16, 16)).title()
        'classifier erm'
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
    loss_name = "fit/loss"

    def __init__(self, *args: Any, regime: Regime = Regime(), monitor_every: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        require({"monitor_every": monitor_every}, least=0)
        self.monitor_every = monitor_every
        self.regime = rebuild(regime)
        self.figures: dict[str, float | None] = {}
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
    def settings_of(cls, path: Path) -> dict[str, Any]:
        """Return those of the configuration that the file holds."""
        header = load_classifier(path)[1]
        require_known(header["config"], str(path))
        with CLASSIFIER.from_file(path):
            return cls.row_settings(header["config"]) | below(cls.kind, header.get("trainer_settings", {}))

    @classmethod
    def spec_of_entry(cls, name: str) -> Spec:
        """Return a classifier that is trained by an algorithm of the menu."""
        learner = {"class_path": name} if "." in name else find("trainer", name, "fit.classifier")
        return {"class_path": class_path(cls), "init_args": {"learner": learner}}

    @classmethod
    def warnings_of(cls, path: Path) -> Sequence[str]:
        """Return what the file says."""
        return list(load_classifier(path)[1].get("warnings", ()))

    def check(self) -> None:
        """Refuse an algorithm that reads group labels on a set that has none."""
        refuse_groups(self.algorithm_class, "real", self.groups_to_read)

    def title(self) -> str:
        """Return what the progress bar calls it."""
        return f"classifier {getattr(self.algorithm_class, 'name', '')}"

    @property
    def algorithms(self) -> list[Algorithm]:
        """The one algorithm."""
        return [self.learner]

    def setup(self, stage: str) -> None:
        """Make the algorithm and show it the labels."""
        if stage == "fit":
            self.check()
            self.real = self.training_set()
            self.learner = self.new_algorithm(self.real.targets, self.real.groups)
            self.regime = self.learner.regime or self.regime
            refuse_mixing(self.regime, self.learner, "its regime")
            world = self.trainer.world_size
            self.learner.shared = world > 1
            size = self.regime.batch_size // world * world
            if not size or len(self.real) < world:
                raise ConfigError(
                    f"batches of {self.regime.batch_size} cannot be shared by {world} processes: raise it"
                )
            self.batches = Batches(len(self.real), size, self.learner.pool, world)
        super().setup(stage)

    def draws(self, purpose: str, number: int, when: int) -> Generator:
        """Return the generator of the draws in an epoch or, on each process its own, at a step."""
        return generator(self.seed, purpose, when, *([] if purpose == "order" else [self.global_rank]))

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look at validation and test images where it is time."""
        last = self.global_step >= self.trainer.max_steps
        every = self.monitor_every
        if last or (every and self.global_step // every > self._looked // every):
            self._looked = self.global_step
            self.figures = self.measure()
            if last:
                self.learner.eval()
                self.look_for_learning()
                self.learner.train()
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
        figures: dict[str, float | None] = {}
        data, rank, world = self.data, self.global_rank, self.trainer.world_size
        self.learner.eval()
        for split, images in (("val", data.val), ("test", data.test)):
            if images is None:
                continue
            facts = (self.num_classes, self.num_groups, data.alignment)
            scores = group_metrics(*facts, least=data.least_in_cell).to(self.device)
            for index in torch.arange(rank, len(images), world).split(512):
                batch = {key: value.to(self.device) for key, value in images.batch(index).items()}
                logits = self.logits(0, batch["image"], split)
                labels = batch["target"], batch["group"]
                scores.update(logits.argmax(1), *labels, probabilities=logits.double().softmax(1))
            values = {name: float(value) for name, value in scores.compute().items()}
            figures |= {f"{split}/{k}": None if math.isnan(v) else v for k, v in values.items()}
        self.learner.train()
        return figures

    def save_artefact(self, folder: Path) -> Path:
        """Write ``classifier.safetensors``, with the last figures in its metadata."""
        path = folder / self.artefact
        save_classifier(path, self.learner, {**self.describe(), "metrics": self.figures})
        return path

    def describe(self) -> dict[str, Any]:
        """Return the metadata of the classifier's file."""
        described = super().describe()
        arguments = described["config"]["init_args"]
        return {
            **described,
            "num_classes": self.num_classes,
            **{key: arguments[key] for key in ("network", "learner", "seed")},
            "trainer": self.learner.name,
            "settings": self.data.settings | below("learner", differences(arguments["learner"])),
        }

    def remark(self) -> str:
        """Return the accuracy on the test set, and that on conflicting images."""
        texts = {"test/accuracy": "test accuracy", "test/conflict_accuracy": "on conflicting images"}
        figures = {text: self.figures.get(key) for key, text in texts.items()}
        return "".join(f", {text} {value:.3f}" for text, value in figures.items() if value is not None)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the last figures beside the parameters."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["figures"] = self.figures

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them back."""
        super().on_load_checkpoint(checkpoint)
        self.figures = dict(checkpoint.get("figures", {}))
