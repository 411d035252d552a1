"""The Evaluator: fresh networks trained on a small set, scored on the real test set."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from fdd_lightning.algorithms import ERM, Algorithm, AlgorithmFactory, Regime
from fdd_lightning.algorithms.epochs import Passes, epoch_order
from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.algorithms.optimizers import build_optimizer, forget, set_rate
from fdd_lightning.artefacts.results import MetricSummary, Row
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.augment import Augmentation
from fdd_lightning.augment.cutmix import mix_batch
from fdd_lightning.configuration.choices import import_class, rebuild, spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.datasets import ImageSet
from fdd_lightning.datasets.whitening import ZCA, cached_zca
from fdd_lightning.errors import ConfigError
from fdd_lightning.metrics import CellAccuracy, CellCount, group_metrics
from fdd_lightning.modules.base import StageModule
from fdd_lightning.modules.row import identity
from fdd_lightning.networks import ConvNet, NetworkFactory
from fdd_lightning.protocols import named, refuse_mixing
from fdd_lightning.utils.files import write_json
from fdd_lightning.utils.rng import generator, seeded


class Evaluator(StageModule):
    """Trains several fresh networks on a set and measures accuracy and bias on the real test set.

    How they are trained is a preset, a file of ``configs/eval`` (see `Protocol`): epochs, SGD and its learning rate,
    batches, augmentation, number of networks. ``reference`` is that of DM's code: SGD 0.01, momentum 0.9, weight decay
    5e-4, batch 256, a learning rate dropped once to a tenth just past half time (with the momentum lost, as the
    optimiser is rebuilt there), one DSA operation per batch with parameters per image, accuracy after the last epoch.

    What was learned with a set besides its images is used: the step size, and soft labels in the place of hard ones.
    Of a set whose networks saw whitened images, training and test images are whitened.

    All networks are trained side by side; each has its own draws, so each comes out as if it were trained alone.

    Args:
        num_classes: Linked from the data.
        num_groups: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        network: The architecture that is trained.
        learner: How it is trained. One that has a regime of its own is trained by it: optimiser, learning rate, steps,
            batches and augmentation are then not those said here.
        count: Number of networks; the preset's if null.
        preset: Name of a file in ``configs/eval``: ``reference``, ``quick`` (fewer epochs), or a paper's, ``idc`` say.
        epochs: Passes over the set; the preset's if null.
        lr: Learning rate; by default the step size that was learned with the set, where one was (MTT), else the
            preset's.
        batch_size: Images per step; the preset's if null.
        augmentation: Applied to every training batch; the preset's if null.
        seed: Seed of every draw.
    """

    artefact = "results.json"
    draws_own_batches = True
    keeps_checkpoint = False

    synthetic: SyntheticSet | None = None
    """The set to train on (``--synthetic``); without it the real training set."""

    def __init__(
        self,
        num_classes: int,
        num_groups: int,
        image_shape: tuple[int, int, int],
        network: NetworkFactory = ConvNet,
        learner: AlgorithmFactory = ERM,
        count: int | None = None,
        preset: str = "reference",
        epochs: int | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.remember()
        for key, value in {"count": count, "batch_size": batch_size, "epochs": epochs}.items():
            if value is not None and value < 1:
                raise ConfigError(f"{key} must be at least 1, not {value}")
        if lr is not None and not lr >= 0:
            raise ConfigError(f"lr must not be negative, but is {lr}")
        self.num_classes = num_classes
        self.num_groups = num_groups
        self.image_shape = image_shape
        self.architecture = network
        self.learner = learner
        self.preset = preset
        self.protocol = named(preset)
        self.count = self.protocol.networks if count is None else count
        self.epochs = epochs
        self.lr = lr
        self.batch_size = self.protocol.batch_size if batch_size is None else batch_size
        self.augmentation = rebuild(augmentation or self.protocol.augmentation)
        self.seed = seed
        self.automatic_optimization = False
        self.learners = nn.ModuleList()
        self._drawn: dict[int, tuple[int, Tensor]] = {}
        self.soft_labels: Tensor | None = None
        self.whitening: ZCA | None = None
        self.row: dict[str, Any] | None = None

    @classmethod
    def implied(cls, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the preset says of the arguments that may be null."""
        return named(str(arguments.get("preset") or "reference")).arguments

    @classmethod
    def behind(cls, arguments: Mapping[str, Any]) -> Any:
        """Return what the preset says."""
        return complete(spec_of(named(str(arguments["preset"]))))

    @classmethod
    def flags(cls) -> dict[str, str]:
        """Return the one file that it trains on."""
        return {"synthetic": "the synthetic set to train on (synthetic.safetensors); without it the real training set"}

    def take(self, flag: str, path: Path) -> None:
        """Read the set to train on."""
        self.synthetic = SyntheticSet.load(path)

    def title(self) -> str:
        """Return what the progress bar calls it."""
        made = self.synthetic.metadata if self.synthetic else {"method": "full"}
        words = [str(made[key]) for key in ("method", "weighting") if key in made]
        return " ".join([*words, *([f"ipc {made['ipc']}"] if "ipc" in made else []), f"x {self.count}"])

    @property
    def train_on(self) -> str:
        """``synthetic`` or ``real``."""
        return "real" if self.synthetic is None else "synthetic"

    @property
    def total_epochs(self) -> int:
        """Passes over the training set."""
        return self.epochs or self.protocol.epochs_on(self.train_on)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass; the last batch may be smaller, none is dropped."""
        return self.passes.per_epoch

    @property
    def num_steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.regime.steps if self.regime else self.steps_per_epoch * self.total_epochs

    @property
    def regime(self) -> Regime | None:
        """The trainer's own way to be trained, where it has one; known once :meth:`setup` ran."""
        return cast(Algorithm, self.learners[0]).regime if self.learners else None

    @property
    def passes(self) -> Passes:
        """How the training set is cut into updates."""
        pool = cast(Algorithm, self.learners[0]).pool if self.learners else 1
        return Passes(self.size, self.regime.batch_size if self.regime else self.batch_size, pool)

    @property
    def drop_steps(self) -> list[int]:
        """The steps before which the learning rate falls."""
        return [self.steps_per_epoch * epoch for epoch in self.protocol.schedule.drops(self.total_epochs)]

    def setup(self, stage: str) -> None:
        """Take the training set, make the networks and the metrics."""
        if stage == "fit":
            if self.synthetic is None:
                self.real: ImageSet | None = self.data.train
                self.size = len(self.data.train)
            else:
                self.real = None
                self._check_synthetic(self.synthetic)
                images, labels = self.synthetic.tensors(normalised=True)
                self.whitening = self._read_whitening(self.synthetic)
                self.images, self.labels = self._seen(images), labels
                self.soft_labels = self.synthetic.soft_labels
                self.size = len(labels)
            if not self.learners:
                self.check()
                self._make_learners()
        if stage == "test" or not hasattr(self, "scores"):
            aligned = self.data.aligned
            self.scores = nn.ModuleList(
                group_metrics(self.num_classes, self.num_groups, aligned) for _ in range(self.count)
            )
            self.cells = nn.ModuleList(CellAccuracy(self.num_classes, self.num_groups) for _ in range(self.count))
            self.counts = CellCount(self.num_classes, self.num_groups)
        super().setup(stage)

    def check(self) -> None:
        """Refuse a trainer that reads group labels on a set that has none, and one that cannot take mixed images."""
        spec = spec_of(self.learner)
        refuse_groups(import_class(spec["class_path"]), self.train_on, self.num_groups)
        refuse_mixing(self.preset, spec)

    def _make_learners(self) -> None:
        labels = self.labels if self.real is None else self.real.targets
        groups = None if self.real is None or self.num_groups < 2 else self.real.groups
        for j in range(self.count):
            with seeded(self.seed, "network", j):
                learner = self.learner(self.architecture, self.num_classes, self.image_shape, self.size)
            learner.prepare(labels, groups, self.num_groups)
            self.learners.append(learner)

    def _check_synthetic(self, synthetic: SyntheticSet) -> None:
        """Refuse a set that was made for other images."""
        shape = tuple(synthetic.images.shape[1:])
        if shape != self.image_shape:
            raise ConfigError(
                f"the synthetic images have shape {shape}, the data set {self.data.name} {self.image_shape}: "
                "evaluate on the data set that the file names"
            )
        made = synthetic.metadata
        same = all(
            made.get(k) == v for k, v in (("dataset", self.data.name), ("data_parameters", self.data.parameters))
        )
        if same and made.get("data_fingerprint") != self.data.fingerprint and self.trainer.is_global_zero:
            sys.stderr.write(
                f"warning: the images of {self.data.name} have changed since the synthetic set was made of them: some "
                "that it was made of may be among the test images now (distil it anew)\n"
            )
        if int(synthetic.labels.max()) >= self.num_classes:
            raise ConfigError(
                f"the synthetic set has label {int(synthetic.labels.max())}, the data set {self.data.name} only "
                f"{self.num_classes} classes: evaluate on the data set that the file names"
            )
        learner: Any = import_class(spec_of(self.learner)["class_path"])
        if synthetic.soft_labels is not None and not learner.soft_labels:
            raise ConfigError(f"the synthetic set has soft labels, which trainer {learner.name} does not take: use erm")

    def _read_whitening(self, synthetic: SyntheticSet) -> ZCA | None:
        """Return the whitening that the set's networks saw images through."""
        epsilon = synthetic.metadata.get("zca")
        if epsilon is None:
            return None
        if synthetic.metadata.get("data_fingerprint") != self.data.fingerprint:
            raise ConfigError(
                f"the synthetic set was made of whitened images, by the training images of "
                f"{synthetic.metadata.get('dataset')}, which are not those of {self.data.name} as it is set here: "
                "evaluate on the data set that the file names"
            )
        if self.trainer.is_global_zero:
            cached_zca(self.data.train, epsilon, self.data.fingerprint)
        self.trainer.strategy.barrier("whitening")
        return cached_zca(self.data.train, epsilon, self.data.fingerprint)

    def _seen(self, images: Tensor) -> Tensor:
        """Return normalised images as the networks see them."""
        return images if self.whitening is None else self.whitening.to(images.device).whiten(images)

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        learned = None if self.synthetic is None else self.synthetic.lr
        return self.lr if self.lr is not None else self.protocol.lr if learned is None else learned

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return one SGD over all networks, or what the trainer brings; networks do not mix in it."""
        momentum, decay = self.protocol.momentum, self.protocol.weight_decay
        own = partial(torch.optim.SGD, lr=self.rate, momentum=momentum, weight_decay=decay)
        return build_optimizer(
            cast(list[Algorithm], list(self.learners)), self.regime.optimizer if self.regime else own
        )

    def on_fit_start(self) -> None:
        """Keep the training images on the device."""
        if self.real is not None and self.device.type != "cpu":
            self.real = self.real.to(self.device)
        if self.synthetic is not None:
            self.images, self.labels = self.images.to(self.device), self.labels.to(self.device)
            self.soft_labels = None if self.soft_labels is None else self.soft_labels.to(self.device, self.images.dtype)

    def batch(self, network: int, step: int) -> dict[str, Tensor]:
        """Return the augmented training batch of one network at a step."""
        index = self.passes.batch(step, self._order(network, self.passes.epoch(step)))
        if self.real is None:
            index = index.to(self.labels.device)
            batch = {"image": self.images[index], "target": self.labels[index], "index": index}
            if self.soft_labels is not None:
                batch["soft_target"] = self.soft_labels[index]
        else:
            batch = {key: value.to(self.device) for key, value in self.real.batch(index).items()}
        draws = generator(self.seed, "augmentation", network, step)
        augmentation = self.regime.augmentation if self.regime else self.augmentation
        batch["image"] = augmentation(batch["image"].to(self.dtype), draws, siamese=False)
        if self.protocol.cutmix and not self.regime:
            return mix_batch(batch, self.protocol.cutmix, self.num_classes, draws)
        return batch

    def _order(self, network: int, epoch: int) -> Tensor:
        """Return the order in which a network sees the training set in an epoch; that of the last epoch is kept."""
        if self._drawn.get(network, (None,))[0] != epoch:
            draws = generator(self.seed, "order", network, epoch)
            chances = cast(Algorithm, self.learners[network]).chances
            self._drawn[network] = epoch, epoch_order(self.size, chances, draws)
        return self._drawn[network][1]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take the steps that one batch of every network is for, one as a rule; Lightning's batch is only a clock."""
        step = self.global_step
        optimizer = self.optimizers()
        share = self.passes.share
        side_by_side = [cast(Algorithm, own).losses(self.batch(j, step), share) for j, own in enumerate(self.learners)]
        for losses in zip(*side_by_side, strict=True):
            self._set_rate(optimizer.optimizer, self.global_step)  # type: ignore[union-attr]
            optimizer.zero_grad()  # type: ignore[union-attr]
            self.manual_backward(torch.stack(losses).sum())
            optimizer.step()  # type: ignore[union-attr]
            self.log("eval/train_loss", torch.stack(losses).detach().mean(), prog_bar=True)
            if self.global_step >= self.trainer.max_steps:
                break

    def _set_rate(self, optimizer: torch.optim.Optimizer, step: int) -> None:
        """Set the learning rate of a step."""
        if self.regime:
            set_rate(optimizer, self.regime.rate(step))
        elif step in (drops := self.drop_steps):
            schedule = self.protocol.schedule
            set_rate(optimizer, schedule.factor ** sum(drop <= step for drop in drops))
            if schedule.forgets:
                forget(optimizer)

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count hits by class and group."""
        images = self._seen(batch["image"])
        for learner, scores, cells in zip(self.learners, self.scores, self.cells, strict=True):
            predictions = learner(images).argmax(1)
            scores.update(predictions, batch["target"], batch["group"])  # type: ignore[operator]
            cells.update(predictions, batch["target"], batch["group"])  # type: ignore[operator]
        self.counts.update(predictions, batch["target"], batch["group"])

    def on_test_epoch_end(self) -> None:
        """Gather the row of the results."""
        found = [{k: float(v) for k, v in scores.compute().items()} for scores in self.scores]  # type: ignore[operator]
        names = ["accuracy", "deo_max", "deo_mean", "worst_group_accuracy", "aligned_accuracy", "conflict_accuracy"]
        metrics = {
            name: MetricSummary.of([[scores[name] for scores in found]]) if name in found[0] else None for name in names
        }
        if self.num_groups < 2:
            metrics |= dict.fromkeys(("deo_max", "deo_mean", "worst_group_accuracy"))
        cells = torch.stack([cell.compute() for cell in self.cells])  # type: ignore[operator]
        row = Row(
            **identity(self.spec, self.data, self.synthetic),
            seconds={"fit": None, "distill": None, "eval": None},
            metrics=metrics,
            cell_accuracy=_matrix(cells.double().nanmean(0)),
            cell_count=self.counts.compute().long().tolist(),
        )
        self.row = row.to_json()
        for name, summary in metrics.items():
            if summary is not None:
                self.log(f"eval/{name}", summary.mean)

    def finish(self, seconds: float, before: Mapping[str, float | None], *, inside_run: bool) -> None:
        """Put what each stage took into the row, in seconds; a run gathers the rows into a file of its own."""
        if self.row is not None:
            self.row["seconds"] = {**before, "eval": round(seconds, 2)}
        self.artefact = "rows.json" if inside_run else type(self).artefact

    def remark(self) -> str:
        """Say the step size that was learned, and why there are no figures of fairness, where there are none."""
        learned = self.lr is None and not self.regime and self.rate != self.protocol.lr
        told = f", learned step size {self.rate:.4g}" if learned else ""
        return told + (" (no group labels, so no fairness metrics)" if self.num_groups < 2 else "")

    def save_artefact(self, folder: Path) -> Path:
        """Write the one row as ``results.json``."""
        path = folder / self.artefact
        write_json(path, {"format": 1, "rows": [self.row]})
        return path


def _matrix(cells: Tensor) -> list[list[float | None]]:
    """Return a (class, group) matrix as JSON holds it, None where a cell has no image."""
    return [[None if math.isnan(v) else v for v in line] for line in cells.tolist()]
