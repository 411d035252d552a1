"""The network of a trained, debiased classifier."""

from __future__ import annotations

import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.learners import Learner
from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.networks import Network


class Frozen(Surrogate):
    """The network of a trained classifier that is meant to be used, in every step the same (``--classifier``).

    With one that DFA trained this is its intrinsic encoder: DM then matches the intrinsic embedding only (Cui et al.,
    Table 4, "DM+DFA", and A.11). With one of LfF or SelecMix it is the debiased network.
    """

    needs_classifier = True

    def prepare(
        self,
        num_classes: int,
        image_shape: tuple[int, int, int],
        images_per_class: int,
        seed: int,
        device: torch.device,
        classifier: Learner | None = None,
    ) -> None:
        """Take the classifier's network; see :meth:`Surrogate.prepare`.

        Raises:
            ConfigError: There is none, or it is for other images.
        """
        super().prepare(num_classes, image_shape, images_per_class, seed, device)
        network = None if classifier is None else classifier.network
        if not isinstance(network, Network):
            raise ConfigError("surrogate Frozen needs a trained classifier: pass --classifier FILE")
        self._network = network.to(device)

    def network(self, step: int) -> Network:
        """Return the classifier's network."""
        return self._network
