"""The bolts extra: SupCon under LARS with a warmed-up cosine schedule, both of lightning-bolts."""

import warnings
from functools import partial

import pytest
from safetensors.torch import load_file

from fdd_lightning.__main__ import main
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.networks import ConvNet
from fdd_lightning.trainer import FDDTrainer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # bolts marks everything of its own as under review, and reads np.object
    pytest.importorskip("pl_bolts", reason='lightning-bolts is not installed: pip install "fdd-lightning[bolts]"')
    from pl_bolts.optimizers.lars import LARS
    from pl_bolts.optimizers.lr_scheduler import LinearWarmupCosineAnnealingLR

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """One cache for all tests of this file."""
    monkeypatch.setenv("FDD_CACHE", str(tmp_path_factory.getbasetemp() / "bolts-cache"))


def fit(folder, steps):
    """Run `fdd fit` with the menu's file on a narrow network; return the encoder's tensors."""
    scheduler = "model.scheduler.init_args"
    args = [f"--model.steps={steps}", "--model.network.width=4", f"--{scheduler}.warmup_epochs=2"]
    args += [f"--{scheduler}.max_epochs=4", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
    assert main(["fit", "--config", "encoder/supcon_lars", *args, f"--output={folder}"]) == 0
    return load_file(folder / "encoder.safetensors")


def test_the_menus_file_trains_an_encoder(tmp_path):
    early, late = fit(tmp_path / "one", 1), fit(tmp_path / "three", 3)
    # The first step of a warm-up from 0 moves no weight; so the shorter run has the initial ones.
    assert any(not early[key].equal(late[key]) for key in early if key.endswith("weight"))
    assert all(bool(tensor.isfinite().all()) for tensor in late.values())


def test_lars_takes_the_steps_and_the_schedule_counts_them():
    encoder = SupCon(
        num_classes=10,
        num_groups=10,
        image_shape=(3, 16, 16),
        network=partial(ConvNet, width=4, norm="batch"),
        steps=3,
        optimizer=partial(LARS, lr=0.3, momentum=0.9, weight_decay=1e-6),
        scheduler=partial(LinearWarmupCosineAnnealingLR, warmup_epochs=5, max_epochs=10),
    )
    trainer = FDDTrainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(encoder, datamodule=ColoredDigits())
    assert isinstance(trainer.optimizers[0], LARS)
    assert trainer.global_step == 3
    # Three of the four warm-up steps from 0 to 0.3 are taken.
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.3 * 3 / 4)
