"""Sources: the images that stand for the real ones in distillation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from fdd_lightning.algorithms import Algorithm, SelecMix
from fdd_lightning.configuration.choices import Choice, spec_of
from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.checks import require
from fdd_lightning.utils.files import fingerprint
from fdd_lightning.utils.rng import generator


class Source(Choice, ABC):
    """Base of every source.

    Attributes:
        needs_classifier: Reads a trained classifier.

    Example:
        >>> class FirstHundred(Source):
        ...     def images(self, real, classifier, seed, device):
        ...         return real.subset(torch.arange(100))
    """

    needs_classifier: ClassVar[bool] = False

    @abstractmethod
    def images(self, real: ImageSet, classifier: Algorithm | None, seed: int, device: torch.device) -> ImageSet:
        """Return the set that is distilled, equal on all processes.

        Args:
            real: The training set.
            classifier: The trained classifier, frozen, in evaluation mode; None where none is needed.
            seed: Seed of every draw.
            device: Where to compute.

        Raises:
            ConfigError: The classifier is not of the kind that is needed.
        """

    def fingerprint(self, real: str, classifier: str, seed: int) -> str:
        """Return what names exactly these images: what is computed of them is kept under it.

        Args:
            real: Fingerprint of the training set.
            classifier: Hash of the classifier's file; empty where none is needed.
            seed: Seed of every draw.
        """
        return real


class AsIs(Source):
    """The training set itself.

    Example:
        >>> AsIs().fingerprint("abc", classifier="", seed=0)
        'abc'
    """

    def images(self, real: ImageSet, classifier: Algorithm | None, seed: int, device: torch.device) -> ImageSet:
        """Return the training set."""
        return real


class Mixes(Source):
    """One mix for each real image, with a partner that contradicts the bias (Cui et al., Table 5, "SelecMix+DM").

    The set is cut at random into pools, as batches are in SelecMix's training; in each, partners are found by the
    trained contrastive encoder, and the mixes take the partner's label (see
    :class:`~fdd_lightning.algorithms.selecmix.SelecMix`) and its group. Ours, as the paper gives no details: one pass
    over the set before the distillation, the encoder in evaluation mode, mixes rounded to bytes. They are held in
    memory: 3 x 32 x 32 bytes each on CMNIST. Reads no group labels; those of the mixes serve weightings that do.

    Args:
        pool: Images in which partners are found, at least 2 (SelecMix's code: four batches of 256).

    Example:
        >>> spec_of(Mixes(pool=512))["init_args"]
        {'pool': 512}
    """

    needs_classifier = True

    def __init__(self, pool: int = 1024) -> None:
        require({"pool": pool}, least=2, of="Mixes")
        self.pool = pool

    def images(self, real: ImageSet, classifier: Algorithm | None, seed: int, device: torch.device) -> ImageSet:
        """Return the mixes; pool by pool, in a drawn order."""
        if not isinstance(classifier, SelecMix):
            name = "none" if classifier is None else classifier.name
            raise ConfigError(
                f"source Mixes needs a classifier trained by SelecMix, not {name}: train one with `fdd fit "
                "--model Classifier --model.learner configs/trainer/selecmix.yaml --output DIR`"
            )
        mixer = classifier.to(device)
        order = torch.randperm(len(real), generator=generator(seed, "mixes", "order"))
        pixels, targets, groups = [], [], []
        for number, index in enumerate(order.split(self.pool)):
            batch = {key: value.to(device) for key, value in real.batch(index).items()}
            draws = generator(seed, "mixes", number)
            mixed, partner = mixer.mixes(batch["image"], batch["target"], draws)
            pixels.append(_bytes(mixed, real).cpu())
            targets.append(batch["target"][partner].cpu())
            groups.append(batch["group"][partner].cpu())
        return ImageSet(torch.cat(pixels), torch.cat(targets), torch.cat(groups), real.mean, real.std)

    def fingerprint(self, real: str, classifier: str, seed: int) -> str:
        """Return that of the training set, the classifier, the seed and the pool."""
        return fingerprint({"source": spec_of(self), "real": real, "classifier": classifier, "seed": seed})


def _bytes(images: Tensor, like: ImageSet) -> Tensor:
    """Return normalised images as bytes."""
    mean, std = (torch.tensor(value, device=images.device).view(-1, 1, 1) for value in (like.mean, like.std))
    return ((images * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
