"""Random real images, by the rows of W."""

from functools import partial

import pytest
import torch

from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.weightings import KDE, Barycenter, FairDD, Vanilla
from fdd_lightning.modules.selection import Selection
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.networks import ConvNet
from tests.modules.conftest import trainer


def select(data, weighting, ipc=10, seed=0, encoder=None):
    model, runs = Selection(10, (3, 16, 16), ipc, weighting, seed=seed), trainer()
    model.encoder = encoder
    made = runs.distill(model, data)
    assert runs.global_step == 0
    return model, made


@pytest.mark.parametrize("weighting", [Vanilla(), FairDD(), Barycenter()])
def test_they_are_different_real_training_images_of_their_class(digits, weighting):
    model, made = select(digits, weighting)
    assert len(made) == 100
    assert len(set(model.chosen.tolist())) == 100
    assert torch.equal(digits.train.targets[model.chosen], made.labels)
    assert torch.equal(digits.train.batch(model.chosen)["image"], made.images)


def groups_of(data, model):
    """The number of images of each (class, group)."""
    keys = data.train.targets[model.chosen] * 10 + data.train.groups[model.chosen]
    return torch.bincount(keys, minlength=100).view(10, 10)


def test_by_class_the_majority_rules(digits):
    counts = groups_of(digits, select(digits, Vanilla())[0])
    assert counts.diagonal().sum() > 80


def test_fairdd_is_balanced_over_groups(digits):
    assert (groups_of(digits, select(digits, FairDD())[0]) == 1).all()
    two = groups_of(digits, select(digits, FairDD(), ipc=2)[0])
    assert two.max() == 1


def test_kde_favours_what_is_rare_and_reads_no_labels(digits, tmp_path):
    encoder = SupCon(10, 10, (3, 16, 16), partial(ConvNet, width=8, norm="batch"), 32, 16, steps=20)
    trainer().fit(encoder, datamodule=digits)
    file = encoder.save_artefact(tmp_path)
    model, made = select(digits, KDE(), encoder=file)
    plain = groups_of(digits, select(digits, Vanilla())[0]).diagonal().sum()
    assert groups_of(digits, model).diagonal().sum() < plain - 20
    assert made.metadata["weighting"] == "kde"
    digits.train.groups = torch.zeros_like(digits.train.groups)
    digits.setup = lambda stage=None: None  # the trainer's own call would read the labels anew
    assert torch.equal(select(digits, KDE(), encoder=file)[0].chosen, model.chosen)


def test_seeds(digits):
    one, same, other = (select(digits, Vanilla(), seed=s)[0].chosen for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_more_than_there_are(digits):
    with pytest.raises(ConfigError, match="only"):
        select(digits, Vanilla(), ipc=500)


def test_metadata(digits):
    _, made = select(digits, FairDD(), ipc=3)
    assert made.metadata["method"] == "random"
    assert made.metadata["settings"] == {}
    assert made.metadata["ipc"] == 3
