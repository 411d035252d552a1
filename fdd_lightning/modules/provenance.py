"""What an artefact says of itself: enough to know, and to repeat, how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from fdd_lightning.__about__ import __version__
from fdd_lightning.configuration.choices import Spec, class_path, spec_of
from fdd_lightning.configuration.settings import (
    complete,
    data_settings,
    distill_settings,
    encoder_settings,
    experts_settings,
    trainer_settings,
)

if TYPE_CHECKING:
    from fdd_lightning.datamodules import BaseDataModule
    from fdd_lightning.modules.base import StageModule
    from fdd_lightning.modules.classifier import Classifier
    from fdd_lightning.modules.distiller import BaseDistiller
    from fdd_lightning.modules.experts import Experts


def module_spec(module: StageModule) -> Spec:
    """Return the spec of a stage's module, with every default filled in."""
    arguments = {k: spec_of(v) for k, v in module.hparams.items() if not k.startswith("_")}
    return dict(complete({"class_path": class_path(type(module)), "init_args": arguments}))


def about_data(data: BaseDataModule) -> dict[str, Any]:
    """Return the facts about the data that every artefact carries."""
    return {
        "dataset": data.name,
        "data_parameters": data.parameters,
        "data_fingerprint": data.fingerprint,
        "conflict_ratio": data.conflict_ratio,
        "class_names": list(data.class_names),
        "group_names": list(data.group_names),
        "image_shape": list(data.image_shape),
        "mean": list(data.mean),
        "std": list(data.std),
        "code_version": __version__,
        "threads": torch.get_num_threads(),
    }


def settings_of_data(data: BaseDataModule) -> dict[str, Any]:
    """Return how the data differ from the menu's entry of their name."""
    return data_settings({"class_path": class_path(type(data)), "init_args": data.parameters}, data.name)


def describe(module: BaseDistiller) -> dict[str, Any]:
    """Return the metadata of a distiller's synthetic set."""
    data, spec = module.data, module_spec(module)
    return {
        **about_data(data),
        "ipc": module.images_per_class,
        "value_range": [0.0, 1.0],
        "method": module.method,
        "weighting": module.weighting.name,
        "distill_seed": module.seed,
        "settings": settings_of_data(data)
        | module.inherited_settings()
        | distill_settings(spec, module.method, module.weighting.name),
        "parameterisation": module.parameterisation.name,
        "config": spec,
        "licence": data.licence,
    }


def describe_encoder(module: StageModule) -> dict[str, Any]:
    """Return the metadata of an encoder's file."""
    spec = module_spec(module)
    return {
        **about_data(module.data),
        "settings": encoder_settings(spec),
        "seed": module.seed,
        "config": spec,
    }


def describe_experts(module: Experts) -> dict[str, Any]:
    """Return the metadata of an expert's file."""
    spec = module_spec(module)
    arguments = spec["init_args"]
    return {
        **about_data(module.data),
        "num_classes": module.num_classes,
        **{key: arguments[key] for key in ("network", "learner", "weighting", "zca", "seed")},
        "settings": module.inherited_settings() | experts_settings(spec),
        "config": spec,
    }


def describe_classifier(module: Classifier) -> dict[str, Any]:
    """Return the metadata of a trained classifier's file."""
    spec = module_spec(module)
    arguments = spec["init_args"]
    return {
        **about_data(module.data),
        "num_classes": module.num_classes,
        **{key: arguments[key] for key in ("network", "learner", "seed")},
        "trainer": module.learner.name,
        "settings": settings_of_data(module.data) | trainer_settings(arguments["learner"]),
        "config": spec,
    }
