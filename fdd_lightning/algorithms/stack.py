"""Several algorithms of one kind trained as one, on parameters that are stacked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fdd_lightning.algorithms.base import Algorithm, Batch

SHARE_OF_MEMORY = 0.5
"""How much of a device's memory the maps of a stacked step may take."""


def kept_bytes(algorithm: Algorithm, images: Tensor) -> int:
    """Return the bytes that a training step keeps of some images until its gradients are known.

    Args:
        algorithm: Its network is asked.
        images: (N, C, H, W), where the network is.
    """
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    own = {parameter.untyped_storage().data_ptr() for parameter in algorithm.parameters()}
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = algorithm(images)  # all that is kept lives as long as they do, so no place is counted twice
    del logits
    return sum(size for place, size in kept.items() if place not in own)


def pays(algorithms: Sequence[Algorithm], image_shape: Sequence[int], batch_size: int, memory: int | None) -> bool:
    """Tell whether algorithms should be trained stacked instead of one at a time.

    They are where there are several, each can be stacked, and they are on an accelerator whose memory holds twice what
    a step of all keeps: there a small network leaves most of the device idle, and starting its kernels takes longer
    than they do. On a CPU one network at a time is faster, since its maps fit the caches and fill the cores (measured:
    ten ConvNets stacked take 1.2 to 1.4 times as long, but for batches of ten images). The answer follows from the kind
    of device and from sizes alone, so a run that is repeated or resumed gets the same one.

    Args:
        algorithms: Of one kind, on their device.
        image_shape: (C, H, W).
        batch_size: Images of a step, of each.
        memory: Bytes of the device; None: it is no accelerator.
    """
    if memory is None or len(algorithms) < 2 or not all(algorithm.can_stack for algorithm in algorithms):
        return False
    return batch_size <= fitting(algorithms, image_shape, memory)


def fitting(algorithms: Sequence[Algorithm], image_shape: Sequence[int], memory: int) -> int:
    """Return how many images all of some algorithms can see at a time; see :func:`pays`."""
    parameter = next(algorithms[0].parameters())
    image = torch.zeros(1, *image_shape, device=parameter.device, dtype=parameter.dtype)
    return int(SHARE_OF_MEMORY * memory / len(algorithms) / max(kept_bytes(algorithms[0], image), 1))


def memory_of(device: torch.device) -> int | None:
    """Return the bytes of memory of an accelerator; None of a CPU, and of a device that does not tell."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None


class Stack:
    """Algorithms whose parameters lie one after another in one tensor for each name.

    Their own parameters become views of it. Whatever changes them (an optimiser, a checkpoint that is loaded) changes
    the stack, and state dicts are those of algorithms that stand alone.

    Args:
        algorithms: Those that are trained as one; each :attr:`~Algorithm.can_stack`, on the device where they stay.

    Attributes:
        parameters: The stacked parameters, by the names that the network gives them, (algorithms, ...).

    Example:
        >>> from fdd_lightning.algorithms import ERM
        >>> from fdd_lightning.networks import MLP
        >>> stack = Stack([ERM(MLP, num_classes=2, image_shape=(1, 4, 4), size=9) for _ in range(3)])
        >>> stack.logits(torch.zeros(5, 1, 4, 4)).shape
        torch.Size([3, 5, 2])
    """

    def __init__(self, algorithms: Sequence[Algorithm]) -> None:
        self.first = algorithms[0]
        self.parameters: dict[str, Tensor] = {}
        self._own: list[tuple[Tensor, list[nn.Parameter]]] = []
        for name, parameter in self.first.network.named_parameters():
            alike = [algorithm.network.get_parameter(name) for algorithm in algorithms]
            whole = torch.stack([each.detach() for each in alike])
            for each, place in zip(alike, whole, strict=True):
                each.data = place
            self.parameters[name] = whole.requires_grad_(parameter.requires_grad)
            self._own.append((whole, alike))

    def losses(self, batches: Batch) -> Tensor:
        """Return the losses (algorithms,) of their batches, every entry of which has one more axis in front."""
        return self.first.losses_of_many(self.parameters, batches)

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits (algorithms, N, num_classes) of images that all of them see."""
        return self.first.network.forward_many(self.parameters, images)

    def hand_over(self) -> None:
        """Give each algorithm's parameters their part of the stacked gradients, which are then forgotten here."""
        for whole, alike in self._own:
            if whole.grad is not None:
                for parameter, gradient in zip(alike, whole.grad, strict=True):
                    parameter.grad = gradient
                whole.grad = None
