"""Real images instead of distilled ones: the controls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from fdd_lightning.configuration.choices import Choice, build, class_path, rebuild
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.matching.extractors import Extractor, TrainedNetwork
from fdd_lightning.matching.selectors import Random, Selector
from fdd_lightning.matching.sources import AsIs, Source
from fdd_lightning.matching.weightings import Weighting
from fdd_lightning.modules.base_distiller import BaseDistiller
from fdd_lightning.modules.workload import Extent, Workload
from fdd_lightning.utils.rng import generator


class Selection(BaseDistiller):
    """Picks IPC real images of each class; the weighting spans the whole class, not a batch of it.

    Other arguments are those of `BaseDistiller`.

    Args:
        source: What stands for the real images: they themselves, or mixes of a debiased training.
        selector: How images are picked by weight.
        features: By what images are compared, for selectors that compare them.
        method: Name in files and tables.

    Example:
        >>> Selection(num_classes=10, image_shape=(3, 16, 16)).title()
        'random vanilla ipc 10'
    """

    def __init__(
        self,
        *args: Any,
        source: Source = AsIs(),
        selector: Selector = Random(),
        features: Extractor = TrainedNetwork(),
        method: str = "random",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, method=method, **kwargs)
        self.source = rebuild(source)
        self.selector = rebuild(selector)
        self.features = rebuild(features)
        self.register_buffer("chosen", torch.zeros(0, dtype=torch.long), persistent=False)

    @classmethod
    def objection(cls, weighting: Weighting, arguments: Mapping[str, Any]) -> str:
        """Return the selector's."""
        selector: Selector = build(arguments["selector"])
        return selector.objection(weighting)

    @classmethod
    def asks(cls, attribute: str, arguments: Mapping[str, Any]) -> bool:
        """Tell whether a choice has an attribute; that of ``features`` counts where the selector compares images."""
        compares = build(arguments["selector"]).needs_features
        return super().asks(attribute, {k: v for k, v in arguments.items() if compares or k != "features"})

    def choices(self, attribute: str) -> list[Choice]:
        """Return the choices that have an attribute; see :meth:`asks`."""
        return [c for c in super().choices(attribute) if c is not self.features or self.selector.needs_features]

    @classmethod
    def real_images_needed(cls, arguments: Mapping[str, Any]) -> int:
        """Return how many it picks."""
        given = complete({"class_path": class_path(cls), "init_args": arguments})["init_args"]
        return 0 if build(given["source"]).needs_classifier else int(given["images_per_class"])

    @classmethod
    def workload(cls, arguments: Mapping[str, Any], extent: Extent) -> Workload | None:
        """Return nothing to speak of, but for selectors that compare images."""
        return None if build(arguments["selector"]).needs_features else Workload(None)

    @property
    def num_steps(self) -> int:
        """Nothing is trained."""
        return 0

    def setup(self, stage: str) -> None:
        """Pick the images."""
        super().setup(stage)
        if stage == "fit":
            begun = time.perf_counter()
            features = self.features.prepare(self.gallery()) if self.selector.needs_features else None
            self.chosen = torch.cat([self._pick(c, features) for c in range(self.num_classes)])
            self.seconds_of_setup = time.perf_counter() - begun

    def _pick(self, target: int, features: Callable[[Tensor], Tensor] | None) -> Tensor:
        members = self.real.members(target)
        weights = self.weigh(members)
        points = features(members) if features is not None else None
        draws = generator(self.seed, "selection", target)
        return members[self.selector.select(weights, self.images_per_class, draws, points)]

    def stored_images(self) -> Tensor:
        """Return the chosen images."""
        return self.real.batch(self.chosen.cpu())["image"]

    def configure_optimizers(self) -> None:
        """There is nothing to optimise."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """There is nothing to train."""
