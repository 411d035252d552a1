"""The bias encoder: what it learns, its file, and its embeddings in the cache."""

from functools import partial

import numpy
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fdd_lightning.artefacts import encoder as encoder_module
from fdd_lightning.artefacts.encoder import cached_embeddings, embed_all, load_encoder, save_encoder
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datamodules.loader import BatchLoader
from fdd_lightning.errors import ConfigError, FileFormatError
from fdd_lightning.losses import gsc_loss
from fdd_lightning.matching.encoder_verdicts import EncoderVerdict, correlation_of_weights
from fdd_lightning.matching.weightings import KDE
from fdd_lightning.modules.supcon import SupCon
from fdd_lightning.networks import ConvNet, Encoder
from tests.modules.conftest import trainer

CPU = torch.device("cpu")
SMALL = partial(ConvNet, width=8, norm="batch")


def supcon(network=SMALL, **arguments):
    return SupCon(10, 10, (3, 16, 16), network, **{"hidden": 32, "dimension": 16, "steps": 3, **arguments})


def trained(data, **arguments):
    model, runs = supcon(**arguments), trainer()
    runs.fit(model, datamodule=data)
    return model, runs


@pytest.fixture(scope="module")
def separated(digits_cache, tmp_path_factory):
    """An encoder of 20 steps, what was logged, and its file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        data = ColoredDigits()
        model, runs = trained(data, steps=20)
        file = model.save_artefact(tmp_path_factory.mktemp("encoder"))
        return data, model, runs, file


def test_density_separates_conflicting_images_after_few_steps(separated):
    _, _, runs, _ = separated
    logged = {k: float(v) for k, v in runs.callback_metrics.items()}
    assert logged["density/auroc_mean"] > 0.97
    assert logged["density/auroc_min"] > 0.9
    assert logged["density/conflict_mass"] > 0.4
    assert logged["density/effective_sample_share"] < 0.8
    assert runs.global_step == 20


def test_the_logged_figures_are_what_they_say(separated):
    data, model, runs, _ = separated
    z = embed_all(model.encoder, data.train)
    aurocs, mass, shares = [], [], []
    for c in range(10):
        members = [i for i in range(len(data.train)) if int(data.train.targets[i]) == c]
        conflict = [int(data.train.groups[i]) != c for i in members]
        w = KDE().weights(z[members])
        aurocs.append(roc_auc_score(conflict, w.numpy()))
        mass.append(sum(float(v) for v, is_one in zip(w, conflict, strict=True) if is_one))
        shares.append(1 / sum(float(v) ** 2 for v in w) / len(members))
    logged = {k: float(v) for k, v in runs.callback_metrics.items()}
    assert logged["density/auroc_mean"] == pytest.approx(sum(aurocs) / 10, abs=1e-4)
    assert logged["density/auroc_min"] == pytest.approx(min(aurocs), abs=1e-4)
    assert logged["density/conflict_mass"] == pytest.approx(sum(mass) / 10, rel=1e-4)
    assert logged["density/effective_sample_share"] == pytest.approx(sum(shares) / 10, rel=1e-4)


def test_the_file_round_trips(separated):
    data, model, _, file = separated
    again, header = load_encoder(file)
    assert not again.training
    assert not any(p.requires_grad for p in again.parameters())
    expected, found = embed_all(model.encoder, data.train), embed_all(again, data.train)
    assert torch.equal(found, expected)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(len(found)))
    assert found.shape == (len(data.train), 16)
    assert header["dataset"] == "colored_digits"
    assert header["settings"]["hidden"] == 32
    assert header["densities"]["auroc_mean"] > 0.9


def test_a_step_is_the_loss_of_the_batch(digits):
    model, runs = supcon(steps=1), trainer()
    before = {k: v.clone() for k, v in model.encoder.state_dict().items()}
    runs.fit(model, datamodule=digits)
    fresh = supcon()
    fresh.encoder.load_state_dict(before)
    data = ColoredDigits()  # the other one's loader goes on where its trainer stopped
    data.setup()
    loader = data.train_dataloader()
    assert isinstance(loader, BatchLoader)
    batch = next(iter(loader))
    with torch.no_grad():
        expected = gsc_loss(fresh.encoder(batch["image"]), batch["target"], 0.2, 0.7)
    assert float(runs.callback_metrics["fit/loss"]) == pytest.approx(float(expected), rel=1e-5)


def test_two_of_a_seed_are_equal_and_another_differs(digits):
    models = [trained(digits, seed=seed)[0] for seed in (0, 0, 1)]
    one, same, other = [model.encoder.state_dict() for model in models]
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert not torch.equal(one["head.0.weight"], other["head.0.weight"])


def test_a_checkpoint_from_python_loads(digits, tmp_path):
    model, runs = trained(digits)
    runs.save_checkpoint(tmp_path / "x.ckpt")
    again = SupCon.load_from_checkpoint(tmp_path / "x.ckpt", weights_only=True)
    assert all(torch.equal(v, model.encoder.state_dict()[k]) for k, v in again.encoder.state_dict().items())
    assert again.steps == 3


@pytest.mark.parametrize("changes", [{"num_groups": 1, "aligned": None}, {"conflict_ratio": None}])
def test_figures_without_groups_or_without_a_bias_read_no_groups(digits, changes):
    if "conflict_ratio" in changes:  # the unbiased twin
        digits = ColoredDigits(**changes)
        digits.setup()
    else:
        digits.__class__ = type("Ungrouped", (type(digits),), changes)
    model, runs = trained(digits)
    assert {k for k in runs.callback_metrics if k.startswith("density")} == {"density/effective_sample_share"}
    assert set(model.figures) == {"effective_sample_share"}


def test_figures_where_no_alignment_was_constructed_go_by_each_classes_majority(digits):
    """As in a folder with groups, whose bias nobody built: AUROC and conflict mass are known wherever groups are."""
    _, expected = trained(digits)
    digits.__class__ = type("Unaligned", (type(digits),), {"aligned": None})
    _, runs = trained(digits)
    names = {"density/auroc_mean", "density/auroc_min", "density/conflict_mass", "density/effective_sample_share"}
    found = {k: float(v) for k, v in runs.callback_metrics.items() if k.startswith("density")}
    assert set(found) == names
    assert found == {k: pytest.approx(float(expected.callback_metrics[k])) for k in names}


def test_it_looks_at_the_densities_as_often_as_told(digits, monkeypatch):
    looked = []
    densities = SupCon.densities

    def counted(self):
        looked.append(self.global_step)
        return densities(self)

    monkeypatch.setattr(SupCon, "densities", counted)
    trained(digits, steps=5, monitor_every=2)
    assert looked == [2, 4, 5]
    looked.clear()
    trained(digits, steps=3)
    assert looked == [3]


@pytest.fixture
def computed(monkeypatch):
    """How often embeddings were computed."""
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return embed_all(*args, **kwargs)

    monkeypatch.setattr(encoder_module, "embed_all", counted)
    return calls


def test_embeddings_are_computed_once_for_an_encoder_and_a_set(separated, computed, digits, tmp_path, monkeypatch):
    _, model, _, file = separated
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    first = cached_embeddings(file, digits.train, digits.fingerprint, CPU)
    assert torch.equal(cached_embeddings(file, digits.train, digits.fingerprint, CPU), first)
    assert len(computed) == 1
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(file.read_bytes())
    cached_embeddings(copy, digits.train, digits.fingerprint, CPU)
    assert len(computed) == 1  # known by content, not by name
    with torch.no_grad():
        model.encoder.head[2].weight.mul_(2.0)
    save_encoder(copy, model.encoder, {"dataset": "colored_digits"})
    assert not torch.equal(cached_embeddings(copy, digits.train, digits.fingerprint, CPU), first)
    assert len(computed) == 2
    cached_embeddings(file, digits.train, "other images", CPU)
    assert len(computed) == 3


def test_a_part_of_a_set_has_embeddings_of_its_own(separated, computed, digits, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    file = separated[3]
    cached_embeddings(file, digits.train, digits.fingerprint, CPU)
    part = digits.train.subset(torch.arange(7))
    assert len(cached_embeddings(file, part, digits.fingerprint, CPU)) == 7


def test_damaged_embeddings_are_made_again(separated, computed, digits, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    file = separated[3]
    first = cached_embeddings(file, digits.train, digits.fingerprint, CPU)
    (stored,) = (tmp_path / "embeddings").iterdir()
    stored.write_bytes(stored.read_bytes()[:500])
    assert torch.equal(cached_embeddings(file, digits.train, digits.fingerprint, CPU), first)
    assert len(computed) == 2


def test_an_encoder_of_other_images_is_refused(separated, digits, tmp_path, monkeypatch):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    file = tmp_path / "other.safetensors"
    save_encoder(file, Encoder(SMALL, 10, (3, 32, 32), 8, 4), {})
    with pytest.raises(FileFormatError, match=r"\(3, 32, 32\), the data have \(3, 16, 16\)"):
        cached_embeddings(file, digits.train, digits.fingerprint, CPU)


@pytest.mark.parametrize("damage", ["missing", "cut", "text", "other kind", "no network"])
def test_what_is_no_encoder_file_is_one_line(separated, tmp_path, damage):
    file = tmp_path / "encoder.safetensors"
    whole = separated[3].read_bytes()
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "text":
        file.write_text("hello")
    elif damage == "other kind":
        file.write_bytes(whole.replace(b'\\"kind\\": \\"encoder\\"', b'\\"kind\\": \\"drawing\\"'))
    elif damage == "no network":
        file.write_bytes(whole.replace(b"fdd_lightning.networks.ConvNet", b"fdd_lightning.algorithms.erm.ERM"))
    with pytest.raises(FileFormatError) as caught:
        load_encoder(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("argument", ["temperature", "q", "steps"])
def test_senseless_numbers_are_refused(argument):
    with pytest.raises(ConfigError, match=f"SupCon {argument} must be above 0"):
        supcon(**{argument: 0})


def test_settings_that_an_optimiser_refuses(digits):
    with pytest.raises(ConfigError, match="SupCon optimizer: Invalid learning rate"):
        trained(digits, optimizer=partial(torch.optim.Adam, lr=-1.0))


def test_a_sibling_does_not_change_the_encoder(digits):
    alone, _ = trained(digits)
    beside, runs = trained(digits, sibling=True)
    one, other = alone.encoder.state_dict(), beside.encoder.state_dict()
    assert all(torch.equal(one[k], other[k]) for k in one)
    assert beside.sibling is not None
    assert not torch.equal(other["head.0.weight"], beside.sibling.state_dict()["head.0.weight"])
    logged = float(runs.callback_metrics["density/sibling_correlation"])
    first, second = (embed_all(model, digits.train) for model in (beside.encoder, beside.sibling))
    found = []
    for c in range(10):
        members = [i for i in range(len(digits.train)) if int(digits.train.targets[i]) == c]
        found.append(numpy.corrcoef(KDE().weights(first[members]), KDE().weights(second[members]))[0, 1])
    assert logged == pytest.approx(sum(found) / 10, abs=1e-4)


@pytest.mark.parametrize(("ratio", "signal"), [(0.1, "encoder"), (None, "doubtful")])
def test_two_encoders_agree_where_there_is_a_bias_and_not_where_there_is_none(
    ratio, signal, digits_cache, monkeypatch, tmp_path
):
    monkeypatch.setenv("FDD_CACHE", str(digits_cache))
    """As ``supcon_small``."""
    facts = {"network": partial(ConvNet, width=32, norm="batch"), "hidden": 512, "dimension": 128}
    model, _ = trained(ColoredDigits(conflict_ratio=ratio), steps=20, sibling=True, **facts)
    verdict = EncoderVerdict(float(model.figures["sibling_correlation"]))
    assert verdict.signal == signal
    assert ("do not trust" in verdict.words) == (signal == "doubtful")
    assert verdict.words in model.remark()
    assert load_encoder(model.save_artefact(tmp_path))[1]["densities"]["sibling_correlation"] == pytest.approx(
        verdict.correlation
    )


def test_an_encoder_that_tells_nothing_apart_is_doubtful():
    points = torch.zeros(6, 2)
    assert correlation_of_weights(points, torch.rand(6, 2), torch.arange(6) % 2) == 0.0
