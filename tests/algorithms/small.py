"""Small learners in double precision, and batches for them."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from fdd_lightning.networks import MLP

SHAPE = (3, 4, 4)
CLASSES = 3
GROUPS = 2
SIZE = 12
NETWORK = partial(MLP, widths=(6, 5))


@pytest.fixture
def double():
    """Everything in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def batch(seed, count=8, size=SIZE):
    """Return images whose classes and groups belong to their places."""
    draws = torch.Generator().manual_seed(seed)
    index = torch.randperm(size, generator=draws)[:count]
    images = torch.randn(count, *SHAPE, generator=draws, dtype=torch.get_default_dtype())
    return {"image": images, "target": targets(size)[index], "group": groups(size)[index], "index": index}


def targets(size=SIZE):
    """Return the classes of the training set."""
    return torch.arange(size) % CLASSES


def groups(size=SIZE):
    """Return the groups of the training set: few of group 1, and none of them in class 2."""
    return ((torch.arange(size) >= size - 3) & (targets(size) < 2)).long()


def made(kind, size=SIZE, seed=1, **arguments):
    """Return a learner that is ready to learn."""
    torch.manual_seed(seed)
    learner = kind(NETWORK, CLASSES, SHAPE, size, **arguments)
    if kind.needs_groups:
        learner.prepare(targets(size), groups(size), GROUPS)
    return learner


def gradients(loss, learner):
    """Return the gradient of every parameter, zeros where it has none."""
    found = torch.autograd.grad(loss, list(learner.parameters()), allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, learner.parameters(), strict=True)]


def literal_ce(logits, target):
    """Return the cross-entropy of one image."""
    return -torch.log(torch.exp(logits[target]) / torch.exp(logits).sum())


def literal_gce(logits, target, q=0.7):
    """Return the cross-entropy of one image times the constant q p^q."""
    p = (torch.exp(logits[target]) / torch.exp(logits).sum()).item()
    return literal_ce(logits, target) * (q * p**q)


class LiteralDifficulty:
    """Relative difficulty by dictionaries."""

    def __init__(self, size=SIZE):
        self.classes = targets(size).tolist()
        self.ema: dict[str, dict[int, float]] = {"biased": {}, "debiased": {}}

    def weights(self, biased, debiased, index):
        biased, debiased, index = ([v.item() for v in values] for values in (biased, debiased, index))
        for kind, losses in (("biased", biased), ("debiased", debiased)):
            ema = self.ema[kind]
            for i, loss in zip(index, losses, strict=True):
                ema[i] = 0.7 * ema[i] + 0.3 * loss if i in ema else loss
        found = []
        for i in index:
            shares = {}
            for kind, ema in self.ema.items():
                largest = max(ema.get(j, 0.0) for j, c in enumerate(self.classes) if c == self.classes[i])
                shares[kind] = ema[i] / largest
            found.append(shares["biased"] / (shares["biased"] + shares["debiased"] + 1e-8))
        return found
