"""Real images, by the rows of W."""

from functools import partial

import pytest
import torch

from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.errors import ConfigError
from fdd_lightning.matching.extractors import BiasEncoder, RandomNetwork, TrainedNetwork
from fdd_lightning.matching.groupings import DBSCANClusters, KMeansClusters, WrongLabels
from fdd_lightning.matching.selectors import Herding, KCenter, Random
from fdd_lightning.matching.weightings import KDE, Barycenter, FairDD, GroupKDE, InverseFrequency, Vanilla
from fdd_lightning.modules.selection import Selection
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.networks import ConvNet
from tests.modules.conftest import trainer

NETWORK = partial(ConvNet, width=4, depth=2)


def select(data, weighting, ipc=10, seed=0, encoder=None, **choices):
    model, runs = Selection(10, (3, 16, 16), ipc, weighting, seed=seed, **choices), trainer()
    model.encoder = encoder
    made = runs.distill(model, data)
    assert runs.global_step == 0
    return model, made


@pytest.fixture(scope="module")
def encoder(digits_cache, tmp_path_factory):
    """The file of a small bias encoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        model = SupCon(10, 10, (3, 16, 16), partial(ConvNet, width=8, norm="batch"), 32, 16, steps=20)
        trainer().fit(model, datamodule=ColoredDigits())
        return model.save_artefact(tmp_path_factory.mktemp("encoder"))


ALL = [
    Vanilla(),
    FairDD(),
    Barycenter(),
    KDE(),
    GroupKDE(),
    InverseFrequency(),
    FairDD(groups=KMeansClusters(4)),
    Barycenter(groups=DBSCANClusters(noise="drop")),
    FairDD(groups=WrongLabels(0.2)),
]


@pytest.mark.parametrize(
    ("selector", "weighting"), [*((s, w) for s in (Random(), Herding()) for w in ALL), (KCenter(), Vanilla())]
)
def test_they_are_different_real_training_images_of_their_class(digits, encoder, selector, weighting):
    needed = encoder if weighting.needs_embeddings else None
    model, made = select(digits, weighting, encoder=needed, selector=selector, features=RandomNetwork(NETWORK))
    assert len(made) == 100
    assert len(set(model.chosen.tolist())) == 100
    assert torch.equal(digits.train.targets[model.chosen], made.labels)
    assert torch.equal(digits.train.batch(model.chosen)["image"], made.images)


def groups_of(data, model):
    """The number of images of each (class, group)."""
    keys = data.train.targets[model.chosen] * 10 + data.train.groups[model.chosen]
    return torch.bincount(keys, minlength=100).view(10, 10)


def test_by_class_the_majority_rules(digits):
    counts = groups_of(digits, select(digits, Vanilla())[0])
    assert counts.diagonal().sum() > 80


def test_fairdd_is_balanced_over_groups(digits):
    assert (groups_of(digits, select(digits, FairDD())[0]) == 1).all()
    two = groups_of(digits, select(digits, FairDD(), ipc=2)[0])
    assert two.max() == 1


@pytest.mark.parametrize("selector", [Random(), Herding()])
def test_kde_favours_what_is_rare_and_reads_no_labels(digits, encoder, selector):
    chosen = {"encoder": encoder, "selector": selector, "features": RandomNetwork(NETWORK)}
    model, made = select(digits, KDE(), **chosen)
    plain = groups_of(digits, select(digits, Vanilla())[0]).diagonal().sum()
    assert groups_of(digits, model).diagonal().sum() < plain - 20
    assert made.metadata["weighting"] == "kde"
    digits.train.groups = torch.zeros_like(digits.train.groups)
    digits.setup = lambda stage=None: None  # the trainer's own call would read the labels anew
    assert torch.equal(select(digits, KDE(), **chosen)[0].chosen, model.chosen)


def test_inferred_groups_come_near_the_labels(digits, encoder):
    """Every cluster is served alike; the rarest groups are in it."""
    plain = groups_of(digits, select(digits, Vanilla())[0]).diagonal().sum()
    for groups in (KMeansClusters(10), DBSCANClusters()):
        counts = groups_of(digits, select(digits, FairDD(groups=groups), encoder=encoder)[0])
        assert counts.diagonal().sum() < plain - 20


def test_over_the_whole_class_inverse_frequency_is_the_barycenter(digits):
    assert torch.equal(select(digits, InverseFrequency())[0].chosen, select(digits, Barycenter())[0].chosen)


FEATURES = [TrainedNetwork(NETWORK, epochs=1), RandomNetwork(NETWORK)]


@pytest.mark.parametrize("features", FEATURES, ids=["trained", "random"])
@pytest.mark.parametrize("selector", [Herding(), KCenter()])
def test_features_come_from_the_seed(digits, selector, features):
    def chosen(seed):
        return select(digits, Vanilla(), seed=seed, selector=selector, features=features)[0].chosen

    first = chosen(0)
    assert torch.equal(first, chosen(0))
    assert not torch.equal(first, chosen(1))


def test_herding_has_the_mean_of_the_class(digits):
    """Closer than random draws, in the features that it looks at."""
    model, _ = select(digits, Vanilla(), selector=Herding(), features=RandomNetwork(NETWORK))
    features = model.features.prepare(model.gallery())
    drawn = select(digits, Vanilla())[0].chosen
    apart = torch.zeros(2)
    for c in range(10):
        mean = features(digits.train.members(c)).mean(0)
        for i, chosen in enumerate((model.chosen, drawn)):
            apart[i] += (features(chosen[10 * c : 10 * c + 10]).mean(0) - mean).norm()
    assert apart[0] < apart[1] * 0.6


@pytest.mark.parametrize("selector", [Herding(), KCenter()])
def test_the_bias_encoder_as_features(digits, encoder, selector):
    with pytest.raises(ConfigError, match=r"BiasEncoder reads a bias encoder.*--encoder"):
        select(digits, Vanilla(), selector=selector, features=BiasEncoder())
    _, made = select(digits, Vanilla(), encoder=encoder, selector=selector, features=BiasEncoder())
    assert made.metadata["settings"]["features"] == "fdd_lightning.matching.extractors.BiasEncoder"
    # Who does not compare images needs no encoder to do it with.
    select(digits, Vanilla(), features=BiasEncoder())


@pytest.mark.parametrize("weighting", [FairDD(), Barycenter(), KDE(), InverseFrequency()])
def test_k_center_takes_no_weights(digits, encoder, weighting):
    with pytest.raises(ConfigError, match=f"kcenter does not take weighting {weighting.name}: it covers.*herding"):
        select(digits, weighting, encoder=encoder, selector=KCenter(), method="kcenter")


def test_seeds(digits):
    one, same, other = (select(digits, Vanilla(), seed=s)[0].chosen for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_more_than_there_are(digits):
    with pytest.raises(ConfigError, match=r"class 0 has \d+ training images .* fewer than the 500"):
        select(digits, Vanilla(), ipc=500)


def test_metadata(digits):
    _, made = select(digits, FairDD(), ipc=3)
    assert made.metadata["method"] == "random"
    assert made.metadata["settings"] == {}
    assert made.metadata["ipc"] == 3
