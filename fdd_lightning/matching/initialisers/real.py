"""Real images."""

from __future__ import annotations

import torch
from torch import Tensor

from fdd_lightning.datasets import ImageSet
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.initialisers.base import Initialiser


class Real(Initialiser):
    """Random real images of the class, without repetition (DM; FairDD for every method)."""

    def images(self, data: ImageSet, target: int, count: int, generator: torch.Generator) -> Tensor:
        """Return ``count`` different real images of the class.

        Raises:
            ConfigError: The class has fewer images than are asked for.
        """
        members = data.members(target)
        if len(members) < count:
            raise ConfigError(
                f"class {target} has {len(members)} training images, fewer than the {count} that real initialisation "
                "needs: lower images_per_class, or start from noise (initialiser Noise)"
            )
        chosen = members[torch.randperm(len(members), generator=generator)[:count]]
        return data.batch(chosen)["image"]
