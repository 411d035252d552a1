"""Whoever names a class gets that class's own defaults, at every depth, wherever it is named."""

import inspect
from abc import ABC
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fdd_lightning.artefacts.stage_folder import config_fingerprint
from fdd_lightning.configuration import menu
from fdd_lightning.configuration.choices import class_path, import_class
from fdd_lightning.configuration.defaults import classes_for, complete, parameters
from fdd_lightning.configuration.sizes import SMALL
from fdd_lightning.datamodules import CIFAR10, CIFAR10S, CelebA
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.terms import Term
from fdd_lightning.modules.classifier import Classifier
from fdd_lightning.modules.experts import Experts
from fdd_lightning.modules.selection import Selection
from fdd_lightning.modules.trajectory_matching import TrajectoryMatching
from fdd_lightning.networks import Network
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from fdd_lightning.stages.parser import STAGES, resolve
from tests.tiny import write_recipe

MODULES = {
    "fit": (STAGES["fit"][1], Classifier, Experts),
    "distill": (STAGES["distill"][1], Selection, TrajectoryMatching),
    "eval": (STAGES["eval"][1],),
}


def concrete(base):
    """The classes of ours below a base that can be named without arguments."""
    below = [cls for child in base.__subclasses__() for cls in concrete(child)]
    ours = (
        ABC not in base.__bases__
        and not inspect.isabstract(base)
        and base.__module__.startswith("fdd_lightning.")
        and base is not Network
    )
    needed = [p for p in parameters(base).values() if p.default is p.empty] if ours else []
    own = ours and (not needed or issubclass(base, Network) or "network" in parameters(base))
    return ([base] if own else []) + below


def named():
    """Every class of ours at every place where one can be chosen."""
    for stage, modules in MODULES.items():
        for module in modules:
            for argument, parameter in parameters(module).items():
                for base in classes_for(parameter.annotation):
                    if base is not Term:  # a list
                        for cls in concrete(base):
                            yield stage, module, argument, cls


PLACES = list(dict.fromkeys(named()))


def test_there_are_many_places():
    assert len(PLACES) > 60
    assert {"network", "surrogate", "weighting", "sampler", "learner", "augmentation"} <= {p[2] for p in PLACES}


@pytest.mark.parametrize(("stage", "module", "argument", "cls"), PLACES, ids=lambda v: getattr(v, "__name__", v))
def test_a_class_named_alone_prints_a_configuration_that_runs_again(workdir, stage, module, argument, cls):
    config = resolve(stage, [f"--model={module.__name__}", f"--model.{argument}={cls.__name__}"])
    own = complete({"class_path": class_path(cls)})["init_args"]
    assert (config["model"]["init_args"][argument].get("init_args") or {}) == yaml.safe_load(yaml.safe_dump(plain(own)))
    Path("again.yaml").write_text(yaml.safe_dump(config))
    again = resolve(stage, ["--config=again.yaml"])
    assert config_fingerprint(stage, again) == config_fingerprint(stage, config)


def plain(value):
    """A completed spec as a configuration prints it: classes without arguments have no ``init_args``."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if not (k == "init_args" and not v)}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def test_the_cases_that_went_wrong():
    network = resolve("eval", ["--model.network=ResNet18"])["model"]["init_args"]["network"]["init_args"]
    assert (network["width"], network["norm"]) == (64, "batch")
    network = resolve("fit", ["--model.network=ConvNet"])["model"]["init_args"]["network"]["init_args"]
    assert (network["width"], network["norm"]) == (128, "instance")
    idm = ("--config=method/idm", "--model.surrogate=OnReal")
    assert resolve("distill", list(idm))["model"]["init_args"]["surrogate"]["init_args"]["batch_size"] == 64


def test_a_class_of_ones_own_has_its_own_defaults(workdir, monkeypatch):
    monkeypatch.syspath_prepend(workdir)
    source = "from fdd_lightning.networks import ConvNet\n\n\nclass Tiny(ConvNet):\n"
    source += "    def __init__(self, num_classes, image_shape, width: int = 8):\n"
    source += "        super().__init__(num_classes, image_shape, width=width)\n"
    (workdir / "mine.py").write_text(source)
    assert resolve("eval", ["--model.network=mine.Tiny"])["model"]["init_args"]["network"]["init_args"] == {"width": 8}
    (workdir / "mine.yaml").write_text("class_path: mine.Tiny\n")
    assert resolve("eval", ["--model.network=mine.yaml"])["model"]["init_args"]["network"]["init_args"] == {"width": 8}
    recipe = write_recipe(workdir / "r.yaml", eval={"networks": [{"class_path": "mine.Tiny"}, "resnet18"]})
    for row in Plan(read_recipe(recipe), workdir).rows:
        assert row.identity["eval_settings"] == {}


@pytest.mark.parametrize("name", menu.names("network"))
def test_a_network_exactly_as_the_menu_has_it_has_no_settings(workdir, name):
    recipe = write_recipe(workdir / "r.yaml", eval={"preset": "quick", "networks": [name]})
    [row] = Plan(read_recipe(recipe), workdir).rows
    network: Any = import_class(menu.find("network", name)["class_path"])
    small = network.by_size(SMALL)  # digits of 16 pixels ask for another patch of a ViT, and rows tell it
    sized = {f"network.{key}": value for key, value in network.by_size((3, 16, 16)).items() if value != small[key]}
    assert row.identity["eval_settings"] == sized
    assert row.identity["network"] == network.__name__.lower()


def test_arguments_of_the_class_that_is_there_go_on(workdir):
    config = resolve("distill", ["--config=method/idm", "--model.surrogate.network.width=8"])["model"]["init_args"]
    assert config["surrogate"]["init_args"]["length"] == 100
    assert config["surrogate"]["init_args"]["network"]["init_args"]["width"] == 8
    assert config["surrogate"]["init_args"]["network"]["init_args"]["depth"] is None


def test_what_takes_a_class():
    assert classes_for(Network) == classes_for(Network | None) == classes_for(Callable[[int], Network]) == (Network,)
    assert classes_for(list[Term]) == (Term,)
    assert classes_for(int | None) == classes_for(dict[str, int]) == ()


def test_an_argument_that_a_class_gives_its_base_is_not_its_own():
    assert "conflict_ratio" in parameters(CIFAR10S)
    assert "conflict_ratio" not in {**parameters(CelebA), **parameters(CIFAR10)}
    with pytest.raises(ConfigError, match=r"conflict_ratio: no such option of CelebA"):
        complete({"class_path": class_path(CelebA), "init_args": {"conflict_ratio": 0.1}}, key="data")
    with pytest.raises(TypeError, match="conflict_ratio"):
        CelebA(conflict_ratio=0.1)


def test_a_spec_without_an_option_is_told_in_one_line():
    with pytest.raises(ConfigError, match="no class 'Nothing'"):
        complete({"class_path": "Nothing"})
