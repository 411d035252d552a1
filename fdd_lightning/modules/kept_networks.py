"""The networks of their best epochs, kept while they are trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from fdd_lightning.algorithms import Algorithm
from fdd_lightning.metrics import group_metrics
from fdd_lightning.modules.many_networks import ManyNetworks
from fdd_lightning.training import BestEpoch

AT_ONCE = 512
"""Validation images of a pass."""


class KeptNetworks:
    """What each network was when it was best, and how good that was.

    Example:
        >>> from fdd_lightning.algorithms import ERM
        >>> from fdd_lightning.networks import MLP
        >>> kept, learner = KeptNetworks(), ERM(MLP, num_classes=2, image_shape=(1, 4, 4), size=9)
        >>> kept.offer(0, 0.5, learner), kept.offer(0, 0.4, learner)
        (True, False)
    """

    def __init__(self) -> None:
        self.best: dict[int, tuple[float, dict[str, Any]]] = {}

    def offer(self, number: int, score: float, algorithm: Algorithm) -> bool:
        """Keep a network if it is as good as it ever was; return whether it is kept."""
        if number in self.best and score < self.best[number][0]:
            return False
        state = {key: value for key, value in algorithm.state_dict().items() if isinstance(value, Tensor)}
        self.best[number] = score, {key: value.detach().clone() for key, value in state.items()}
        return True

    @torch.no_grad()
    def look(self, module: ManyNetworks, choice: BestEpoch, seen: Callable[[Tensor], Tensor]) -> None:
        """Score a process's own networks on the validation images, and keep those that are best now.

        Args:
            module: Whose networks they are.
            choice: By what they are compared.
            seen: Returns normalised images as the networks see them.
        """
        data, images = module.data, module.data.val
        if images is None:
            return
        facts = module.num_classes, module.num_groups, data.alignment, choice.metrics, data.least_in_cell
        scores = {j: group_metrics(*facts, sync_on_compute=False).to(module.device) for j in module.own}
        for number in scores:
            module.algorithms[number].eval()
        for index in torch.arange(len(images)).split(min(AT_ONCE, module.test_batch_size or AT_ONCE)):
            batch = {key: value.to(module.device) for key, value in images.batch(index).items()}
            found = module.all_logits(seen(batch["image"]), "validation", module.own)
            for score, logits in zip(scores.values(), found, strict=True):
                labels = batch["target"], batch["group"]
                score.update(logits.argmax(1), *labels, probabilities=logits.double().softmax(1))
        for number, score in scores.items():
            module.algorithms[number].train()
            self.offer(number, choice.score(score.compute()), module.algorithms[number])

    def gathered(self) -> dict[int, tuple[float, dict[str, Any]]]:
        """Return those of all processes, which call this together, on the CPU."""
        own = {j: (score, {k: v.cpu() for k, v in state.items()}) for j, (score, state) in self.best.items()}
        if not (dist.is_available() and dist.is_initialized()):
            return own
        everyones: list[dict[int, Any]] = [{} for _ in range(dist.get_world_size())]
        dist.all_gather_object(everyones, own)
        # A process that no network was left for repeats one; all copies are the same.
        return {number: kept for theirs in everyones for number, kept in theirs.items()}

    def take_back(self, best: Mapping[int, tuple[float, dict[str, Any]]], own: Iterable[int]) -> None:
        """Take what a checkpoint holds of a process's own networks."""
        self.best = {number: tuple(best[number]) for number in own if number in best}  # type: ignore[misc]

    @torch.no_grad()
    def restore(self, algorithms: Sequence[Algorithm]) -> None:
        """Make every network what it was when it was best; all processes call this together."""
        for number, (_, state) in self.gathered().items():
            algorithms[number].load_state_dict(state)
