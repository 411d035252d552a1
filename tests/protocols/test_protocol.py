"""The menu of protocols, and what it refuses."""

import pytest

from fdd_lightning.algorithms import DFA, ERM, LfF, Regime
from fdd_lightning.configuration.choices import spec_of
from fdd_lightning.errors import ConfigError
from fdd_lightning.protocols import AtShares, PastHalf, Protocol, named, protocol, refuse_mixing
from fdd_lightning.utils.paths import CONFIGS

DSA = "color_crop_cutout_flip_scale_rotate"
PUBLISHED = {
    # epochs on a synthetic set, networks, batch, schedule, augmentation, cutmix
    "reference": (1001, 5, 256, PastHalf, DSA, 0.0),
    "quick": (300, 5, 256, PastHalf, DSA, 0.0),
    "dsa": (1001, 20, 256, PastHalf, DSA, 0.0),
    "dc": (301, 20, 256, PastHalf, None, 0.0),
    "cafe": (601, 20, 256, PastHalf, None, 0.0),
    "fairdd_dm": (1001, 10, 256, PastHalf, DSA, 0.0),
    "fairdd_dc": (301, 10, 256, PastHalf, None, 0.0),
    "cui": (1001, 5, 256, PastHalf, "color_crop_cutout_scale_rotate", 0.0),
    "idc": (1000, 3, 64, AtShares, "color_crop_flip_scale_rotate", 0.5),
    "idc_svhn": (1000, 3, 64, AtShares, "color_crop_scale_rotate", 0.5),
    "idc_mnist": (1000, 3, 64, AtShares, "color_crop_scale_rotate", 0.0),
}


@pytest.mark.parametrize("name", sorted(p.stem for p in (CONFIGS / "eval").glob("*.yaml")))
def test_published_settings(name):
    found = named(name)
    strategy = "_".join(found.augmentation.names) if hasattr(found.augmentation, "names") else None
    told = (found.epochs, found.networks, found.batch_size, type(found.schedule), strategy, found.cutmix)
    assert told == PUBLISHED[name]
    assert (found.lr, found.momentum, found.weight_decay) == (0.01, 0.9, 5e-4)
    assert found.schedule.factor == (0.2 if name.startswith("idc") else 0.1)
    # Every line of a file says where it is from.
    lines = (CONFIGS / "eval" / f"{name}.yaml").read_text().splitlines()
    settings = [line for line in lines if line.startswith("  ") and not line.rstrip().endswith(":")]
    assert [
        line for line in settings if "#" not in line and "class_path" not in line and "factor: 0.1" not in line
    ] == []


def test_the_defaults_are_dms():
    assert vars(Protocol()).keys() == vars(named("reference")).keys()
    told = [
        {k: spec_of(v) for k, v in vars(one).items() if k not in ("_given", "schedule")}
        for one in (Protocol(), named("reference"))
    ]
    assert told[0] == told[1]


def test_epochs_depend_on_what_is_trained_on():
    assert (named("quick").epochs_on("synthetic"), named("quick").epochs_on("real")) == (300, 10)


def test_an_unknown_name_is_one_line():
    with pytest.raises(
        ConfigError, match=r"preset 'fast' is not in configs/eval: choose one of cafe, cui, .*reference$"
    ):
        named("fast")


@pytest.fixture
def menu(tmp_path, monkeypatch):
    (tmp_path / "eval").mkdir()
    monkeypatch.setattr(protocol, "CONFIGS", tmp_path)
    named.cache_clear()
    yield tmp_path / "eval"
    named.cache_clear()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("class_path: fdd_lightning.protocols.Protocol\ninit_args: {epoch: 3}", "unexpected keyword argument 'epoch'"),
        ("class_path: fdd_lightning.protocols.Protocol\ninit_args: {epochs: 0}", "epochs must be at least 1, not 0"),
        ("class_path: fdd_lightning.protocols.Protocol\ninit_args: {cutmix: 2}", "cutmix is a probability in 0..1"),
        ("class_path: fdd_lightning.protocols.Protocol\ninit_args: {lr: -1}", "lr must not be negative"),
        ("class_path: fdd_lightning.augment.DSA", "must hold a class path of one"),
        ("epochs: 3", "must hold a class path of one"),
        ("a: [", "while parsing"),
    ],
)
def test_a_file_that_is_no_protocol_is_one_line(menu, text, told):
    (menu / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"mine.yaml describes no protocol: .*{told}") as caught:
        named("mine")
    assert "\n" not in str(caught.value)


def test_a_new_file_is_a_new_preset(menu):
    (menu / "mine.yaml").write_text("class_path: fdd_lightning.protocols.Protocol\ninit_args: {epochs: 7}")
    assert named("mine").epochs == 7


def test_trainers_that_take_no_mixed_labels_are_refused():
    refuse_mixing("idc", spec_of(ERM))
    refuse_mixing("idc_mnist", spec_of(LfF))
    with pytest.raises(ConfigError, match=r"preset idc mixes .* which trainer lff does not take: use trainer erm"):
        refuse_mixing("idc", spec_of(LfF))
    refuse_mixing("idc", {**spec_of(DFA), "init_args": {"regime": spec_of(Regime(steps=3))}})
