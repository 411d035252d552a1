"""Specs: what a choice is remembered by, from Python and from the command line."""

import warnings
from functools import partial

import pytest
from jsonargparse import ArgumentParser
from lightning.pytorch.cli import OptimizerCallable
from torch.optim import Adam

from fdd_lightning.augment import DSA
from fdd_lightning.configuration.choices import (
    Choice,
    build,
    class_path,
    import_class,
    is_spec,
    leaves,
    rebuild,
    spec_of,
)
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.samplers import Uniform
from fdd_lightning.matching.surrogates import Fresh, OnSynthetic
from fdd_lightning.matching.weightings import KDE, FairDD, Vanilla, Weighting
from fdd_lightning.networks import ConvNet, Network, NetworkFactory

CONVNET = "fdd_lightning.networks.ConvNet"


class Several(Choice):
    """A choice made of choices."""

    def __init__(self, parts=(), names=None, *, factor=1.0):
        self.parts, self.names, self.factor = parts, names, factor


def test_class_path_is_the_shortest_that_exports_it():
    assert class_path(ConvNet) == CONVNET
    assert class_path(KDE) == "fdd_lightning.matching.weightings.KDE"
    assert class_path(Several) == "tests.configuration.test_choices.Several"


def test_a_choice_remembers_what_it_was_given_and_nothing_else():
    assert spec_of(Vanilla()) == {"class_path": "fdd_lightning.matching.weightings.Vanilla"}
    assert spec_of(KDE("cap", cap=2.0))["init_args"] == {"normaliser": "cap", "cap": 2.0}
    assert spec_of(Uniform(8))["init_args"] == {"batch_size": 8}


@pytest.mark.parametrize(
    "value",
    [
        Vanilla(),
        KDE("median_cap", cap=1.25),
        Fresh(),
        Fresh(ConvNet),
        Fresh(partial(ConvNet, width=8, depth=2)),
        Several(parts=[FairDD("mean"), Several((DSA(),))], names={"a": KDE()}, factor=0.5),
    ],
)
def test_specs_round_trip(value):
    spec = spec_of(value)
    assert is_spec(spec)
    again = build(spec)
    assert type(again) is type(value)
    assert again is not value
    assert spec_of(again) == spec
    assert spec_of(rebuild(value)) == spec


def test_built_parts_are_built_too():
    several = build(spec_of(Several(parts=[FairDD("mean"), KDE()])))
    assert isinstance(several.parts[0], FairDD)
    assert several.parts[0].reduction == "mean"
    network = build(spec_of(Fresh(partial(ConvNet, width=8)))).architecture(10, (3, 16, 16))
    assert network.feature_dim == 8 * 4


def test_classes_and_partials_become_factories():
    assert spec_of(ConvNet) == {"class_path": CONVNET}
    factory = build(spec_of(partial(ConvNet, width=4)))
    assert spec_of(factory) == {"class_path": CONVNET, "init_args": {"width": 4}}
    assert isinstance(factory(2, (3, 8, 8)), ConvNet)


def parsed(kind, *args):
    """What the command line makes of a choice."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--value", type=kind)
    with warnings.catch_warnings():  # its new name came with 4.49, we allow 4.41
        warnings.simplefilter("ignore", DeprecationWarning)
        return parser.instantiate_classes(parser.parse_args(list(args))).value


def test_factories_of_the_command_line():
    value = parsed(NetworkFactory, f"--value={CONVNET}", "--value.width=4")
    spec = spec_of(value)
    assert spec["class_path"] == CONVNET
    assert spec["init_args"]["width"] == 4
    assert spec_of(build(spec)) == spec
    ours, theirs = build(spec)(2, (3, 8, 8)), value(2, (3, 8, 8))
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]


def test_factories_of_other_packages():
    spec = spec_of(parsed(OptimizerCallable, "--value=Adam", "--value.lr=0.25"))
    assert spec["class_path"] in ("torch.optim.Adam", "torch.optim.adam.Adam")
    assert spec["init_args"]["lr"] == 0.25
    assert spec_of(Adam) == {"class_path": "torch.optim.Adam"}


def test_choices_of_the_command_line():
    value = parsed(Weighting, "--value=fdd_lightning.matching.weightings.KDE", "--value.cap=2.5")
    assert spec_of(value)["init_args"]["cap"] == 2.5


def test_two_built_from_one_spec_share_nothing():
    parts = [Vanilla()]
    one, other = rebuild(Several(parts)), rebuild(Several(parts))
    assert one.parts is not other.parts
    assert one.parts[0] is not other.parts[0]


@pytest.mark.parametrize("path", ["nowhere.Mine", "fdd_lightning.networks.ConvNat", "ConvNet", ""])
def test_a_class_that_is_not_there_is_named(path):
    with pytest.raises(ConfigError, match="cannot be imported") as caught:
        import_class(path)
    assert repr(path) in str(caught.value)


def test_what_is_a_spec():
    assert is_spec({"class_path": "a.B"})
    assert not is_spec({"class_path": "a.B", "more": 1})
    assert not is_spec({"init_args": {}})
    assert not is_spec("a.B")


def test_leaves_are_dotted_and_name_classes():
    spec = {
        "class_path": "m.D",
        "init_args": {
            "seed": 1,
            "shape": (3, 4),
            "weighting": {"class_path": "w.K", "init_args": {"cap": 1.5}},
            "more": {"a": {"b": None}, "empty": {}},
        },
    }
    assert leaves(spec) == {
        "seed": 1,
        "shape": [3, 4],
        "weighting": "w.K",
        "weighting.cap": 1.5,
        "more.a.b": None,
        "more.empty": {},
    }
    assert leaves({"class_path": "m.D"}) == {}


def test_wrong_arguments_are_pythons_own_error():
    with pytest.raises(TypeError, match="wrong"):
        KDE(wrong=1)  # type: ignore[call-arg]


def test_networks_are_no_choices():
    """They are modules with a state; only their factories have specs."""
    assert not issubclass(Network, Choice)


def test_arguments_that_are_passed_on_stand_beside_the_others():
    spec = spec_of(OnSynthetic(ConvNet, outer=3, lr=0.5, batch_size=4))
    assert spec["init_args"] == {
        "network": {"class_path": "fdd_lightning.networks.ConvNet"},
        "outer": 3,
        "lr": 0.5,
        "batch_size": 4,
    }
    assert (build(spec).lr, build(spec).batch_size, build(spec).outer) == (0.5, 4, 3)
    with pytest.raises(TypeError, match="misspelt"):
        OnSynthetic(misspelt=1)
