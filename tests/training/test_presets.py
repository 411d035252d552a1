"""The menu of presets, the user's own files, and what is refused."""

import pytest

from fdd_lightning.algorithms import DFA, ERM, LfF
from fdd_lightning.configuration.choices import build, spec_of
from fdd_lightning.errors import ConfigError
from fdd_lightning.training import AtShares, PastHalf, Preset, Regime, named, refuse_mixing, regime_of
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
    told = (
        found.num_steps(per_epoch=1),
        found.networks,
        found.batch_size,
        type(found.schedule),
        strategy,
        found.cutmix,
    )
    assert told == PUBLISHED[name]
    rates = {"lr": 0.01, "momentum": 0.9, "weight_decay": 5e-4}
    assert spec_of(found.optimizer) == {"class_path": "torch.optim.SGD", "init_args": rates}
    assert found.schedule.factor == (0.2 if name.startswith("idc") else 0.1)
    # Every line of a file says where it is from.
    lines = (CONFIGS / "eval" / f"{name}.yaml").read_text().splitlines()
    settings = [line for line in lines if line.startswith("  ") and not line.rstrip().endswith(":")]
    assert [
        line for line in settings if "#" not in line and "class_path" not in line and "factor: 0.1" not in line
    ] == []


def test_the_defaults_are_dms():
    assert vars(Preset()).keys() == vars(named("reference")).keys()
    told = [
        {k: spec_of(v) for k, v in vars(one).items() if k not in ("_given", "schedule")}
        for one in (Preset(), named("reference"))
    ]
    assert told[0] == told[1]


def test_epochs_depend_on_what_is_trained_on():
    quick = named("quick")
    assert (quick.num_steps(per_epoch=1), quick.on_real().num_steps(per_epoch=3)) == (300, 30)


def test_an_unknown_name_is_one_line():
    with pytest.raises(
        ConfigError, match=r"preset 'fast' is not in configs/eval: choose one of cafe, cui, .*reference$"
    ):
        named("fast")


@pytest.fixture
def menu(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs" / "eval").mkdir(parents=True)
    return tmp_path / "configs" / "eval"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("class_path: fdd_lightning.training.Preset\ninit_args: {epoch: 3}", "unexpected keyword argument 'epoch'"),
        ("class_path: fdd_lightning.training.Preset\ninit_args: {epochs: 0}", "epochs must be at least 1, not 0"),
        (
            "class_path: fdd_lightning.training.Preset\ninit_args: {cutmix: 2}",
            "cutmix must be at least 0 and at most",
        ),
        ("class_path: fdd_lightning.training.Preset\ninit_args: {lr: -1}", "lr must be at least 0, not -1"),
        ("class_path: fdd_lightning.training.Regime", "Regime is no Preset"),
        ("epochs: 3", "it needs `class_path`"),
        ("a: [", "while parsing"),
    ],
)
def test_a_file_that_is_no_preset_is_one_line(menu, text, told):
    (menu / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=f"mine.*{told}") as caught:
        named("mine")
    assert "\n" not in str(caught.value)


def test_a_new_file_is_a_new_preset(menu):
    (menu / "mine.yaml").write_text("class_path: fdd_lightning.protocols.Protocol\ninit_args: {epochs: 7}")
    assert named("mine").num_steps(per_epoch=1) == 7


def test_a_file_of_the_users_is_a_preset_and_read_again_when_it_changes(tmp_path):
    file = tmp_path / "mine.yaml"
    for epochs in (7, 11):
        file.write_text(f"based_on: idc\ninit_args: {{epochs: {epochs}}}")
        assert named(str(file)).num_steps(per_epoch=1) == epochs
    assert named(str(file)).batch_size == 64


def test_an_evaluation_is_trained_by_its_trainers_regime_or_by_the_preset_as_changed():
    own = {**spec_of(DFA), "init_args": {"regime": spec_of(Regime(steps=3))}}
    assert regime_of({"learner": own, "preset": "idc", "epochs": 9}).num_steps(per_epoch=4) == 3
    changed = regime_of({"learner": spec_of(DFA), "preset": "idc", "epochs": 9, "batch_size": None})
    assert (changed.num_steps(per_epoch=4), changed.batch_size) == (36, 64)


def test_paths_of_earlier_releases_lead_to_the_same():
    old = {"class_path": "fdd_lightning.protocols.Protocol", "init_args": {"epochs": 3}}
    assert spec_of(build(old)) == spec_of(Preset(epochs=3))
    drop = {"class_path": "fdd_lightning.protocols.AtShares", "init_args": {"factor": 0.5}}
    assert spec_of(build(drop)) == spec_of(AtShares(factor=0.5))
    assert spec_of(build({"class_path": "fdd_lightning.learners.Regime"})) == spec_of(Regime())


def test_trainers_that_take_no_mixed_labels_are_refused():
    refuse_mixing(named("idc"), ERM, "preset idc")
    refuse_mixing(named("idc_mnist"), LfF, "preset idc_mnist")
    refuse_mixing(Regime(steps=3), DFA, "preset idc")
    with pytest.raises(ConfigError, match=r"preset idc mixes .* which trainer lff does not take: use trainer erm"):
        refuse_mixing(named("idc"), LfF, "preset idc")
