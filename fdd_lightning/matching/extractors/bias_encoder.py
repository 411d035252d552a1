"""Features of the bias encoder."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.extractors.base import Extractor, Gallery


class BiasEncoder(Extractor):
    """The embeddings of the bias encoder (``--encoder``): images are compared by what is easiest to learn, the bias."""

    needs_embeddings = True

    def prepare(self, gallery: Gallery) -> Callable[[Tensor], Tensor]:
        """Return what looks the embeddings up.

        Raises:
            ConfigError: There are none.
        """
        embeddings = gallery.embeddings
        if embeddings is None:
            raise ConfigError(
                "features BiasEncoder need a bias encoder: train one with `fdd fit` and pass it with --encoder FILE"
            )
        return lambda index: embeddings[index.to(embeddings.device)]
