from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from fdd_lightning.datamodules.loader import BatchLoader
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils import rng


class Numbers:
    """A set whose samples are their own places."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def batch(self, index: Tensor) -> dict[str, Tensor]:
        return {"index": index}


def taken(loader: BatchLoader) -> list[list[int]]:
    return [batch["index"].tolist() for batch in loader]


def test_a_shuffled_pass_is_the_permutation_of_its_epoch():
    loader = BatchLoader(Numbers(10), 4, True, 7, "test")
    assert len(loader) == 3
    for epoch in range(3):
        order = torch.randperm(10, generator=rng.generator(7, "test", epoch)).tolist()
        assert taken(loader) == [order[0:4], order[4:8], order[8:10]]


def test_seed_and_purpose_decide_the_order():
    orders = [taken(BatchLoader(Numbers(50), 50, True, s, p)) for s in (0, 1) for p in ("a", "b")]
    assert all(one != two for one, two in itertools.combinations(orders, 2))


def test_batch_number_n_does_not_depend_on_what_came_before():
    loader = BatchLoader(Numbers(10), 3, True, 0, "test")
    forward = [loader.index(n).tolist() for n in range(12)]
    assert [loader.index(n).tolist() for n in reversed(range(12))] == forward[::-1]


@pytest.mark.parametrize("stopped", range(9))
def test_it_goes_on_from_start_to_the_end_of_that_epoch(stopped):
    whole = BatchLoader(Numbers(10), 4, True, 0, "test")
    batches = [whole.index(n).tolist() for n in range(9)]
    resumed = BatchLoader(Numbers(10), 4, True, 0, "test", start=lambda: stopped)
    assert taken(resumed) == batches[stopped : (stopped // 3 + 1) * 3]


def test_start_is_asked_when_the_first_batch_is_taken():
    done = 0
    loader = BatchLoader(Numbers(10), 4, True, 0, "test", start=lambda: done)
    iterator = iter(loader)
    done = 2
    assert next(iterator)["index"].tolist() == loader.index(2).tolist()


def test_drop_last():
    loader = BatchLoader(Numbers(10), 4, True, 0, "test", drop_last=True)
    assert len(loader) == 2
    assert [len(batch) for batch in taken(loader)] == [4, 4]
    nothing = BatchLoader(Numbers(3), 4, True, 0, "test", drop_last=True)
    assert (len(nothing), taken(nothing)) == (0, [])


def test_unshuffled_passes_are_all_the_same():
    loader = BatchLoader(Numbers(5), 2, False, 0, "test")
    assert taken(loader) == taken(loader) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_every_shuffled_batch(world):
    alone = BatchLoader(Numbers(23), 7, True, 0, "test")
    loaders = [
        BatchLoader(Numbers(23), 7, True, 0, "test", rank=lambda r=r: r, world=lambda: world)  # type: ignore[misc]
        for r in range(world)
    ]
    count = {2: 4, 3: 3}[world]  # the last batch, of two, is too small for three ranks
    assert [len(loader) for loader in loaders] == [count] * world
    for number in range(count):
        union = alone.index(number).tolist()
        for r, loader in enumerate(loaders):
            shared = len(union) // world * world  # equal shares
            assert loader.index(number).tolist() == [union[i] for i in range(shared) if i % world == r]
            assert len(loader.index(number)) > 0


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_an_unshuffled_set_without_repetition(world):
    seen: list[int] = []
    for r in range(world):
        loader = BatchLoader(Numbers(10), 2, False, 0, "test", rank=lambda r=r: r, world=lambda: world)  # type: ignore[misc]
        batches = taken(loader)
        assert len(batches) == len(loader)
        share = [place for batch in batches for place in batch]
        assert share == list(range(r, 10, world))
        seen += share
    assert sorted(seen) == list(range(10))


def test_batches_too_small_for_the_ranks_are_refused():
    with pytest.raises(ConfigError, match="batch_size must be at least 1, not 0"):
        BatchLoader(Numbers(3), 0, True, 0, "test")
    with pytest.raises(ConfigError, match="batch_size=2"):
        next(iter(BatchLoader(Numbers(8), 2, True, 0, "test", world=lambda: 4)))


def test_passes_can_be_restored():
    loader = BatchLoader(Numbers(10), 4, True, 0, "test")
    taken(loader)
    restored = BatchLoader(Numbers(10), 4, True, 0, "test")
    restored.load_state_dict(loader.state_dict())
    assert taken(restored) == taken(loader)
