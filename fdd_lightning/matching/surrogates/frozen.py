"""The network of a trained, debiased classifier."""

from __future__ import annotations

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.networks import Network


class Frozen(Surrogate):
    """The network of a trained classifier that is meant to be used, in every step the same (``--classifier``).

    With one that DFA trained this is its intrinsic encoder: DM then matches the intrinsic embedding only (Cui et al.,
    Table 4, "DM+DFA", and A.11). With one of LfF or SelecMix it is the debiased network.
    """

    needs_classifier = True

    def network(self, step: int) -> Network:
        """Return the classifier's network.

        Raises:
            ConfigError: There is none.
        """
        network = None if self.classifier is None else self.classifier.network
        if not isinstance(network, Network):
            raise ConfigError("surrogate Frozen needs a trained classifier: pass --classifier FILE")
        return network.to(self.device)
