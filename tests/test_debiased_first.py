"""Debiasing elsewhere than in the weights: before the distillation, in its surrogate, in its experts."""

import json
from pathlib import Path

import pytest
import torch

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.classifier import load_classifier
from fdd_lightning.errors import ConfigError
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from tests.test_debiased import ENCODER, REGIME, SMALL
from tests.tiny import DISTILL, QUIET, write_recipe

MIXES, FROZEN = "fdd_lightning.matching.sources.Mixes", "fdd_lightning.matching.surrogates.Frozen"


@pytest.fixture
def classifier(fdd):
    """Train a classifier and return its file."""

    def train(learner, *args):
        length = ("--model.learner.regime.steps=6", "--model.learner.regime.batch_size=100")
        fitted = ["fit", "--model=Classifier", *SMALL, f"--model.learner={learner}", *REGIME, *length, *args, *QUIET]
        assert fdd(*fitted, "--output=classifier").code == 0
        return Path("classifier/classifier.safetensors")

    return train


def distill(fdd, *args):
    return fdd(*DISTILL, *args, "--output=made")


def test_dm_matches_the_intrinsic_embedding_of_dfa(fdd, classifier):
    file = classifier("DFA")
    done = distill(fdd, f"--model.surrogate={FROZEN}", f"--classifier={file}")
    assert done.code == 0, done.err
    settings = SyntheticSet.load("made/synthetic.safetensors").metadata["settings"]
    assert settings["surrogate"] == FROZEN
    assert settings["classifier"] == "dfa"
    assert settings["classifier.network"] == "fdd_lightning.networks.MLP"
    stored = torch.load("made/last.ckpt", weights_only=True)["state_dict"]
    assert set(stored) == {"images"}
    learner, _ = load_classifier(file)
    with pytest.raises(ConfigError, match="has no classifier of its own: match its features, not gradients"):
        learner.network(torch.zeros(1, 3, 16, 16))


def test_mixes_are_distilled_and_resume(fdd, classifier):
    file = classifier("SelecMix", *ENCODER)
    args = (f"--model.source={MIXES}", "--model.source.pool=100", f"--classifier={file}")
    assert distill(fdd, *args).code == 0
    made = SyntheticSet.load("made/synthetic.safetensors")
    assert made.metadata["settings"]["source"] == MIXES
    assert made.metadata["settings"]["classifier"] == "selecmix"
    whole = Path("made/synthetic.safetensors").read_bytes()
    Path("made").rename("before")
    assert distill(fdd, *args, "--trainer.max_steps=1").code == 0
    assert distill(fdd, *args).code == 0
    assert Path("made/synthetic.safetensors").read_bytes() == whole


@pytest.mark.parametrize("choice", [f"--model.source={MIXES}", f"--model.surrogate={FROZEN}"])
def test_without_a_classifier(fdd, choice):
    done = distill(fdd, choice)
    assert done.code == 2
    assert "reads a trained classifier: train one with `fdd fit --model Classifier" in done.err
    assert done.err.count("\n") == 1


def test_a_classifier_of_other_images(fdd, classifier):
    file = classifier("DFA")
    done = distill(fdd, f"--model.surrogate={FROZEN}", f"--classifier={file}", "--data.conflict_ratio=0.3")
    assert done.code == 2
    assert "was trained on other images (colored_digits) than these of colored_digits" in done.err


def test_experts_need_a_network_that_classifies(fdd):
    done = fdd("fit", "--config", "experts/mtt", "--model.learner=DFA", *QUIET, "--output=experts")
    assert done.code == 2
    assert "experts cannot learn by DFA, whose network has no classifier of its own" in done.err


def test_a_recipe_fits_what_each_method_asks_for(workdir):
    made = Plan(
        read_recipe(
            write_recipe(
                Path("r.yaml"),
                methods=[
                    "dm",
                    {"name": "dm", "surrogate": FROZEN, "fit.classifier": "dfa"},
                    {"name": "dm", "source": MIXES, "weightings": ["kde"]},
                    "mtt",
                    {"name": "mtt", "fit.experts.learner": "fdd_lightning.algorithms.LfF"},
                ],
                weightings=["vanilla"],
                ipcs=[1],
                fit={"classifier": "selecmix", "classifier.learner.regime.steps": 8, "experts.count": 2},
                distill={"iterations": 2},
            )
        ),
        Path("runs/tiny"),
    )
    inputs = [
        {flag: stage.folder.path.name for flag, stage in cell.evaluations[0].inputs["synthetic"].inputs.items()}
        for cell in made.rows
    ]
    assert inputs == [
        {},
        {"classifier": "colored_digits-classifier-dfa"},
        {"encoder": "colored_digits-encoder", "classifier": "colored_digits-classifier"},
        {"experts": "colored_digits-experts-vanilla"},
        {"experts": "colored_digits-experts-vanilla+learner=fdd_lightning.algorithms.LfF"},
    ]
    told = [
        {k: v for k, v in cell.identity["settings"].items() if "classifier" in k or "learner" in k}
        for cell in made.rows
    ]
    assert told == [
        {},
        {"classifier": "dfa", "classifier.regime.steps": 8},
        {"classifier": "selecmix", "classifier.regime.steps": 8},
        {},
        {"experts.learner": "fdd_lightning.algorithms.LfF"},
    ]
    assert json.dumps(told)


def test_what_nothing_needs_is_refused(workdir):
    def plan(**changes):
        return Plan(read_recipe(write_recipe(Path("r.yaml"), **changes)), Path("runs/tiny"))

    with pytest.raises(ConfigError, match=r"fit\.classifier\.seed: no method of the recipe needs classifier"):
        plan(fit={"classifier.seed": 1})
    with pytest.raises(ConfigError, match=r"dm: fit\.classifier: no row of it needs classifier"):
        plan(methods=[{"name": "dm", "fit.classifier": "dfa"}])
    with pytest.raises(ConfigError, match=r"fit\.classifier 'nothing' is not in configs/trainer"):
        plan(methods=[{"name": "dm", "source": MIXES, "fit.classifier": "nothing"}])
