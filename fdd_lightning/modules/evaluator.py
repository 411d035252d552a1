"""The Evaluator: fresh networks trained on a small set, scored on the real test set."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from fdd_lightning.algorithms import Algorithm, Batch
from fdd_lightning.algorithms.group_labels import refuse_groups
from fdd_lightning.artefacts.doubts import CHANGED_IMAGES, MEANING
from fdd_lightning.artefacts.results import MetricSummary, Row, write_results
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.augment import Augmentation
from fdd_lightning.configuration.choices import rebuild, spec_of
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.sizes import sized
from fdd_lightning.datamodules.base import BaseDataModule
from fdd_lightning.datamodules.named import entry_of
from fdd_lightning.datasets.label_table import shortened
from fdd_lightning.datasets.whitening import ZCA, cached_zca
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.crowd import crowd_of
from fdd_lightning.metrics import CellAccuracy, CellCount, EvaluationMetric, group_metrics, metric_classes
from fdd_lightning.modules.kept_networks import KeptNetworks
from fdd_lightning.modules.many_networks import ManyNetworks
from fdd_lightning.modules.row_identity import (
    FULL,
    UNNAMED,
    history,
    identity,
    images_per_class,
    name_of_set,
    tells_its_method,
)
from fdd_lightning.modules.workload import Extent, Workload
from fdd_lightning.training import BestEpoch, Preset, named, refuse_mixing, regime_of
from fdd_lightning.training.batches import Batches
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.devices import moved
from fdd_lightning.utils.rng import generator


class Evaluator(ManyNetworks):
    """Trains several fresh networks on a set and measures accuracy and bias on the real test set.

    How they are trained is a preset, a file of ``configs/eval`` (see `Preset`): epochs, SGD and its learning rate,
    batches, augmentation, number of networks. The accuracy is that after the last epoch, or after the best one on
    validation images (``keep``).

    What was learned with a set besides its images is used: the step size, and soft labels in the place of hard ones.
    Of a set whose networks saw whitened images, training and test images are whitened.

    All networks are trained side by side; each has its own draws, so each comes out as if it were trained alone. On a
    CPU they are shared out among the threads, on a GPU computed as one, and over several processes each trains its
    share (``--trainer.strategy ddp``). A learner that has a regime of its own is trained by it: optimiser, learning
    rate, steps, batches and augmentation are then not those said here. Other arguments are those of `ManyNetworks`.

    Args:
        count: Number of networks; the preset's if null.
        preset: A file of ``configs/eval`` by name, ``reference``, ``quick`` (fewer epochs), or a paper's, say ``idc``;
            or your own by its path.
        epochs: Passes over the set; the preset's if null.
        lr: Learning rate; by default the step size that was learned with the set, where one was (MTT), else the
            preset's.
        batch_size: Images per step; the preset's if null.
        augmentation: Applied to every training batch; the preset's if null.
        metrics: More metrics than those of every row, by class path: ``fdd_lightning.metrics.AverageOdds``, or your own
            (see `GroupCounts`).
        keep: Which epoch's network is scored: null for the last one's; `BestEpoch` for that of the epoch that is best
            on the validation images, a share of the training images (``--data.validation``), never on the test.

    Attributes:
        synthetic: The set to train on (``--synthetic``); without it the real training set.

    Example:
        >>> evaluator = Evaluator(num_classes=10, num_groups=2, image_shape=(3, 16, 16), preset="quick", lr=0.1)
        >>> evaluator.count, evaluator.by_preset().lr
        (5, 0.1)
    """

    stage = "eval"
    artefact = "results.json"
    keeps_checkpoint = False
    later = MappingProxyType({"keep": None})
    loss_name = "eval/train_loss"
    synthetic: SyntheticSet | None = None
    name_of_set: str = UNNAMED

    def __init__(
        self,
        *args: Any,
        count: int | None = None,
        preset: str = "reference",
        epochs: int | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        augmentation: Augmentation | None = None,
        metrics: Sequence[str] = (),
        keep: BestEpoch | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        require({"count": count, "batch_size": batch_size, "epochs": epochs}, least=1)
        require({"lr": lr}, least=0)
        self.preset = named(preset)
        self.count = self.preset.networks if count is None else count
        self.changes = {"epochs": epochs, "batch_size": batch_size, "augmentation": augmentation}
        self.lr = lr
        self.metrics = metric_classes(metrics)
        self.keep = rebuild(keep)
        self.kept = KeptNetworks()
        self.learners = nn.ModuleList()
        self.crowd: Tensor | None = None  # the class that each test image looks like, where a metric asks for that
        self.soft_labels: Tensor | None = None
        self.whitening: ZCA | None = None
        self.result: Row | None = None

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

    @classmethod
    def workload(cls, arguments: Mapping[str, Any], extent: Extent) -> Workload:
        """Return the images of all epochs and the test, for every network."""
        size = extent.train if extent.per_class is None else extent.num_classes * extent.per_class
        regime = regime_of(arguments, on_real=extent.per_class is None)
        per_epoch = -(-size // regime.batch_size)
        learned_from = regime.num_steps(per_epoch) * size // per_epoch
        count = int(arguments["count"])
        return Workload(arguments["network"], count * extent.test, count * learned_from)

    @classmethod
    def refuse_data(cls, arguments: Mapping[str, Any], data: BaseDataModule) -> None:
        """Refuse data without validation images, where the network of the best epoch is asked for."""
        if arguments.get("keep") is not None and not data.validation:
            raise ConfigError(
                "--model.keep compares epochs on validation images, and none are set aside: set --data.validation=0.1 "
                "(in a recipe: data: [{name: NAME, validation: 0.1}])"
            )

    def take(self, flag: str, path: Path) -> None:
        """Read the set to train on; one that says little of itself is called by the name of its file."""
        self.synthetic = SyntheticSet.load(path, bare=True)
        self.name_of_set = name_of_set(path)

    def title(self) -> str:
        """Return what the progress bar calls it."""
        if self.synthetic is None:
            return f"{FULL['method']} x {self.count}"
        made = history(self.synthetic, self.name_of_set)
        return f"{made['method']} {made['weighting']} ipc {made['ipc']} x {self.count}"

    @property
    def row(self) -> dict[str, Any] | None:
        """The row of the results as their file holds it; None before the test."""
        return None if self.result is None else self.result.to_json()

    @property
    def algorithms(self) -> list[Algorithm]:
        """The networks' algorithms."""
        return cast(list[Algorithm], list(self.learners))

    def by_preset(self) -> Preset:
        """Return the preset with what is changed here, and with the step size that was learned with the set."""
        preset = self.preset.on_real() if self.synthetic is None else self.preset
        return preset.changed(lr=self.learned_lr if self.lr is None else self.lr, **self.changes)

    @property
    def learned_lr(self) -> float | None:
        """The step size that was learned with the set, if one was."""
        return None if self.synthetic is None else self.synthetic.lr

    def setup(self, stage: str) -> None:
        """Take the training set, make the networks and the metrics."""
        if stage == "fit":
            if self.synthetic is None:
                self.real = self.training_set()
                labels, groups = self.real.targets, self.real.groups
            else:
                self._check_synthetic(self.synthetic)
                images, labels = self.synthetic.tensors(normalised=True)
                self.whitening = self._read_whitening(self.synthetic)
                self.images, self.labels, groups = self._seen(images), labels, None
                self.soft_labels = self.synthetic.soft_labels
            if not self.learners:
                self.check()
                self.learners.extend(self.new_algorithm(labels, groups, j) for j in range(self.count))
            algorithm = self.algorithms[0]
            self.regime = algorithm.regime or self.by_preset()
            self.batches = Batches(len(labels), self.regime.batch_size, algorithm.pool)
            self.require_stackable()
        if stage == "test" or not hasattr(self, "scores"):
            self._prepare_scores()
        super().setup(stage)

    def _prepare_scores(self) -> None:
        """Make the metrics of each network: by the groups, and by the crowd where some ask for it."""
        facts = (self.num_classes, self.num_groups, self.data.alignment)
        classes: list[type[EvaluationMetric]] = [*(m for m in self.metrics if not m.by_crowd), CellAccuracy, CellCount]
        least = self.data.least_in_cell
        self.scores = nn.ModuleList(group_metrics(*facts, classes, least) for _ in range(self.count))
        asked = [metric for metric in self.metrics if metric.by_crowd]
        if asked:
            sets, facts_of_vote = (self.data.train, self.data.test), (self.num_classes, self.data.train_fingerprint)
            self.crowd = self.once(lambda: crowd_of(*sets, *facts_of_vote))
        by_crowd = (self.num_classes, self.num_classes, torch.eye(self.num_classes))
        count = 0 if self.crowd is None else self.count
        self.crowd_scores = nn.ModuleList(group_metrics(*by_crowd, [*asked, CellCount]) for _ in range(count))

    def check(self) -> None:
        """Refuse a trainer that reads group labels on a set that has none, and one that cannot take mixed images."""
        train_on = "real" if self.synthetic is None else "synthetic"
        refuse_groups(self.algorithm_class, train_on, self.groups_to_read)
        refuse_mixing(regime_of(self.hparams), self.algorithm_class, f"preset {self.hparams['preset']}")

    def _check_synthetic(self, synthetic: SyntheticSet) -> None:
        """Refuse a set that was made for other images."""
        shape = tuple(synthetic.images.shape[1:])
        if shape != self.image_shape:
            raise ConfigError(
                f"the synthetic images have shape {shape}, the data set {self.data.name} {self.image_shape}: "
                "evaluate on the data set that the file names"
            )
        made = synthetic.metadata
        for word in made.get("warnings", ()):
            self.warn(str(word), f"of the synthetic set: {MEANING.get(word, word)}")
        same = entry_of(made) == self.data.entry and made.get("data_parameters") == self.data.parameters
        if same and made.get("data_fingerprint", self.data.fingerprint) != self.data.fingerprint:
            told = (
                "have changed since the synthetic set was made of them: some that it was made of may be among the test"
            )
            self.warn(CHANGED_IMAGES, f"the images of {self.data.name} {told} images now (distil it anew)")
        named = made.get("class_names")
        own = list(self.data.class_names)
        if isinstance(named, list) and len(named) == len(own) and named != own:
            raise ConfigError(
                f"the synthetic set has the classes {shortened(named)}, the data set {self.data.name} has "
                f"{shortened(own)}: labels go by their number, so take the data that the file names"
            )
        if int(synthetic.labels.max()) >= self.num_classes:
            raise ConfigError(
                f"the synthetic set has label {int(synthetic.labels.max())}, the data set {self.data.name} only "
                f"{self.num_classes} classes: evaluate on the data set that the file names"
            )
        if synthetic.soft_labels is not None and not self.algorithm_class.soft_labels:
            raise ConfigError(
                f"the synthetic set has soft labels, which trainer {self.algorithm_class.name} does not take: use erm"
            )
        if not tells_its_method(synthetic) and self.trainer.is_global_zero:
            sys.stderr.write(
                "warning: the synthetic set does not say how it was made: its images are read as normalised ones, and "
                f"its row is called {self.name_of_set} ({images_per_class(synthetic)} images per class)\n"
            )

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
        return self.once(lambda: cached_zca(self.data.train, epsilon, self.data.train_fingerprint))

    def _seen(self, images: Tensor) -> Tensor:
        """Return normalised images as the networks see them."""
        return images if self.whitening is None else self.whitening.to(images.device).whiten(images)

    def way_out(self) -> str:
        """Name the learning rate, where it is this one's."""
        return super().way_out() if self.algorithms[0].regime else f"lower lr (now {self.by_preset().lr:g})"

    def on_fit_start(self) -> None:
        """Keep the training images on the device."""
        super().on_fit_start()
        if self.synthetic is not None:
            self.images, self.labels = self.images.to(self.device), self.labels.to(self.device)
            self.soft_labels = None if self.soft_labels is None else self.soft_labels.to(self.device, self.images.dtype)

    def examples(self, index: Tensor) -> Batch:
        """Return the training images at some places, on the device."""
        if self.synthetic is None:
            return super().examples(index)
        index = moved(index, self.labels.device)
        batch = {"image": self.images[index], "target": self.labels[index], "index": index}
        return batch if self.soft_labels is None else {**batch, "soft_target": self.soft_labels[index]}

    def draws(self, purpose: str, number: int, when: int) -> Generator:
        """Return the generator of a network's draws in an epoch or at a step."""
        return generator(self.seed, purpose, number, when)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Train, and look at the validation images where it is time: before a checkpoint of the step is written."""
        before = self.global_step
        super().training_step(batch, batch_idx)
        if self.keep is not None:
            due = self.keep.steps(self.trainer.max_steps, self.batches.per_epoch)
            if any(before < step <= self.global_step for step in due):
                self.kept.look(self, self.keep, self._seen)

    def on_test_start(self) -> None:
        """Take the networks of their best epochs, where these were kept."""
        if self.keep is not None:
            self.kept.restore(self.algorithms)
        super().on_test_start()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the kept networks beside those of now."""
        super().on_save_checkpoint(checkpoint)
        if self.keep is not None:
            checkpoint["kept"] = self.kept.gathered()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take them back."""
        super().on_load_checkpoint(checkpoint)
        self.kept.take_back(checkpoint.get("kept", {}), self.own)

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Count hits by class and group."""
        images = self._seen(batch["image"])
        outputs = self.all_logits(images, "test")
        for number, scores in enumerate(self.scores):
            predicted, probabilities = outputs[number].argmax(1), outputs[number].double().softmax(1)
            labels = batch["target"], batch["group"]
            scores.update(predicted, *labels, probabilities=probabilities)  # type: ignore[operator]
            if self.crowd is not None:
                crowd = self.crowd[batch["index"].cpu()].to(predicted.device)
                them: Any = self.crowd_scores[number]
                them.update(predicted, batch["target"], crowd, probabilities=probabilities)

    def on_test_epoch_end(self) -> None:
        """Gather the row of the results."""
        figures: list[dict[str, Tensor]] = [scores.compute() for scores in self.scores]  # type: ignore[operator]
        by_crowd: list[dict[str, Tensor]] = [scores.compute() for scores in self.crowd_scores]  # type: ignore[operator]
        conflict = self._conflict_count(figures[0], by_crowd)
        figures = [{**crowd, **figure} for figure, crowd in zip(figures, by_crowd or [{}] * self.count, strict=True)]
        existing = [metric.name for metric in self.metrics if metric.name in figures[0]]
        values = {name: [[float(figure[name]) for figure in figures]] for name in existing}
        metrics = {m.name: MetricSummary.of(values[m.name]) if m.name in values else None for m in self.metrics}
        counts = figures[0]["cell_count"].long()
        if hasattr(self, "batches"):  # they were trained here
            self.look_for_learning()
        self.result = Row(
            **identity(
                sized(self.spec, lambda: self.image_shape),
                self.data,
                self.synthetic,
                self.name_of_set,
                self.trainer_settings,
            ),
            seconds={"fit": None, "distill": None, "eval": None},
            metrics=metrics,
            cell_accuracy=_matrix(torch.stack([figure["cell_accuracy"] for figure in figures]).double().nanmean(0)),
            cell_count=counts.tolist(),
            small_cells=int(((counts > 0) & (counts < self.data.least_in_cell)).sum()) if self.num_groups > 1 else 0,
            conflict_count=conflict,
            reads_groups=self._reads_groups(),
            signal=None if self.synthetic is None else self.synthetic.metadata.get("signal"),
            warnings=list(self.warnings),
        )
        for name, summary in metrics.items():
            if summary is not None:
                self.log(f"eval/{name}", summary.mean)

    def _conflict_count(self, figures: Mapping[str, Tensor], by_crowd: Sequence[Mapping[str, Tensor]]) -> int | None:
        """Return how many test images go against the bias, as groups or else the crowd have it."""
        if self.data.alignment is not None:
            return int(figures["cell_count"][~self.data.alignment.bool()].sum())
        if by_crowd:
            counts = by_crowd[0]["cell_count"]
            return int(counts.sum() - counts.diagonal().sum())
        return None

    def _reads_groups(self) -> bool | None:
        """Tell whether a true group label was read on the way here; None where the set does not say."""
        trainer_reads = bool(getattr(self.algorithm_class, "needs_groups", False)) and self.groups.needs_groups
        trainer_reads |= self.keep is not None and self.keep.reads_groups and self.num_groups > 1
        return trainer_reads or (False if self.synthetic is None else self.synthetic.metadata.get("reads_groups"))

    def finish(self, seconds: float, before: Mapping[str, float | None], *, inside_run: bool) -> None:
        """Put what each stage took into the row, in seconds; a run gathers the rows into a file of its own."""
        if self.result is not None:
            self.result.seconds = {**before, "eval": round(seconds, 2)}
        self.artefact = "rows.json" if inside_run else type(self).artefact

    def facts(self) -> dict[str, Any]:
        """Return data set, method, weighting and IPC of the row."""
        row = self.result
        told = {} if row is None else {"method": row.method, "weighting": row.weighting, "ipc": row.ipc or "all"}
        return super().facts() | told

    def next_step(self, artefact: Path) -> str:
        """Return the command that shows the row beside published figures."""
        return f"fdd report {shlex.quote(str(artefact.parent))}"

    def remark(self) -> str:
        """Say what came out, the step size that was learned, and why there are no figures of fairness."""
        learned = self.learned_lr if self.lr is None and self.algorithms[0].regime is None else None
        told = "" if learned in (None, self.preset.lr) else f", learned step size {learned:.4g}"
        told = told if self.result is None else f", accuracy {self.result.in_words}{told}"
        return told + (" (no group labels, so no fairness metrics)" if self.num_groups < 2 else "")

    def save_artefact(self, folder: Path) -> Path:
        """Write the one row as ``results.json``."""
        path = folder / self.artefact
        write_results(path, [] if self.result is None else [self.result])
        return path


def _matrix(cells: Tensor) -> list[list[float | None]]:
    """Return a (class, group) matrix as JSON holds it, None where a cell has no image."""
    return [[None if math.isnan(v) else v for v in line] for line in cells.tolist()]
