"""What the base class does with Lightning, and what a data set of one's own takes."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from torch import Tensor

import fdd_lightning.datasets
from fdd_lightning.datamodules import BaseDataModule, ColoredDigits
from fdd_lightning.datamodules.loader import BatchLoader
from fdd_lightning.datasets import Split
from fdd_lightning.utils import rng


class Own(BaseDataModule):
    """All that a user has to write."""

    name = "own"
    determines = ("shade", "seed")
    reads_root = False
    class_names = ("dark", "light")
    group_names = ("left", "right")
    image_shape = (1, 4, 4)
    mean = (0.5,)
    std = (0.25,)
    licence = "drawn by the test"

    def __init__(self, shade: int = 200, batch_size: int = 8, seed: int = 0, validation: float = 0.0) -> None:
        super().__init__(batch_size=batch_size, seed=seed, validation=validation)
        self.shade = shade

    def build(self) -> dict[str, Split]:
        return {"train": self._draw(30, "train"), "test": self._draw(10, "test")}

    def _draw(self, count: int, purpose: str) -> Split:
        labels = torch.randint(2, (2, count), generator=rng.generator(self.seed, "own", purpose))
        images = torch.zeros(count, 1, 4, 4, dtype=torch.uint8)
        images[labels[0] == 1] = self.shade
        return Split((images[i : i + 7] for i in range(0, count, 7)), labels[0], labels[1])


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path / "cache"))


def test_a_data_set_of_ones_own_is_one_class():
    data = Own(shade=100)
    data.setup()
    assert data.parameters == {"construction": 1, "shade": 100, "seed": 0}
    assert Own.arguments(data.parameters) == {"shade": 100, "seed": 0}
    assert data.manifest["conflict_ratio"] is None
    assert data.aligned is None
    assert sorted(data.train.images.unique().tolist()) == [0, 100]
    other = Own(shade=101)
    assert other.cache_folder != data.cache_folder
    assert data.num_classes == data.num_groups == 2


def test_a_subclass_that_lacks_a_fact_cannot_be_made():
    class Incomplete(ColoredDigits):
        licence = property(lambda self: self.nothing)

    class Abstract(BaseDataModule):
        name = "abstract"

    with pytest.raises(TypeError, match="abstract"):
        Abstract()  # type: ignore[abstract]
    with pytest.raises(AttributeError):
        _ = Incomplete().licence


class Recorder(LightningModule):
    """Writes down what it is given; optionally fails at one step."""

    def __init__(self, fail_at: int | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.fail_at = fail_at
        self.seen: list[list[int]] = []

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        if self.global_step == self.fail_at:
            raise RuntimeError("stopped by the test")
        self.seen.append(batch["index"].tolist())
        return (self.weight * batch["image"].mean()).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def trainer(folder: Path, steps: int, callbacks: list[Callback] | None = None) -> Trainer:
    return Trainer(
        max_steps=steps,
        accelerator="cpu",
        logger=False,
        callbacks=callbacks or [],
        enable_checkpointing=bool(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


@pytest.mark.parametrize("stop", [1, 3, 4, 6, 8])  # four batches per epoch
@pytest.mark.parametrize("how", ["every step", "on exception"])
def test_a_resumed_run_sees_the_batches_of_an_undisturbed_one(tmp_path, stop, how):
    whole = Recorder()
    trainer(tmp_path, 10).fit(whole, Own())
    assert len(whole.seen) == 10
    assert sorted(place for batch in whole.seen[:4] for place in batch) == list(range(30))
    assert whole.seen[:4] != whole.seen[4:8]

    first = Recorder(fail_at=stop)
    every = 1 if how == "every step" else 100
    saving = ModelCheckpoint(tmp_path, "saved", every_n_train_steps=every, save_on_exception=how != "every step")
    with pytest.raises(RuntimeError, match="stopped by the test"):
        trainer(tmp_path, 10, [saving]).fit(first, Own())
    assert first.seen == whole.seen[:stop]

    (checkpoint,) = tmp_path.glob("*.ckpt")
    second = Recorder()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*not resumable.*")
        trainer(tmp_path, 10).fit(second, Own(), ckpt_path=checkpoint, weights_only=True)
    assert second.seen == whole.seen[stop:]


def test_without_a_trainer_the_loader_counts_its_own_passes():
    data = Own()
    data.setup()
    loader = data.train_dataloader()
    assert isinstance(loader, BatchLoader)
    passes = [[place for batch in loader for place in batch["index"].tolist()] for _ in range(2)]
    assert passes[0] != passes[1]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(30))


def test_a_validation_loop_runs_or_is_left_out(tmp_path):
    class Validated(Recorder):
        def validation_step(self, batch: dict[str, Any], batch_idx: int) -> None:
            self.validated = len(batch["index"])

    for share, expected in ((0.0, False), (0.2, True)):
        module = Validated()
        trainer(tmp_path, 4).fit(module, Own(validation=share))
        assert hasattr(module, "validated") == expected


def test_hyperparameters_stay_out_of_checkpoints(tmp_path):
    data = Own()
    data.setup()
    assert not data.hparams


def test_the_plain_part_does_not_import_lightning():
    names = [path.stem for path in Path(inspect.getfile(fdd_lightning.datasets)).parent.glob("[!_]*.py")]
    imports = "; ".join(f"import fdd_lightning.datasets.{name}" for name in names)
    code = f"import sys; {imports}; print([m for m in sys.modules if m.split('.')[0].startswith('lightning')])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert ast.literal_eval(printed) == []
