"""The Python way: distil, evaluate and train an encoder without the command line."""

import logging
import warnings
from functools import partial

import pytest
import torch
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar

from fdd_lightning import SyntheticSet
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.matching.surrogates import Fresh
from fdd_lightning.matching.weightings import FairDD
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.modules.evaluator import Evaluator
from fdd_lightning.modules.selection import Selection
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.networks import ConvNet
from fdd_lightning.trainer.callbacks import StageProgress
from fdd_lightning.trainer.trainer import TALKATIVE, FDDTrainer

NARROW = partial(ConvNet, width=4)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, tmp_path_factory, monkeypatch):
    """Work in an empty folder, with one cache for all tests of this file."""
    monkeypatch.setenv("FDD_CACHE", str(tmp_path_factory.getbasetemp() / "trainer-cache"))
    monkeypatch.chdir(tmp_path)


def trainer(**more):
    return FDDTrainer(accelerator="cpu", logger=False, enable_checkpointing=False, **more)


def test_distil_save_load_evaluate(tmp_path):
    data = ColoredDigits()
    distiller = Distiller.for_data(
        data, images_per_class=2, weighting=FairDD(), surrogate=Fresh(NARROW), iterations=3, seed=1
    )
    made = trainer().distill(distiller, data)
    assert isinstance(made, SyntheticSet)
    assert made.images.equal(distiller.images.detach())
    assert (made.metadata["weighting"], made.metadata["ipc"], made.metadata["distill_seed"]) == ("fairdd", 2, 1)
    evaluator = Evaluator.for_data(data, network=NARROW, count=2, epochs=2)
    evaluator.synthetic = SyntheticSet.load(made.save(tmp_path / "synthetic.safetensors"))
    row = trainer().eval(evaluator, data)
    assert row is not None
    assert row == evaluator.row
    assert len(row["metrics"]["accuracy"]["values"][0]) == 2


def test_facts_come_from_the_data_and_give_way_to_arguments():
    data = ColoredDigits()
    encoder = SupCon.for_data(data, network=NARROW)
    assert encoder.encoder.facts["num_classes"] == 10
    assert encoder.encoder.facts["image_shape"] == [3, 16, 16]
    assert Selection.for_data(data, num_classes=3).num_classes == 3
    with pytest.raises(TypeError, match="iteration"):
        Distiller.for_data(data, iteration=3)


def test_a_small_set_does_not_cut_a_long_training_short():
    data = ColoredDigits(batch_size=1297)
    encoder = SupCon.for_data(data, network=NARROW, steps=1)
    running = trainer()
    running.fit(encoder, datamodule=data)
    assert running.max_epochs == -1
    assert running.global_step == 1


def test_says_nothing_of_hardware_and_leaves_levels_and_filters_as_they_were(capsys):
    levels = [logging.getLogger(name).level for name in TALKATIVE]
    filters = list(warnings.filters)
    data = ColoredDigits()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer().distill(Selection.for_data(data), data)
    assert "GPU" not in "".join(capsys.readouterr())
    assert [logging.getLogger(name).level for name in TALKATIVE] == levels
    assert list(warnings.filters) == filters


@pytest.mark.parametrize(
    ("arguments", "bars"),
    [
        ({}, [StageProgress]),
        ({"enable_progress_bar": False}, []),
        ({"callbacks": RichProgressBar()}, [RichProgressBar]),
    ],
)
def test_one_progress_bar_at_most(arguments, bars):
    found = [type(c) for c in trainer(**arguments).callbacks if isinstance(c, ProgressBar)]
    assert found == bars


def test_the_same_seed_gives_the_same_set_by_lightnings_own_trainer():
    from lightning import Trainer

    sets = []
    for make in (FDDTrainer, Trainer):
        data = ColoredDigits()
        distiller = Distiller.for_data(data, images_per_class=1, surrogate=Fresh(NARROW), iterations=2)
        make(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False).fit(
            distiller, datamodule=data
        )
        sets.append(distiller.synthetic_set().images)
    assert torch.equal(*sets)
