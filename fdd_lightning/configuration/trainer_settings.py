"""Which settings of the trainer decide a result: they are in fingerprints and, where they are not plain, in rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fdd_lightning.errors import ConfigError

INDIFFERENT = frozenset(
    {
        "logger",
        "callbacks",
        "default_root_dir",
        "enable_progress_bar",
        "enable_model_summary",
        "enable_checkpointing",
        "log_every_n_steps",
        "profiler",
        "detect_anomaly",
        "barebones",
        "accelerator",
        "devices",
        "num_nodes",
        "strategy",
        "plugins",
        "inference_mode",
        "fast_dev_run",
        "num_sanity_val_steps",
        "model_registry",
        "enable_autolog_hparams",
    }
)
"""Trainer settings that do not change what a stage computes (but for rounding)."""

PLAIN: dict[str, tuple[Any, ...]] = {
    "max_epochs": (-1,),
    "max_steps": (-1,),
    "max_time": (None,),
    "precision": (None, "32-true", "32", 32),
    "overfit_batches": (0, 0.0),
    "check_val_every_n_epoch": (1,),
    "accumulate_grad_batches": (1,),
    "use_distributed_sampler": (True,),
    "sync_batchnorm": (False,),
    "reload_dataloaders_every_n_epochs": (0,),
}
"""Values of the others that change nothing; None where nothing is said here."""

COUNTS = ("max_epochs", "max_steps")
LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches", "limit_predict_batches")


def decisive(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a trainer's settings that shorten, round or otherwise decide what a stage computes, by option.

    How long it may take is none of them: a stage that ran out of time is not finished.

    Example:
        >>> decisive({"max_steps": 5, "precision": None, "devices": 2, "limit_test_batches": 1.0})
        {'trainer.max_steps': 5}
    """
    return {
        f"trainer.{key}": value
        for key, value in trainer.items()
        if key not in INDIFFERENT and key != "max_time" and not _is_plain(key, value)
    }


def _is_plain(key: str, value: Any) -> bool:
    whole = key in LIMITS and isinstance(value, float) and value == 1.0
    return whole or value in PLAIN.get(key, (None,))


def refuse_nothing_to_do(trainer: Mapping[str, Any]) -> None:
    """Refuse a trainer that would do nothing, and pass that off as a result.

    Raises:
        ConfigError: Names the option.
    """
    for key in (*COUNTS, *LIMITS):
        if trainer.get(key) == 0 and trainer.get(key) is not None:
            raise ConfigError(f"--trainer.{key} 0: nothing would be done, and that is no result: leave it out")
