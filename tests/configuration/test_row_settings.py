"""Which leaves tell one variant from another."""

from functools import partial
from typing import Any

import pytest
import yaml

from fdd_lightning import datamodules
from fdd_lightning.configuration.choices import spec_of
from fdd_lightning.configuration.defaults import complete, parameters
from fdd_lightning.configuration.row_settings import differences, distill_settings, preset
from fdd_lightning.configuration.sizes import SMALL, sized
from fdd_lightning.datamodules import BaseDataModule, ColoredDigits, FashionMNIST
from fdd_lightning.matching.groupings import DBSCANClusters, KMeansClusters, WrongLabels
from fdd_lightning.matching.samplers import Stratified
from fdd_lightning.matching.surrogates import Fresh
from fdd_lightning.matching.weightings import KDE, FairDD
from fdd_lightning.modules.distiller import Distiller
from fdd_lightning.modules.selection import Selection
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.networks import MLP, ConvNet
from fdd_lightning.utils.paths import CONFIGS

FACTS: dict[str, Any] = {"num_classes": 10, "image_shape": (3, 16, 16)}


def distiller(**arguments):
    return Distiller(**FACTS, **arguments).spec


def test_complete_fills_in_nested_defaults():
    filled = complete(spec_of(Fresh(ConvNet)))
    network = filled["init_args"]["network"]
    assert network["init_args"]["width"] == 128
    assert network["init_args"]["depth"] is None  # as many blocks as the images' size asks for
    assert complete({"class_path": "fdd_lightning.matching.weightings.kde.KDE"}) == {
        "class_path": "fdd_lightning.matching.weightings.KDE",  # one class, one name
        "init_args": {"normaliser": "inverse", "variance": 0.1, "temperature": 0.1, "cap": 1.5, "references": 20000},
    }
    assert complete(filled) == filled


def test_differences_from_defaults_and_from_a_preset():
    spec = spec_of(KDE("cap", cap=1.5))
    assert differences(spec, None) == {"normaliser": "cap"}
    assert differences(spec, spec_of(KDE("cap"))) == {}
    assert differences(spec_of(KDE()), spec_of(KDE("cap"))) == {"normaliser": "inverse"}


def test_the_plain_method_has_no_settings():
    assert distill_settings(distiller(), "dm", "vanilla") == {}
    assert distill_settings(distiller(weighting=FairDD(), seed=5, images_per_class=2), "dm", "fairdd") == {}
    assert distill_settings(Selection(**FACTS).spec, "random", "vanilla") == {}


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONFIGS / "method").glob("[!_]*.yaml")))
def test_every_method_of_the_menu_is_its_own_preset(name):
    spec = preset("method", name)
    assert spec is not None
    assert distill_settings(spec, name, "vanilla") == {}


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONFIGS / "weighting").glob("*.yaml")))
def test_every_weighting_of_the_menu_is_its_own_preset(name):
    weighting = preset("weighting", name)
    model = {**distiller(), "init_args": {**distiller()["init_args"], "weighting": weighting}}
    assert distill_settings(model, "dm", name) == {}


def test_leaves_that_differ_are_named_without_stage_and_init_args():
    spec = distiller(weighting=KDE("median_cap", cap=2.0), lr_images=10.0, iterations=5)
    assert distill_settings(spec, "dm", "kde") == {
        "lr_images": 10.0,
        "iterations": 5,
        "weighting.normaliser": "median_cap",
        "weighting.cap": 2.0,
    }


def test_a_weighting_of_ones_own_is_compared_with_its_defaults():
    spec = distiller(weighting=KDE(cap=2.0))
    assert distill_settings(spec, "dm", "mine") == {"weighting.cap": 2.0}


def test_a_method_that_the_menu_does_not_know_is_compared_with_its_defaults():
    assert distill_settings(distiller(momentum=0.9), "mine", "vanilla") == {"momentum": 0.9}


def test_another_class_is_named_and_compared_with_its_own_defaults():
    groupings = "fdd_lightning.matching.groupings"
    chosen = {
        FairDD(groups=DBSCANClusters()): {"weighting.groups": f"{groupings}.DBSCANClusters"},
        FairDD(groups=DBSCANClusters(noise="drop")): {
            "weighting.groups": f"{groupings}.DBSCANClusters",
            "weighting.groups.noise": "drop",
        },
        FairDD(groups=KMeansClusters(3)): {
            "weighting.groups": f"{groupings}.KMeansClusters",
            "weighting.groups.count": 3,
        },
        FairDD("mean", WrongLabels(0.3, seed=2)): {
            "weighting.reduction": "mean",
            "weighting.groups": f"{groupings}.WrongLabels",
            "weighting.groups.rate": 0.3,
            "weighting.groups.seed": 2,
        },
    }
    for weighting, expected in chosen.items():
        assert distill_settings(distiller(weighting=weighting), "dm", "fairdd") == expected
    assert distill_settings(distiller(sampler=Stratified()), "dm", "vanilla") == {
        "sampler": "fdd_lightning.matching.samplers.Stratified"
    }
    own = distill_settings(distiller(surrogate=Fresh(partial(MLP, widths=(7,)))), "dm", "vanilla")
    assert own == {"surrogate.network": "fdd_lightning.networks.MLP", "surrogate.network.widths": [7]}


def test_encoder_settings_name_the_menus_entry():
    facts = {**FACTS, "num_groups": 10}
    assert SupCon.row_settings(SupCon(**facts, hidden=64).spec)["hidden"] == 64
    spec = preset("encoder", "supcon_small")
    assert spec is not None
    assert SupCon.row_settings(spec) == {"encoder": "supcon_small"}
    more = {**spec, "init_args": {**spec["init_args"], "steps": 7}}
    assert SupCon.row_settings(more) == {"encoder": "supcon_small", "steps": 7}


def test_settings_of_data_leave_out_where_and_how_they_are_read():
    assert ColoredDigits().settings == {}
    assert ColoredDigits(batch_size=3).settings == {}
    assert ColoredDigits(seed=2).settings == {"seed": 2}
    assert ColoredDigits(conflict_ratio=0.3).settings == {}  # it has a key of its own


def test_settings_of_data_tell_whatever_changes_the_images_trained_on():
    assert ColoredDigits(validation=0.1).settings == {"validation": 0.1}
    assert ColoredDigits(validation=0.1, seed=2).settings == {"validation": 0.1, "seed": 2}
    # The images of a published set as it is do not depend on the seed, but what is set aside does.
    assert FashionMNIST(seed=2).settings == {}
    assert FashionMNIST(validation=0.1, seed=2).settings == {"validation": 0.1, "seed": 2}
    ways: dict[str, Any] = {"batch_size": 1, "root": "x", "download": True, "licence": "mine", "name": "mine"}
    for kind in (kind for kind in vars(datamodules).values() if isinstance(kind, type) and kind is not BaseDataModule):
        told = {*kind.determines, "conflict_ratio", "validation", "seed"}  # type: ignore[attr-defined]
        # An argument is known to change the images, or to change none; a new one has to be put somewhere.
        assert set(parameters(kind)) <= told | set(ways), kind


def test_presets_are_found_in_the_menu():
    assert preset("method", "nowhere") is None
    assert preset("weighting", "nowhere") is None
    written = yaml.safe_load((CONFIGS / "method" / "dm.yaml").read_text())
    assert preset("method", "dm") == sized(written, lambda: SMALL)
