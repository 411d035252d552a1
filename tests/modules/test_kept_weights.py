"""The weights that are kept beside a set, and its pictures on the way."""

import numpy as np
import pytest
import torch
from PIL import Image

from fdd_lightning.artefacts.weights import RealWeights
from fdd_lightning.modules.kept_weights import main_directions
from tests.tiny import DISTILL


def kept(workdir, fdd, weighting, *more):
    said = fdd(
        *DISTILL, "--model.method=dm", f"--model.weighting={weighting}", "--data=ColoredDigits", *more, "--output=d"
    )
    assert said.code == 0, said.err
    return RealWeights.load(workdir / "d" / "weights.safetensors")


def test_weights_of_every_cell_are_kept_with_what_they_stand_for(workdir, fdd):
    found = kept(workdir, fdd, "FairDD")
    assert found.facts["weighting"] == "fairdd"
    assert found.points is None
    assert found.conflict is not None
    assert found.represents.sum() == pytest.approx(1297, abs=1)  # the training images
    assert 0.05 < (found.represents * found.conflict).sum() / found.represents.sum() < 0.15
    for target in range(10):
        own = found.targets == target
        total, present = found.represents[own].sum(), found.groups[own].unique()
        for group in present:  # each group of a class carries as much
            cell = own & (found.groups == group)
            share = (found.weights * found.represents)[cell].sum() / total
            assert share == pytest.approx(1 / len(present), rel=1e-3)


def test_a_weighting_that_fails_then_costs_no_set(workdir, fdd):
    (workdir / "moody.py").write_text(
        "from fdd_lightning.matching.weightings import Vanilla\n"
        "class Moody(Vanilla):\n"
        "    name = 'moody'\n"
        "    def __call__(self, evidence):\n"
        "        if evidence.size > 50 and evidence.size != 64:\n"
        "            raise IndexError('too many')\n"
        "        return super().__call__(evidence)\n"
    )
    said = fdd(
        *DISTILL, "--model.weighting=moody.Moody", "--model.sampler.batch_size=64", "--data=ColoredDigits", "--output=d"
    )
    assert said.code == 0, said.err
    assert "weights.safetensors is left out: too many" in said.err
    assert (workdir / "d" / "synthetic.safetensors").is_file()


def test_pictures_on_the_way(workdir, fdd):
    assert fdd(*DISTILL, "--model.iterations=8", "--data=ColoredDigits", "--output=d").code == 0
    steps = sorted(path.name for path in (workdir / "d" / "evolution").iterdir())
    assert steps == [f"{step:07d}.png" for step in (1, 2, 4, 6, 8)]
    assert Image.open(workdir / "d" / "evolution" / "0000008.png").size[1] == 160
    before = np.asarray(Image.open(workdir / "d" / "evolution" / "0000001.png"))
    assert fdd(*DISTILL, "--model.iterations=1", "--model.seed=3", "--data=ColoredDigits", "--output=d").code == 0
    assert [path.name for path in (workdir / "d" / "evolution").iterdir()] == ["0000001.png"]  # of another set
    assert (np.asarray(Image.open(workdir / "d" / "evolution" / "0000001.png")) != before).any()


def test_main_directions_of_few_and_flat_points():
    assert main_directions(torch.ones(3, 1)).tolist() == [[0.0, 0.0]] * 3
    found = main_directions(torch.tensor([[1.0, 0.0, 5.0], [2.0, 0.0, 5.0], [3.0, 1.0, 5.0]]))
    assert found.shape == (3, 2)
    assert found.var(0)[0] > found.var(0)[1]
