"""The Distiller: synthetic images whose weighted signals match those of real ones."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fdd_lightning.augment import DSA, Augmentation
from fdd_lightning.choices import rebuild
from fdd_lightning.datasets import ImageSet
from fdd_lightning.encoder import cached_embeddings
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.distances import Distance, Squared
from fdd_lightning.matching.initialisers import Initialiser, Real
from fdd_lightning.matching.objective import matching_losses
from fdd_lightning.matching.parameterisations import Parameterisation, Pixels
from fdd_lightning.matching.samplers import Sampler, Uniform
from fdd_lightning.matching.signals import ClassBatch, Features, Layers, Signal
from fdd_lightning.matching.surrogates import Fresh, Surrogate
from fdd_lightning.matching.weightings import Evidence, Vanilla, Weighting, WeightMatrix
from fdd_lightning.modules.base import StageModule
from fdd_lightning.modules.provenance import describe
from fdd_lightning.rng import generator
from fdd_lightning.synthetic import SyntheticSet


class BaseDistiller(StageModule):
    """Base of everything that ``fdd distill`` runs: what makes a small labelled set out of a large one.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        images_per_class: IPC: stored images of each class.
        weighting: Which mean of the real images counts.
        seed: Seed of every draw; another seed gives another set.
        method: Name in files and tables.
    """

    artefact = "synthetic.safetensors"
    draws_own_batches = True

    encoder: Path | None = None
    """File of the bias encoder (``--encoder``), for weightings that look at embeddings."""

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        images_per_class: int,
        weighting: Weighting,
        seed: int,
        method: str,
    ) -> None:
        super().__init__()
        if images_per_class < 1:
            raise ConfigError(f"images_per_class must be at least 1, not {images_per_class}")
        self.num_classes = num_classes
        self.image_shape = image_shape
        self.images_per_class = images_per_class
        self.weighting = rebuild(weighting)
        self.seed = seed
        self.method = method
        self.parameterisation: Parameterisation = Pixels()
        self.embeddings: Tensor | None = None
        self.automatic_optimization = False

    def check(self) -> None:
        """Refuse combinations that cannot mean anything, before any data is touched.

        Raises:
            ConfigError: With the reason and the alternative.
        """
        if self.weighting.needs_embeddings and self.encoder is None:
            raise ConfigError(
                f"weighting {type(self.weighting).__name__} reads a bias encoder's embeddings: train one with "
                "`fdd fit --output DIR` and pass --encoder DIR/encoder.safetensors"
            )

    def setup(self, stage: str) -> None:
        """Take the real images and, where the weighting asks for them, their embeddings."""
        if stage == "fit":
            self.check()
            data = self.data
            self.real: ImageSet = data.train
            if self.weighting.needs_groups and data.num_groups < 2:
                raise ConfigError(
                    f"weighting {type(self.weighting).__name__} needs at least two groups, data set {data.name} has "
                    f"{data.num_groups}: use weighting KDE or Vanilla"
                )
            if self.weighting.needs_embeddings:
                self.embeddings = self._read_embeddings()
        super().setup(stage)

    def _read_embeddings(self) -> Tensor:
        """Compute the embeddings on one process; the others read its file."""
        if self.encoder is None:  # pragma: no cover (check() has refused it)
            raise ConfigError("no encoder")
        device = self.trainer.strategy.root_device
        if self.trainer.is_global_zero:
            cached_embeddings(self.encoder, self.real, self.data.fingerprint, device)
        self.trainer.strategy.barrier("embeddings")
        return cached_embeddings(self.encoder, self.real, self.data.fingerprint, device).to(device)

    def evidence(self, index: Tensor) -> Evidence:
        """Return what the weighting may know of real images ``index``: nothing that it does not ask for."""
        return Evidence(
            size=len(index),
            groups=self.real.groups[index] if self.weighting.needs_groups else None,
            embeddings=self.embeddings[index] if self.embeddings is not None else None,
        )

    @abstractmethod
    def stored_images(self) -> Tensor:
        """Return the stored images, class by class: (num_classes * IPC, C, H, W), normalised, on the CPU."""

    def synthetic_set(self) -> SyntheticSet:
        """Return the set as it stands, with its provenance."""
        stored = self.stored_images()
        images = self.parameterisation.decode(stored)
        per_class = len(images) // self.num_classes
        labels = torch.arange(self.num_classes).repeat_interleave(per_class)
        plain = isinstance(self.parameterisation, Pixels)
        return SyntheticSet(images, labels, describe(self), None if plain else {"stored": stored})

    def save_artefact(self, folder: Path) -> Path:
        """Write ``synthetic.safetensors`` and ``synthetic.png``."""
        path = folder / self.artefact
        self.synthetic_set().save(path)
        return path


class Distiller(BaseDistiller):
    """Matches synthetic to real images; the defaults are DM (Zhao & Bilen, WACV 2023) as its code runs it.

    Every part of the loss is a choice: see ``fdd_lightning.matching``. A named method is a preset of choices in
    ``configs/method``.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        images_per_class: IPC: synthetic images stored for each class.
        weighting: Which mean of the real images is matched.
        signal: What of the images is matched.
        distance: How signals are compared.
        sampler: Which real images a step sees.
        surrogate: The network through which images are compared.
        parameterisation: How synthetic images are stored.
        initialiser: The synthetic images before the first step.
        augmentation: Applied to real and synthetic images of a class with the same parameters (siamese).
        iterations: Optimiser steps.
        lr_images: Learning rate of the images (SGD).
        momentum: Momentum of the images' SGD.
        seed: Seed of every draw; another seed gives another set.
        method: Name in files and tables.
    """

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        images_per_class: int = 10,
        weighting: Weighting = Vanilla(),
        signal: Signal = Features(),
        distance: Distance = Squared(),
        sampler: Sampler = Uniform(),
        surrogate: Surrogate = Fresh(),
        parameterisation: Parameterisation = Pixels(),
        initialiser: Initialiser = Real(),
        augmentation: Augmentation = DSA(),
        iterations: int = 20000,
        lr_images: float = 1.0,
        momentum: float = 0.5,
        seed: int = 0,
        method: str = "dm",
    ) -> None:
        super().__init__(num_classes, image_shape, images_per_class, weighting, seed, method)
        self.remember()
        if iterations < 1:
            raise ConfigError(f"iterations must be at least 1, not {iterations}")
        for key, value in {"lr_images": lr_images, "momentum": momentum}.items():
            if not value >= 0:
                raise ConfigError(f"{key} must not be negative, but is {value}")
        # Built anew: choices may have a state, and two distillers must not share it.
        self.signal = rebuild(signal)
        self.distance = rebuild(distance)
        self.sampler = rebuild(sampler)
        self.surrogate = rebuild(surrogate)
        self.parameterisation = rebuild(parameterisation)
        self.initialiser = rebuild(initialiser)
        self.augmentation = rebuild(augmentation)
        self.iterations = iterations
        self.lr_images = lr_images
        self.momentum = momentum
        count = num_classes * images_per_class
        blank = self.parameterisation.encode(torch.zeros(count * self.parameterisation.expansion, *image_shape))
        self.images = nn.Parameter(blank)

    @property
    def num_steps(self) -> int:
        """One optimiser step an iteration."""
        return self.iterations

    def setup(self, stage: str) -> None:
        """Draw the starting images and get the surrogate ready."""
        super().setup(stage)
        if stage != "fit":
            return
        if self.sampler.needs_groups and self.data.num_groups < 2:
            raise ConfigError(
                f"sampler {type(self.sampler).__name__} needs groups, data set {self.data.name} has none: use Uniform"
            )
        device = self.trainer.strategy.root_device
        self.surrogate.prepare(self.num_classes, self.image_shape, self.seed, device)
        if device.type != "cpu":
            self.real = self.real.to(device)
        per_class = self.images_per_class * self.parameterisation.expansion
        starts = [
            self.initialiser.images(self.data.train, c, per_class, generator(self.seed, "initial images", c))
            for c in range(self.num_classes)
        ]
        with torch.no_grad():
            self.images.copy_(self.parameterisation.encode(torch.cat(starts)))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return plain SGD over the images."""
        return torch.optim.SGD([self.images], lr=self.lr_images, momentum=self.momentum)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Take one step of all synthetic images; the batch is only a clock."""
        losses = self.losses(self.global_step)
        optimizer = self.optimizers()
        optimizer.zero_grad()  # type: ignore[union-attr]
        self.manual_backward(losses.sum())
        optimizer.step()  # type: ignore[union-attr]
        self.log("distill/loss", losses.detach().mean(), prog_bar=True)

    def losses(self, step: int) -> Tensor:
        """Return the matching loss of each class at a step, (num_classes,)."""
        network = self.surrogate.network(step).to(self.images.dtype)
        share = slice(self.global_rank, None, self.trainer.world_size)
        images = self.parameterisation.decode(self.images).chunk(self.num_classes)
        real, weights, synthetic, whole = [], [], [], []
        for c in range(self.num_classes):
            index = self.sampler.draw(self.real, c, step, generator(self.seed, "real batch", step, c), network)
            matrix = self.weighting(self.evidence(index))
            batch = self.real.batch(index[share])["image"].to(self.images)
            real.append(ClassBatch(self._augment(batch, step, c), c))
            weights.append(WeightMatrix(matrix.rows[:, share], matrix.coefficients))
            synthetic.append(ClassBatch(self._augment(images[c], step, c), c))
            whole.append((index, matrix))
        self._log_weights(whole)
        return matching_losses(network, real, weights, synthetic, self.signal, self.distance, self._sum_over_ranks)

    def _augment(self, images: Tensor, step: int, target: int) -> Tensor:
        """Augment with the parameters of (step, class), the same for real and synthetic images."""
        return self.augmentation(images, generator(self.seed, "augmentation", step, target), siamese=True)

    def _sum_over_ranks(self, targets: list[Layers]) -> list[Layers]:
        """Sum the weighted signals over processes, all classes and layers in one call."""
        if self.trainer.world_size == 1:
            return targets
        flat = torch.cat([layer.flatten() for layers in targets for layer in layers])
        total = self.trainer.strategy.reduce(flat, reduce_op="sum")
        parts = iter(total.split([layer.numel() for layers in targets for layer in layers]))
        return [[next(parts).view_as(layer) for layer in layers] for layers in targets]

    def _log_weights(self, classes: list[tuple[Tensor, WeightMatrix]]) -> None:
        """Log how even the weights are and how much of them lies on bias-conflicting images."""
        if self.global_step % self.trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        share = torch.stack([m.effective_sample_size().cpu() / len(index) for index, m in classes])
        self.log("weights/effective_sample_share", share.mean())
        aligned = self.data.aligned
        if aligned is not None:
            mass = []
            for c, (index, matrix) in enumerate(classes):
                conflict = ~aligned[c][self.real.groups[index].cpu()]
                mass.append(matrix.rows.mean(0).cpu()[conflict].sum())
            self.log("weights/conflict_mass", torch.stack(mass).mean())

    def stored_images(self) -> Tensor:
        """Return the images as they stand.

        Raises:
            ConfigError: They are no longer finite.
        """
        images = self.images.detach().float().cpu()
        if not images.isfinite().all():
            raise ConfigError(f"the images are not finite after {self.global_step} steps: lower lr_images")
        return images

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the surrogate's state beside the images."""
        checkpoint["surrogate"] = self.surrogate.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the surrogate's state back."""
        self.surrogate.load_state_dict(checkpoint.get("surrogate", {}))
