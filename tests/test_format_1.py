"""Artefacts of format 1, as the code of 2026-11 wrote them: they load, and lead to the same figures ever after.

``fixtures/format_1`` holds one of each: data cache, embeddings, encoder, experts, classifier, sets (plain, of several
images in one, with a learned step size), results, records of stages, and a checkpoint of a run that was cut short.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from fdd_lightning import SyntheticSet
from tests.written_rows import written_rows

FIXTURES = Path(__file__).parent / "fixtures" / "format_1"
DATA = ("--data=Folder", "--data.name=folder", "--data.path=photos", "--data.table=labels.csv", "--data.size=16")
PATH = "--data.path=photos"
QUIET = ("--trainer.logger=false", "--trainer.accelerator=cpu", "--trainer.devices=1")
NETWORK = ("--model.network=ConvNet", "--model.network.width=4", "--model.network.depth=2")
SURROGATE = ("--model.surrogate.network.width=4", "--model.surrogate.network.depth=2")
DSA = ("--config=method/dsa", *SURROGATE, "--model.iterations=4", "--model.surrogate.inner=1")


@pytest.fixture
def old(fdd, workdir, monkeypatch):
    """The command line where the fixtures lie."""
    shutil.copytree(FIXTURES, workdir, dirs_exist_ok=True)
    monkeypatch.setenv("FDD_CACHE", "cache")

    def call(*args):
        said = fdd(*args)
        assert said.code == 0, said.err
        return said

    return call


def same_set(made, expected):
    one, other = SyntheticSet.load(made), SyntheticSet.load(expected)
    torch.testing.assert_close(one.images, other.images, rtol=1e-4, atol=1e-4)
    assert torch.equal(one.labels, other.labels)
    assert set(one.parameters or {}) == set(other.parameters or {})
    # What rows call a user's own images is theirs by now; files and cache know the data set by its entry as ever.
    assert one.metadata.get("data_entry", one.metadata["dataset"]) == other.metadata["dataset"]
    for key in ("data_parameters", "data_fingerprint", "method", "weighting", "ipc", "distill_seed"):
        assert one.metadata[key] == other.metadata[key]


def test_cache(old):
    """Sets of image files are called by their files' contents now; the set itself is what would be built today."""
    (before,) = Path("cache").glob("folder-*")
    old("data", "prepare", "folder", *DATA[1:])
    (built,) = {*Path("cache").glob("folder-*")} - {before}
    for file in before.glob("*.npy"):
        assert (built / file.name).read_bytes() == file.read_bytes()
    shutil.rmtree(built)
    before.rename(built)
    assert "folder" in old("data", "verify", "folder", *DATA[1:]).out


def test_encoder(old):
    kde = ("--config=method/dm", "--config=weighting/kde", *SURROGATE, "--model.iterations=6")
    encoder = "--encoder=encoder/encoder.safetensors"
    old("distill", *DATA, *QUIET, *kde, "--model.images_per_class=2", encoder, "--output=x")
    same_set("x/synthetic.safetensors", "set/synthetic.safetensors")


def test_embeddings_by_the_encoder_are_those_of_the_cache(old, workdir):
    before = {path: load_file(path) for path in Path("cache/embeddings").iterdir()}
    test_encoder(old)  # they bear no hash, so they are computed again
    after = {path: load_file(path) for path in Path("cache/embeddings").iterdir()}
    assert set(after) == set(before)
    for path, tensors in before.items():
        torch.testing.assert_close(after[path], tensors, rtol=1e-4, atol=1e-4)


def test_experts(old):
    mtt = ["--config=method/mtt", "--config=weighting/barycenter", "--model.iterations=3", "--model.student_steps=2"]
    mtt += ["--model.max_start=1", "--model.images_per_class=1"]
    old("distill", *DATA, *QUIET, *mtt, "--experts=experts", "--output=x")
    same_set("x/synthetic.safetensors", "mtt/synthetic.safetensors")


def test_classifier(old):
    frozen = ["--config=method/dm", "--model.surrogate=fdd_lightning.matching.surrogates.Frozen"]
    frozen += ["--classifier=classifier/classifier.safetensors", "--model.images_per_class=1", "--model.iterations=3"]
    old("distill", *DATA, *QUIET, *frozen, "--output=x")
    same_set("x/synthetic.safetensors", "frozen/synthetic.safetensors")


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("eval", ("--synthetic=set/synthetic.safetensors", PATH, "--model.count=2", "--model.epochs=20")),
        ("eval_mtt", ("--synthetic=mtt/synthetic.safetensors", PATH, "--model.count=2", "--model.epochs=20")),
        ("eval_full", (*DATA, "--model.count=1", "--model.learner=group_dro.yaml")),
    ],
)
def test_evaluation(old, name, args):
    if name == "eval_full":
        config = yaml.safe_load(Path("eval_full/config.yaml").read_text())["model"]["init_args"]["learner"]
        Path("group_dro.yaml").write_text(yaml.safe_dump(config))
    else:
        args = (*args, "--model.preset=quick")
    old("eval", *args, *QUIET, *NETWORK, "--output=x")
    [row], [read] = (written_rows(f"{folder}/results.json") for folder in ("x", name))
    [expected] = json.loads(Path(f"{name}/results.json").read_text())["rows"]
    for key, value in expected.items():
        if key == "metrics":
            # Three images of a class and group are not judged one by one any more.
            small = dict.fromkeys(("deo_max", "deo_mean", "worst_group_accuracy"))
            assert {metric: row["metrics"][metric] for metric in value} == {**read["metrics"], **small}
        elif key not in ("seconds", "settings", "eval_settings"):
            assert row[key] == value, key


def test_results_are_read(old):
    said = old("report", "eval", "eval_mtt", "eval_full", "--output=report")
    for method in ("dm", "mtt", "full"):
        assert method in said.out


def test_several_images_in_one(old):
    made = SyntheticSet.load("multi_formation/synthetic.safetensors")
    assert tuple(made.images.shape) == (8, 3, 16, 16)
    assert made.parameters is not None
    assert tuple(made.parameters["stored"].shape) == (2, 3, 16, 16)


def test_checkpoint_goes_on(old):
    args = (*DATA, *QUIET, *DSA, "--model.surrogate.outer=2", "--model.images_per_class=1")
    said = old("distill", *args, "--ckpt_path=half/last.ckpt", "--output=x")
    assert "resuming distill at step 5" in said.err
    same_set("x/synthetic.safetensors", "whole/synthetic.safetensors")


@pytest.mark.parametrize("stage", ["fit", "distill"])
def test_a_configuration_runs_again(old, stage):
    name = {"fit": "encoder", "distill": "whole"}[stage]
    old(stage, f"--config={name}/config.yaml", "--output=x")
    assert Path("x/stage.json").is_file()


def test_a_record_is_read(old):
    """The same command into the folder of an older code's stage either finds it finished or does it again."""
    said = old("distill", "--config=whole/config.yaml", "--output=whole")
    assert said.out.startswith(("finished: distill in whole", "distill: whole/"))
    same_set("whole/synthetic.safetensors", FIXTURES / "whole" / "synthetic.safetensors")
