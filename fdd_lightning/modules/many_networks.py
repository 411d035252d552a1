"""What trains many networks: as one on a GPU, shared out among threads on a CPU, and among processes."""

from __future__ import annotations

import math
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from fdd_lightning.algorithms import Algorithm, Stack
from fdd_lightning.algorithms.stack import fitting, memory_of, pays
from fdd_lightning.errors import ConfigError
from fdd_lightning.modules.sharing import bring_together
from fdd_lightning.modules.training import TrainingModule


class ManyNetworks(TrainingModule):
    """Base of modules that train many networks on the same images; other arguments are those of `TrainingModule`.

    Args:
        stacked: Whether the networks are computed as one, their parameters stacked, which comes to the same but for the
            last bits; null: on a GPU, where the trainer and the network can be stacked and the memory holds the step.

    Attributes:
        count: Number of networks.

    Example:
        >>> from fdd_lightning.modules.evaluator import Evaluator
        >>> Evaluator(num_classes=2, num_groups=2, image_shape=(3, 16, 16), count=3, stacked=True).stacked
        True
    """

    indifferent = frozenset({"stacked"})
    count: int

    def __init__(self, *args: Any, stacked: bool | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stacked = stacked
        self._is_stacked = False
        self._was_stacked: bool | None = None  # in the checkpoint that it goes on from

    def require_stackable(self) -> None:
        """Refuse to stack what cannot be.

        Raises:
            ConfigError: Names trainer and network.
        """
        algorithm = self.algorithms[0]
        if self.stacked and not algorithm.can_stack:
            network = type(algorithm.network).__name__
            raise ConfigError(
                f"trainer {algorithm.name} with this {network} cannot be stacked (it keeps statistics of batches, "
                "draws, or was not written for it): leave --model.stacked out"
            )

    def on_fit_start(self) -> None:
        """Arrange this process's share of the networks."""
        super().on_fit_start()
        self._choose_stacking()
        self._arrange([self.algorithms[number] for number in self.own])

    def _choose_stacking(self) -> None:
        """Decide whether the networks are stacked; say so where the checkpoint's were not, or the other way round."""
        most = self.algorithms[: math.ceil(self.count / self.trainer.world_size)]  # the same answer in all processes
        facts = (self.image_shape, self.regime.batch_size * most[0].pool, memory_of(self.device))
        self._is_stacked = pays(most, *facts) if self.stacked is None else self.stacked
        if self._was_stacked not in (None, self._is_stacked) and self.trainer.is_global_zero:
            ways = ["one at a time", "stacked"][:: -1 if self._was_stacked else 1]
            sys.stderr.write(
                f"warning: the networks of this run were trained {ways[0]} and are now trained {ways[1]}: the last "
                f"bits may differ (pass --model.stacked {str(self._was_stacked).lower()})\n"
            )

    def _arrange(self, algorithms: list[Algorithm]) -> None:
        """Stack algorithms, or share them out among threads, for a stage."""
        self.stack = Stack(algorithms) if self._is_stacked else None
        several = len(algorithms) > 1 and torch.get_num_threads() > 1 and self.device.type == "cpu"
        # What draws or remembers, and so cannot be stacked, is not made for threads either.
        self.threaded = several and not self._is_stacked and all(each.can_stack for each in algorithms)

    @property
    def test_batch_size(self) -> int | None:
        """Test images of a pass of stacked networks, as many as memory holds; None: as many as the data say."""
        memory, limit = memory_of(self.device), self.trainer.limit_test_batches
        if not self._is_stacked or memory is None or isinstance(limit, int) or limit != 1.0:  # 1 is one batch
            return None
        return max(1, min(fitting(self.algorithms, self.image_shape, memory), len(self.data.test)))

    def on_test_start(self) -> None:
        """Arrange the networks again: all processes have all of them now."""
        self._arrange(self.algorithms)

    # Several processes: each trains its share of the networks, and nothing is exchanged but what comes out.

    @property
    def own(self) -> range:
        """Every so manyth network; a process that none is left for repeats one."""
        rank, world = self.global_rank, self.trainer.world_size
        return range(rank, self.count, world) if rank < self.count else range(rank % self.count, self.count, self.count)

    def exchange(self) -> AbstractContextManager[None]:
        """Keep processes from averaging the gradients of different networks."""
        model = self.trainer.model
        return model.no_sync() if isinstance(model, DistributedDataParallel) else nullcontext()

    def gathered(self, losses: Tensor) -> Tensor:
        """Return the losses of all networks, in order."""
        world = self.trainer.world_size
        if world == 1:
            return losses
        padded = losses.new_zeros(math.ceil(self.count / world))
        padded[: len(losses)] = losses
        return cast(Tensor, self.all_gather(padded)).T.flatten()[: self.count]

    def learned_tensors(self) -> dict[str, Tensor]:
        """Return all that is learned, by all processes, which call this together; each has all of it from then on."""
        if self.trainer.world_size > 1 and self.trainer.training:
            bring_together(self.algorithms, self.trainer.optimizers, self.own)
        return super().learned_tensors()

    def on_train_end(self) -> None:
        """Let all processes have all networks; between the stages Lightning moves them."""
        self.learned_tensors()
        self.stack = None

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put beside the parameters whether they were stacked."""
        super().on_save_checkpoint(checkpoint)
        checkpoint["stacked"] = self._is_stacked

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take it back; older ones were not."""
        super().on_load_checkpoint(checkpoint)
        self._was_stacked = checkpoint.get("stacked", False)
