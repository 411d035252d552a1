"""What the stages share in which a weighting says how much each real image counts."""

from __future__ import annotations

import inspect
from abc import ABC
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from fdd_lightning.artefacts.encoder import cached_embeddings, load_encoder
from fdd_lightning.configuration.choices import build, import_class, is_spec, spec_of
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import Evidence, Weighting
from fdd_lightning.modules.base import StageModule


class WeighingModule(StageModule, ABC):
    """Base of the Distiller and its like, and of the experts: sets :attr:`weighting` in ``__init__``."""

    encoder: Path | None = None
    """File of the bias encoder (``--encoder``), for weightings that look at embeddings."""

    weighting: Weighting
    real: ImageSet
    embeddings: Tensor | None = None
    cells: Tensor
    """Training images of each (class, group), int64."""

    @classmethod
    def needs(cls, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Return ``encoder`` where a choice looks at embeddings, ``classifier`` where one reads a trained classifier.

        Raises:
            ConfigError: The weighting cannot apply (see :meth:`objection`).
        """
        parameters = inspect.signature(cls).parameters.values()
        defaults = {p.name: spec_of(p.default) for p in parameters if p.default is not p.empty}
        given = {**defaults, **arguments}
        weighting: Weighting = build(given["weighting"])
        if objection := cls.objection(weighting, given):
            name = given.get("method", cls.__name__.lower())
            raise ConfigError(f"{name} does not take weighting {weighting.name}: {objection}")
        wanted = {"encoder": cls.embeds(given), "classifier": any_choice(given, "needs_classifier")}
        return tuple(flag for flag, is_needed in wanted.items() if is_needed)

    @classmethod
    def objection(cls, weighting: Weighting, arguments: Mapping[str, Any]) -> str:
        """Say why a weighting means nothing to this module, and what to do instead; empty if it can apply.

        Args:
            weighting: The weighting.
            arguments: All arguments of the constructor, choices among them as specs.
        """
        return ""

    @classmethod
    def embeds(cls, arguments: Mapping[str, Any]) -> bool:
        """Tell whether embeddings are looked at, by the weighting or any other choice.

        Args:
            arguments: All arguments of the constructor, choices among them as specs.
        """
        weighting: Weighting = build(arguments["weighting"])  # built, as its needs may depend on its arguments
        return weighting.needs_embeddings or any_choice(arguments, "needs_embeddings")

    def check(self) -> None:
        """Refuse a weighting whose encoder is missing.

        Raises:
            ConfigError: With the way out.
        """
        if self.reads("encoder") and self.encoder is None:
            reader = f"weighting {type(self.weighting).__name__}" if self.weighting.needs_embeddings else "a choice"
            raise ConfigError(
                f"{reader} reads a bias encoder's embeddings: train one with "
                "`fdd fit --output DIR` and pass --encoder DIR/encoder.safetensors"
            )

    def setup(self, stage: str) -> None:
        """Take the real images and, where they are asked for, their embeddings."""
        if stage == "fit":
            self.check()
            data = self.data
            self.real = self.real_images()
            if self.weighting.needs_groups and data.num_groups < 2:
                raise ConfigError(
                    f"weighting {type(self.weighting).__name__} needs at least two groups, data set {data.name} has "
                    f"{data.num_groups}: use weighting KDE or Vanilla, or let it infer groups (its argument groups)"
                )
            self.cells = self.real.cells(data.num_classes, data.num_groups)
            if bool((self.cells.sum(1) == 0).any()):
                name = data.class_names[int(self.cells.sum(1).argmin())]
                raise ConfigError(f"class {name!r} of data set {data.name} has no training image: leave the class out")
            if self.reads("encoder"):
                self.embeddings = self._read_embeddings()
        super().setup(stage)

    def reads(self, flag: str) -> bool:
        """Tell whether an input file is read, by its flag."""
        given = {"weighting": self.weighting, **self.hparams}
        return flag in self.needs({k: spec_of(v) for k, v in given.items()})

    def _read_embeddings(self) -> Tensor:
        """Compute the embeddings on one process; the others read its file."""
        if self.encoder is None:  # pragma: no cover (check() has refused it)
            raise ConfigError("no encoder")
        device = self.trainer.strategy.root_device
        if self.trainer.is_global_zero:
            cached_embeddings(self.encoder, self.real, self.real_fingerprint(), device)
        self.trainer.strategy.barrier("embeddings")
        return cached_embeddings(self.encoder, self.real, self.real_fingerprint(), device).to(device)

    def real_images(self) -> ImageSet:
        """Return the images that are weighed: the training set."""
        return self.data.train

    def real_fingerprint(self) -> str:
        """Return what names exactly these images."""
        return self.data.fingerprint

    def evidence(self, index: Tensor) -> Evidence:
        """Return what the weighting may know of real images of one class: nothing that it does not ask for.

        Args:
            index: int64 (n,), places in the training set.
        """
        asked, data = self.weighting, self.real
        embeddings = self.embeddings[index] if asked.needs_embeddings and self.embeddings is not None else None
        device = index.device if embeddings is None else embeddings.device  # all on one: the images may be elsewhere
        return Evidence(
            size=len(index),
            groups=data.groups[index].to(device) if asked.needs_groups else None,
            num_groups=self.data.num_groups if asked.needs_groups else None,
            embeddings=embeddings,
            index=index.to(device) if asked.needs_index else None,
            cell_sizes=self.cells[int(data.targets[index[0]])].to(device) if asked.needs_cell_sizes else None,
        )

    def inherited_settings(self) -> dict[str, Any]:
        """Return the settings that stand in the rows and come with the input files."""
        return dict(load_encoder(self.encoder)[1].get("settings", {})) if self.encoder and self.reads("encoder") else {}


def any_choice(value: Any, attribute: str) -> bool:
    """Tell whether any choice in some arguments has an attribute set, such as ``needs_embeddings``."""
    if is_spec(value):
        if getattr(import_class(value["class_path"]), attribute, False):
            return True
        value = value.get("init_args") or {}
    if isinstance(value, Mapping):
        return any(any_choice(part, attribute) for part in value.values())
    return isinstance(value, list | tuple) and any(any_choice(part, attribute) for part in value)
