"""One network whose weights are drawn anew in place: as those of a new one, without building it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from fdd_lightning.networks.base import Network


class Redrawn:
    """Draws the weights of a network again and again.

    They are those that a new network of the same seed has: whether the layers' own ``reset_parameters``, called one
    after the other, come to that is tried first. Where they do not, or where there is more than weights, each network
    is built.

    Args:
        build: Builds a network on the host, by torch's global generator.
        device: Where it is wanted.

    Example:
        >>> from fdd_lightning.networks import ConvNet
        >>> from fdd_lightning.utils.rng import seeded
        >>> redrawn = Redrawn(lambda: ConvNet(2, (3, 8, 8), width=4), torch.device("cpu"))
        >>> redrawn(lambda: seeded(0, "first")) is redrawn(lambda: seeded(0, "second"))
        True
    """

    def __init__(self, build: Callable[[], Network], device: torch.device) -> None:
        self.build = build
        self.device = device
        self._pair: tuple[Network, Network] | None = (
            None  # on the host, where weights are drawn, and where it is wanted
        )
        self._in_place = True

    def __call__(self, seeded: Callable[[], AbstractContextManager[None]]) -> Network:
        """Return the network of a seed, frozen; the one before is gone.

        Args:
            seeded: Gives the context in which torch's global generator has the seed.
        """
        host, there = self._pair or self._first(seeded)
        self._in_place &= (
            next(host.parameters()).dtype == torch.get_default_dtype()
        )  # whoever had it may have changed it
        if not self._in_place:
            with seeded():
                return self.build().requires_grad_(False).to(self.device)
        with seeded():
            _reset(host)
        if there is not host:
            drawn = parameters_to_vector(host.parameters()).pin_memory()
            vector_to_parameters(drawn.to(self.device, non_blocking=True), there.parameters())
        return there

    def _first(self, seeded: Callable[[], AbstractContextManager[None]]) -> tuple[Network, Network]:
        """Build the pair, and find out whether drawing in place comes to what building does."""
        with torch.random.fork_rng(devices=()):  # other weights, whatever they are
            host = self.build().requires_grad_(False)
        with seeded():
            built = self.build().requires_grad_(False)
        with seeded():
            _reset(host)
        pairs = zip(host.parameters(), built.parameters(), strict=True)
        self._in_place = all(torch.equal(a, b) for a, b in pairs) and not any(True for _ in built.buffers())
        self._pair = host, host if self.device.type == "cpu" else built.to(self.device)
        return self._pair


def _reset(network: Network) -> None:
    for module in network.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
