"""What everything that `fdd distill` runs shares: a small labelled set is made out of a large one."""

from __future__ import annotations

import shlex
import sys
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.artefacts.classifier import load_classifier
from fdd_lightning.artefacts.results import full_method
from fdd_lightning.artefacts.synthetic import SyntheticSet
from fdd_lightning.artefacts.weights import FILE as WEIGHTS_FILE
from fdd_lightning.configuration.choices import build, class_path, rebuild
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.row_settings import distill_settings
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.initialisers import Initialiser, Real
from fdd_lightning.matching.parameterisations import Parameterisation, Pixels
from fdd_lightning.matching.sources import AsIs, Source
from fdd_lightning.matching.weightings import Vanilla, Weighting
from fdd_lightning.modules.base import fit_kinds
from fdd_lightning.modules.kept_weights import kept_weights
from fdd_lightning.modules.weighing import WeighingModule, require_images
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.files import sha256_path
from fdd_lightning.utils.plain_text import require_name
from fdd_lightning.utils.rng import generator

FAR = 5.0
"""How far beyond 0..1 pixels may reach without a warning; noise as a start reaches so far where std is 1."""


class BaseDistiller(WeighingModule):
    """Base of everything that ``fdd distill`` runs: what makes a small labelled set out of a large one.

    Args:
        num_classes: Linked from the data.
        image_shape: (C, H, W); linked from the data.
        images_per_class: IPC: stored images of each class.
        weighting: Which real images count how much.
        seed: Seed of every draw; another seed gives another set.
        method: Name in files and tables.
        variant: ``published``, or ``recommended`` by this project (menu ``METHOD_recommended``).

    Attributes:
        classifier: File of a trained classifier (``--classifier``), for sources and surrogates that read one.
        learned: What is learned besides the images and used in later training: ``lr``, ``soft_labels`` (see
            `SyntheticSet`).
        weighs_images: Whether the weighting weighs real images here, not in an input.

    Example:
        >>> from fdd_lightning.modules.selection import Selection
        >>> Selection(num_classes=2, image_shape=(3, 16, 16), images_per_class=3).labels_of(torch.zeros(6, 3, 16, 16))
        tensor([0, 0, 0, 1, 1, 1])
    """

    stage = "distill"
    menu = "method"
    artefact = "synthetic.safetensors"
    draws_own_batches = True
    classifier: Path | None = None
    learned: tuple[str, ...] = ()
    weighs_images: bool = True

    def __init__(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        images_per_class: int = 10,
        weighting: Weighting = Vanilla(),
        seed: int = 0,
        *,
        method: str,
        variant: Literal["published", "recommended"] = "published",
    ) -> None:
        super().__init__()
        require({"images_per_class": images_per_class}, least=1)
        require_name("method", method)
        self.num_classes = num_classes
        self.image_shape = image_shape
        self.images_per_class = images_per_class
        self.weighting = rebuild(weighting)
        self.seed = seed
        self.method = method
        self.variant = variant
        self.source: Source = AsIs()
        self.learner: Algorithm | None = None
        self.parameterisation: Parameterisation = Pixels()
        self.initialiser: Initialiser = Real()
        self.automatic_optimization = False

    @classmethod
    def flags(cls) -> dict[str, str]:
        """Return every kind of fit that serves distillation."""
        return {kind: fit.help for kind, fit in fit_kinds().items() if "distill" in fit.serves}

    def title(self) -> str:
        """Return what the progress bar calls it."""
        return f"{full_method(self.method, self.variant)} {self.weighting.name} ipc {self.images_per_class}"

    def facts(self) -> dict[str, Any]:
        """Return data set, method, weighting and IPC."""
        own = {"method": self.method, "weighting": self.weighting.name, "ipc": self.images_per_class}
        return super().facts() | own

    def setup(self, stage: str) -> None:
        """Read the classifier where there is one; see :meth:`WeighingModule.setup`."""
        if stage == "fit" and self.classifier is not None and "classifier" in self.inputs():
            learner, header = load_classifier(self.classifier)
            object.__setattr__(self, "learner", learner)  # no part of the checkpoint: it has a file of its own
            if header["data_fingerprint"] != self.data.fingerprint:
                raise ConfigError(
                    f"classifier {self.classifier} was trained on other images ({header['dataset']}) than these of "
                    f"{self.data.name}: name its data set with its parameters, or train one on this"
                )
        super().setup(stage)
        if stage == "fit":
            require_images(self.real_images_needed(self.spec["init_args"]), self.cells.sum(1).tolist(), self.data)

    @classmethod
    def real_images_needed(cls, arguments: Mapping[str, Any]) -> int:
        """Return how many training images each class needs at least, as far as the arguments say that.

        Args:
            arguments: All arguments of the constructor, choices among them as specs.
        """
        given = complete({"class_path": class_path(cls), "init_args": arguments})["init_args"]
        mixed = "source" in given and build(given["source"]).needs_classifier  # makes images of other classes
        if mixed or "initialiser" not in given or not build(given["initialiser"]).takes_real_images:
            return 0
        stored = build(given["parameterisation"]) if "parameterisation" in given else Pixels()
        return int(given["images_per_class"]) * int(stored.expansion)

    def real_images(self) -> ImageSet:
        """Return what the source makes of the training set."""
        return self.source.images(self.data.train, self.learner, self.seed, self.trainer.strategy.root_device)

    def real_fingerprint(self) -> str:
        """Return what names exactly these images."""
        made_by = sha256_path(self.classifier) if self.classifier is not None and self.source.needs_classifier else ""
        return self.source.fingerprint(self.data.train_fingerprint, made_by, self.seed)

    def blank_images(self) -> Tensor:
        """Return as many stored images as there will be, made of zeros."""
        count = self.num_classes * self.images_per_class * self.parameterisation.expansion
        return self.parameterisation.encode(torch.zeros(count, *self.image_shape))

    def initial_images(self) -> Tensor:
        """Return the images before the first step, decoded, class by class."""
        self.parameterisation.prepare(self.data.mean, self.data.std)
        count = self.images_per_class * self.parameterisation.expansion
        draws = [generator(self.seed, "initial images", c) for c in range(self.num_classes)]
        start = self.initialiser.weighed_images
        return torch.cat([start(self.real, c, count, own, self.weigh) for c, own in enumerate(draws)])

    @abstractmethod
    def stored_images(self) -> Tensor:
        """Return the stored images, class by class: (num_classes * IPC, C, H, W), normalised, on the CPU.

        Raises:
            NotFiniteError: They are no longer finite.
            ConfigError: Another figure that was learned is out of range.
        """

    def learned_tensors(self) -> dict[str, Tensor]:
        """Return all that is learned, images by class and number where there are any."""
        found = super().learned_tensors()
        images = found.pop("layer 'images'", torch.zeros(0))
        if bool(images.isfinite().all()):
            return found
        names, each = self.data.class_names, len(images) // self.num_classes
        return {f"image {i % each} of class {names[i // each]}": image for i, image in enumerate(images)} | found

    def synthetic_set(self) -> SyntheticSet:
        """Return the set as it stands, with its provenance."""
        stored = self.stored_images()
        images = self.parameterisation.decode(stored)
        learned = None if self.parameterisation.stores_images else {"stored": stored}
        return SyntheticSet(images, self.labels_of(images), self.describe(), learned)

    def labels_of(self, images: Tensor) -> Tensor:
        """Return the labels of decoded images, which stand class by class: int64 (n,), on their device."""
        classes = torch.arange(self.num_classes, device=images.device)
        return classes.repeat_interleave(len(images) // self.num_classes)

    def describe(self) -> dict[str, Any]:
        """Return the metadata of the synthetic set."""
        data, described = self.data, super().describe()
        return {
            **described,
            "ipc": self.images_per_class,
            "value_range": [0.0, 1.0],
            "method": self.method,
            "variant": self.variant,
            "reads_groups": self.reads_groups(self.spec["init_args"]),
            "signal": None if self.verdict is None else self.verdict.signal,
            "weighting": self.weighting.name,
            "distill_seed": self.seed,
            "settings": data.settings
            | self.inherited_settings()
            | distill_settings(described["config"], self.method, self.weighting.name)
            | self.trainer_settings,
            "parameterisation": self.parameterisation.name,
            "licence": data.licence,
        }

    def next_step(self, artefact: Path) -> str:
        """Return the command that evaluates the set."""
        return f"fdd eval --synthetic {shlex.quote(str(artefact))}"

    def save_artefact(self, folder: Path) -> Path:
        """Write ``synthetic.safetensors`` and ``synthetic.png``, and for reports ``weights.safetensors``."""
        path = folder / self.artefact
        made = self.synthetic_set()
        self._warn_of_pixels(made)
        made.save(path)
        if self.weighs_images:
            self._keep_weights(folder / WEIGHTS_FILE)
        return path

    def _keep_weights(self, path: Path) -> None:
        """Write the weights of some real images; the set is made, and must not be lost if that fails."""
        try:
            kept_weights(self).save(path)
        except Exception as error:  # a weighting of the user's own may fail by any
            path.unlink(missing_ok=True)
            sys.stderr.write(f"warning: {path} is left out: {' '.join(str(error).split())}\n")

    def _warn_of_pixels(self, made: SyntheticSet) -> None:
        """Say so where pixels have run away: by several times the range that they have in an image."""
        pixels, _ = made.tensors()
        low, high = float(pixels.min()), float(pixels.max())
        if low < -FAR or high > 1 + FAR:
            sys.stderr.write(
                f"warning: pixels of the synthetic images reach from {low:.1f} to {high:.1f}, where 0 to 1 is an "
                "image: lower lr_images, or expect nothing to be seen in them\n"
            )
