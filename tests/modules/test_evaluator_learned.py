"""What was learned with a set besides its images is used in its evaluation, and told in the row."""

from functools import partial

import pytest
import torch
from torch.nn.functional import log_softmax

from fdd_lightning import SyntheticSet
from fdd_lightning.algorithms import LfF
from fdd_lightning.augment import DSA
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.matching.weightings import FairDD
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.row_identity import evaluation_identity
from fdd_lightning.modules.selection import Selection
from fdd_lightning.networks import ConvNet
from fdd_lightning.utils.rng import generator, seeded
from tests.modules.conftest import trainer

NETWORK = partial(ConvNet, width=4, depth=2)


def evaluator(synthetic, **arguments):
    model = Evaluator(10, 10, (3, 16, 16), **{"network": NETWORK, "count": 1, "epochs": 4, **arguments})
    model.synthetic = synthetic
    return model


@pytest.fixture
def chosen(digits):
    return trainer().distill(Selection(10, (3, 16, 16), 2, FairDD()), digits)


def holding(chosen, **parameters):
    return SyntheticSet(chosen.images, chosen.labels, chosen.metadata, parameters)


def soft_labels():
    torch.manual_seed(0)
    return torch.randn(20, 10).softmax(1)


def literal(chosen, lr, soft=None, epochs=4):
    """The reference's evaluation, with its own learning rate; the loss spelled out."""
    targets = torch.zeros(20, 10).scatter_(1, chosen.labels[:, None], 1.0) if soft is None else soft
    with seeded(0, "network", 0):
        model = NETWORK(10, (3, 16, 16))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
    for epoch in range(epochs):
        order = torch.randperm(20, generator=generator(0, "order", 0, epoch))
        images = DSA()(chosen.images[order], generator(0, "augmentation", 0, epoch), siamese=False)
        optimizer.zero_grad()
        (-(targets[order] * log_softmax(model(images), 1)).sum(1).mean()).backward()
        optimizer.step()
        if epoch == (epochs - 1) // 2 + 1:
            optimizer = torch.optim.SGD(model.parameters(), lr=lr * 0.1, momentum=0.9, weight_decay=5e-4)
    return model


def evaluated(digits, synthetic, **arguments):
    model = evaluator(synthetic, **arguments)
    row = trainer().eval(model, digits)
    assert row is not None
    return model, row["eval_settings"]


def assert_equal(model, expected):
    for own, other in zip(model.learners[0].network.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(own, other, atol=1e-6)


def test_the_learned_step_size_is_used_and_told(digits, chosen):
    model, told = evaluated(digits, holding(chosen, lr=torch.tensor(0.2)))
    assert_equal(model, literal(chosen, 0.2))
    assert told["lr"] == "learned"
    assert model.remark().endswith(", learned step size 0.2")


def test_a_given_one_comes_first(digits, chosen):
    model, told = evaluated(digits, holding(chosen, lr=torch.tensor(0.2)), lr=0.05)
    assert_equal(model, literal(chosen, 0.05))
    assert told["lr"] == 0.05
    assert "step size" not in model.remark()


def test_without_either_it_is_the_references(digits, chosen):
    model, told = evaluated(digits, chosen)
    assert_equal(model, literal(chosen, 0.01))
    assert "lr" not in told


def test_soft_labels_are_used_and_told(digits, chosen):
    soft = soft_labels()
    model, told = evaluated(digits, holding(chosen, soft_labels=soft, lr=torch.tensor(0.3)))
    assert_equal(model, literal(chosen, 0.3, soft))
    assert (told["labels"], told["lr"]) == ("soft", "learned")


def test_identity_is_known_beforehand(digits, chosen):
    for parameters in ({"lr": torch.tensor(0.2)}, {"soft_labels": soft_labels()}, {}):
        model = evaluator(holding(chosen, **parameters))
        row = trainer().eval(model, digits)
        assert row is not None
        found = evaluation_identity(model.spec, "synthetic", tuple(parameters))
        assert found["eval_settings"] == row["eval_settings"]


def test_what_cannot_be_used_is_refused(digits, chosen):
    with pytest.raises(FileFormatError, match="the step size learned with the synthetic set is -1"):
        trainer().eval(evaluator(holding(chosen, lr=torch.tensor(-1.0))), digits)
    with pytest.raises(FileFormatError, match="not one distribution over 10 classes for each of 20 images"):
        trainer().eval(evaluator(holding(chosen, soft_labels=torch.ones(20, 3) / 3)), digits)
    with pytest.raises(ConfigError, match="soft labels, which trainer lff does not take: use erm"):
        trainer().eval(evaluator(holding(chosen, soft_labels=soft_labels()), learner=LfF), digits)
