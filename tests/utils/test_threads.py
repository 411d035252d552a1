"""Tasks side by side come to what they come to one after another."""

import threading
from functools import partial

import pytest
import torch

from fdd_lightning.utils.threads import in_threads


@pytest.fixture
def threads(set_threads):
    """Four threads, and as many as before afterwards."""
    set_threads(4)


def test_each_has_its_share_of_the_threads(threads):
    both = threading.Barrier(2, timeout=20)

    def task():
        both.wait()  # there are two at a time
        return torch.get_num_threads(), threading.current_thread().name

    found = in_threads([task, task])
    assert [count for count, _ in found] == [2, 2]
    assert len({name for _, name in found}) == 2
    assert torch.get_num_threads() == 4
    assert in_threads([torch.get_num_threads] * 9) == [1] * 9
    assert in_threads([torch.get_num_threads]) == [4]


def test_results_are_in_order_and_the_first_failure_is_raised(threads):
    assert in_threads([partial(abs, n) for n in range(20)]) == list(range(20))

    def fail():
        raise ValueError("second")

    with pytest.raises(ValueError, match="second"):
        in_threads([lambda: 1, fail])
    assert torch.get_num_threads() == 4


def test_tasks_are_computed_as_they_would_be_here(threads):
    def task():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
        return product.dtype, product.is_inference(), torch.is_grad_enabled()

    assert in_threads([task, task]) == [(torch.float32, False, True)] * 2
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert in_threads([task, task]) == [(torch.bfloat16, True, False)] * 2
    with torch.no_grad():
        assert in_threads([task, task]) == [(torch.float32, False, False)] * 2
