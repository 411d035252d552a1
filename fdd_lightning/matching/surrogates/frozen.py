"""Networks that are not trained while they are used."""

from __future__ import annotations

from functools import partial

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.surrogates.base import Surrogate
from fdd_lightning.networks import ConvNet, Network, NetworkFactory
from fdd_lightning.networks.redrawn import Redrawn


class Fresh(Surrogate):
    """A newly drawn, frozen network each step, never trained (DM).

    Args:
        network: The architecture; its ``num_classes`` and ``image_shape`` come from the data.

    Example:
        >>> import torch
        >>> surrogate = Fresh()
        >>> surrogate.prepare(10, (3, 32, 32), images_per_class=1, seed=0, device=torch.device("cpu"))
        >>> surrogate.network(step=0).embed(torch.zeros(1, 3, 32, 32)).shape
        torch.Size([1, 2048])
    """

    def __init__(self, network: NetworkFactory = ConvNet) -> None:
        self.architecture = network
        self._redrawn: Redrawn | None = None

    def network(self, step: int) -> Network:
        """Return the network of a step; that of the step before is gone."""
        if self._redrawn is None:
            self._redrawn = Redrawn(self.built, self.device)
        return self._redrawn(partial(self.seeded, step))


class Frozen(Surrogate):
    """The network of a trained classifier that is meant to be used, in every step the same (``--classifier``).

    With one that DFA trained this is its intrinsic encoder: DM then matches the intrinsic embedding only (Cui et al.,
    Table 4, "DM+DFA", and A.11). With one of LfF or SelecMix it is the debiased network.

    Example:
        >>> Frozen().needs_classifier
        True
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
