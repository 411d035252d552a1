"""SupCon: the bias encoder, trained by supervised contrast with the GSC loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor
from torch.optim import Adam

from fdd_lightning.artefacts.doubts import BLIND_ENCODER, MEANING
from fdd_lightning.artefacts.encoder import SHARE, SIBLING, embed_all, load_encoder, save_encoder
from fdd_lightning.configuration.choices import Spec
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.row_settings import below, differences, reference
from fdd_lightning.errors import ConfigError
from fdd_lightning.losses import gsc_loss
from fdd_lightning.matching.encoder_verdicts import EncoderVerdict, correlation_of_weights, is_blind
from fdd_lightning.matching.weightings.kde import KDE, kernel_density
from fdd_lightning.metrics import separation
from fdd_lightning.modules.base import FitModule
from fdd_lightning.modules.workload import Extent, Workload
from fdd_lightning.networks import Encoder, NetworkFactory, ResNet18
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.rng import seeded


class SupCon(FitModule):
    """Trains the bias encoder on the biased set, with labels and without groups (SelecMix; Cui et al., section 5).

    The generalised loss weighs pairs that are already close, so what is easiest to learn, the bias, comes first.
    Trained on, a small encoder memorises the rest as well and the signal fades: more steps are not better.

    It logs, over whole classes: ``density/auroc_mean`` and ``density/auroc_min``, how well inverse density separates
    bias-conflicting images (1: perfectly), ``density/conflict_mass``, the weight that lies on them (both only where
    groups are known and go with the classes, and for the log only), and ``density/effective_sample_share``, the
    effective sample size of plain inverse-density weights as a share of the class, and with a ``sibling``
    ``density/sibling_correlation``, how alike the two weigh (see `EncoderVerdict`); these read no group labels.

    Args:
        num_classes: Linked from the data.
        num_groups: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        network: The backbone.
        hidden: Width of the projection head's hidden layer.
        dimension: Length of the embedding.
        temperature: Temperature tau of the contrast.
        q: Exponent of the GSC factor; 0 gives the plain supervised contrast times 0, so keep it positive.
        steps: Optimiser steps.
        optimizer: The optimiser.
        scheduler: Learning rate schedule, stepped once a step; none by default.
        monitor_every: Steps between two looks at the densities; 0: only at the end.
        seed: Seed of the network's initialisation; the data module's own seed orders the batches.
        sibling: Train a second encoder of another seed beside it, which says whether the first can be trusted and does
            not change it.
        preset: Name of the menu's file in ``configs/encoder`` that these settings start from.

    Example:
        >>> model = SupCon(num_classes=10, num_groups=2, image_shape=(3, 16, 16), dimension=4)
        >>> model.encoder(torch.zeros(2, 3, 16, 16)).shape
        torch.Size([2, 4])
    """

    kind = "encoder"
    menu = "encoder"
    entry = "supcon"
    help = "file of the bias encoder (encoder.safetensors of `fdd fit`), for choices that look at its embeddings"
    what = "a bias encoder's embeddings"
    advice = "train one with `fdd fit --output DIR` and pass --encoder DIR/encoder.safetensors"
    serves = ("fit", "distill")
    prefix = ""
    asked_by = "needs_embeddings"
    artefact = "encoder.safetensors"

    def __init__(
        self,
        num_classes: int,
        num_groups: int,
        image_shape: tuple[int, int, int],
        network: NetworkFactory = ResNet18,
        hidden: int = 512,
        dimension: int = 128,
        temperature: float = 0.2,
        q: float = 0.7,
        steps: int = 20000,
        optimizer: OptimizerCallable = Adam,
        scheduler: LRSchedulerCallable | None = None,
        monitor_every: int = 0,
        seed: int = 0,
        sibling: bool = False,
        preset: str = "supcon",
    ) -> None:
        super().__init__()
        self.preset = preset
        self.figures: dict[str, Tensor] = {}
        require({"hidden": hidden, "dimension": dimension}, least=1, of="SupCon")
        require({"temperature": temperature, "q": q, "steps": steps}, above=0, of="SupCon")
        self.temperature = temperature
        self.q = q
        self.steps = steps
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.monitor_every = monitor_every
        self.seed = seed
        with seeded(seed, "encoder"):
            self.encoder = Encoder(network, num_classes, image_shape, hidden, dimension)
        self.sibling: Encoder | None = None
        if sibling:
            with seeded(seed, "encoder", "sibling"):
                self.sibling = Encoder(network, num_classes, image_shape, hidden, dimension)

    @classmethod
    def entry_here(cls) -> tuple[str, str]:
        """Return the small encoder where there is no GPU: the paper's takes days on a CPU."""
        if torch.cuda.is_available():
            return cls.entry, ""
        return "supcon_small", "there is no GPU for the 20,000 steps of the paper's ResNet18"

    @classmethod
    def row_settings(cls, model: Spec) -> dict[str, Any]:
        """Return which of the menu's encoders it is, if not the paper's, and how it differs; a seed has a prefix."""
        given = complete(model)["init_args"]
        name = given.get("preset", cls.entry)
        settings = {k: v for k, v in differences(model, reference(model, name)).items() if k != "preset"}
        settings |= {"encoder.seed": given["seed"]} if given.get("seed") else {}
        return settings if name == cls.entry else {"encoder": name, **settings}

    @classmethod
    def settings_of(cls, path: Path) -> dict[str, Any]:
        """Return what the file says."""
        return dict(load_encoder(path)[1].get("settings", {}))

    @classmethod
    def workload(cls, arguments: Mapping[str, Any], extent: Extent) -> Workload:
        """Return the images of all batches, twice with a sibling, and the look at all of them at the end."""
        encoders = 2 if arguments["sibling"] else 1
        learned_from = int(arguments["steps"]) * min(extent.batch_size, extent.train)
        return Workload(arguments["network"], encoders * extent.train, encoders * learned_from)

    @classmethod
    def warnings_of(cls, path: Path) -> Sequence[str]:
        """Return what the densities in the file say."""
        share = load_encoder(path)[1].get("densities", {}).get(SHARE, 0.0)
        return [BLIND_ENCODER] if is_blind(share) else []

    def way_out(self) -> str:
        """Name the learning rate."""
        return "lower optimizer.lr"

    @property
    def num_steps(self) -> int:
        """As told."""
        return self.steps

    def configure_optimizers(self) -> Any:
        """Return the optimiser and, where one was chosen, the schedule."""
        try:
            optimizer = self.optimizer(self.parameters())
        except ValueError as error:  # how torch's optimisers refuse settings
            raise ConfigError(f"SupCon optimizer: {error}") from None
        if self.scheduler is None:
            return optimizer
        return [optimizer], [{"scheduler": self.scheduler(optimizer), "interval": "step"}]

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return the GSC loss; over several processes that of the union of their batches."""
        loss = self._loss(self.encoder, batch)
        self.log("fit/loss", loss.detach(), prog_bar=True, sync_dist=self.trainer.world_size > 1)
        return loss if self.sibling is None else loss + self._loss(self.sibling, batch)

    def _loss(self, encoder: Encoder, batch: dict[str, Tensor]) -> Tensor:
        z, targets = encoder(batch["image"]), batch["target"]
        if self.trainer.world_size == 1:
            return gsc_loss(z, targets, self.temperature, self.q)
        everyone = cast(Tensor, self.all_gather(z, sync_grads=True)).flatten(0, 1)
        labels = cast(Tensor, self.all_gather(targets)).flatten(0, 1)
        offset = self.global_rank * len(z)
        return gsc_loss(z, targets, self.temperature, self.q, everyone, labels, offset)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look at the densities where it is time."""
        last = self.global_step >= self.trainer.max_steps
        if last or (self.monitor_every and self.global_step % self.monitor_every == 0):
            self.figures = self.densities()
            for name, value in self.figures.items():
                self.log(f"density/{name}", value)
            if last and is_blind(float(self.figures[SHARE])):
                self.warn(BLIND_ENCODER, f"{MEANING[BLIND_ENCODER]}: train it longer, or at another rate")

    @torch.no_grad()
    def densities(self) -> dict[str, Tensor]:
        """Return the figures of the densities over whole classes (see the class); fractions."""
        data, aligned = self.data, self.data.alignment
        embeddings = embed_all(self.encoder, data.train, self.device)
        self.require_finite({"the embedding of the training images": embeddings})
        aurocs, shares, mass = [], [], []
        for c in range(data.num_classes):
            members = data.train.members(c)
            weights = KDE().weights(embeddings[members])
            shares.append(1.0 / weights.square().sum() / len(members))
            if aligned is not None:
                conflict = ~aligned[c][data.train.groups[members]]
                mass.append(weights[conflict].sum())
                auroc = separation(-kernel_density(embeddings[members]), conflict)
                aurocs += [] if auroc is None else [auroc]
        found = {SHARE: torch.stack(shares).mean()}
        if self.sibling is not None:
            other = embed_all(self.sibling, data.train, self.device)
            found[SIBLING] = torch.tensor(correlation_of_weights(embeddings, other, data.train.targets))
        if aurocs:
            found |= {"auroc_mean": torch.stack(aurocs).mean(), "auroc_min": torch.stack(aurocs).min()}
            found |= {"conflict_mass": torch.stack(mass).mean()}
        return found

    def save_artefact(self, folder: Path) -> Path:
        """Write ``encoder.safetensors``, with the last densities in its metadata."""
        path = folder / self.artefact
        figures = {k: float(v) for k, v in (self.figures or self.densities()).items()}
        save_encoder(path, self.encoder, {**self.describe(), "densities": figures})
        return path

    def describe(self) -> dict[str, Any]:
        """Return the metadata of the encoder's file."""
        described = super().describe()
        settings = self.row_settings(described["config"]) | below(self.kind, self.trainer_settings)
        return {**described, "settings": settings, "seed": self.seed}

    def next_step(self, artefact: Path) -> str:
        """Return the command that weighs by its densities."""
        return f"{super().next_step(artefact)} --model.weighting kde"

    def remark(self) -> str:
        """Return the figures of the densities (see the class)."""
        shown = {name: float(value) for name, value in self.figures.items()}
        verdict = f"; {EncoderVerdict(shown.pop(SIBLING)).words}" if SIBLING in shown else ""
        return "".join(f", {name.replace('_', ' ')} {value:.3f}" for name, value in shown.items()) + verdict
