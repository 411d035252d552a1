"""What comes with a set besides its images."""

import pytest
import torch

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.learned import Learned
from fdd_lightning.errors import FileFormatError

FACTS = {"class_names": ["a", "b", "c"], "image_shape": [1, 2, 2], "mean": [0.0], "std": [1.0]}


def made(**parameters):
    return SyntheticSet(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), FACTS, parameters)


def test_nothing_comes_with_most_sets():
    for synthetic in (None, made(), made(stored=torch.zeros(1, 1, 4, 4))):
        assert Learned.of(synthetic) == Learned()
        assert Learned.of(synthetic).names == ()


def test_step_size_and_soft_labels(tmp_path):
    soft = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    made(lr=torch.tensor(0.03), soft_labels=soft).save(tmp_path / "x.safetensors")
    found = Learned.of(SyntheticSet.load(tmp_path / "x.safetensors"))
    assert found.lr == pytest.approx(0.03)
    assert found.soft_labels is not None
    assert torch.equal(found.soft_labels, soft)
    assert found.names == ("lr", "soft_labels")


@pytest.mark.parametrize("lr", [torch.tensor(0.0), torch.tensor(-1.0), torch.tensor(float("nan")), torch.ones(2)])
def test_step_sizes_that_are_none(lr):
    with pytest.raises(FileFormatError, match="step size learned with the synthetic set is"):
        Learned.of(made(lr=lr))


@pytest.mark.parametrize(
    "soft", [torch.ones(2, 2) / 2, torch.ones(3, 3) / 3, torch.ones(2, 3), torch.tensor([[2.0, -1.0, 0.0]] * 2)]
)
def test_labels_that_are_no_distributions(soft):
    with pytest.raises(FileFormatError, match="one distribution over 3 classes for each of 2 images"):
        Learned.of(made(soft_labels=soft))
