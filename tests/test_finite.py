"""Numbers that are not finite are no result, and doubtful results say so: at the command line."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.file_kind import FileKind
from fdd_lightning.errors import NotFiniteError
from fdd_lightning.utils.tensor_cache import cached_tensors
from tests.tiny import DISTILL, EVAL, FIT, QUIET, SELECT, write_recipe
from tests.written_rows import written_rows

SMALL = ("--model.network.width=4", *QUIET)
EXPERTS = ("fit", "--config=experts/mtt", "--model.count=1", "--model.epochs=1", *SMALL)
CLASSIFIER = ("fit", "--model=Classifier", "--model.learner=erm", "--model.regime.steps=2", *SMALL)
WITH_SET = (*EVAL, "--synthetic=made/synthetic.safetensors")
KDE = (*DISTILL, "--model.weighting=kde")


@pytest.fixture(scope="module")
def made(digits_cache, tmp_path_factory):
    """A folder with a set, an encoder, experts and a classifier, all sound."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        from fdd_lightning.__main__ import main

        for command in (DISTILL, FIT, EXPERTS, CLASSIFIER):
            assert main([*command, f"--output={folder}/{command[1] if command is CLASSIFIER else 'made'}"]) == 0
    (folder / "--model=Classifier" / "classifier.safetensors").rename(folder / "made" / "classifier.safetensors")
    return folder / "made"


@pytest.fixture
def files(workdir, made):
    """These files, as ``made`` in the current folder."""
    Path("made").symlink_to(made)
    return made


def spoilt(source, name, change):
    """Write a copy of an artefact with other tensors or metadata and return its path."""
    with safe_open(source, "pt") as handle:
        metadata = json.loads(handle.metadata()["fdd"])
    tensors = load_file(source)
    change(tensors, metadata)
    Path(name).parent.mkdir(exist_ok=True)
    save_file(tensors, name, {"fdd": json.dumps(metadata)})
    return name


def all_nan(tensors, metadata):
    tensors |= {key: value * float("nan") for key, value in tensors.items() if value.is_floating_point()}


# What diverges.


@pytest.mark.parametrize(
    ("command", "told", "artefact"),
    [
        ((*WITH_SET, "--model.lr=1e30"), r"eval dm vanilla ipc 1 x 2, after 2 steps: .*: lower lr (now 1e+30)", ""),
        (
            ("fit", "--config=encoder/supcon_small", "--model.steps=2", "--model.optimizer.lr=1e9", *SMALL),
            "fit supcon, after 2 steps: layer 'encoder.",
            "encoder.safetensors",
        ),
        (
            (*DISTILL, "--model.lr_images=1e38"),
            "distill dm vanilla ipc 1, after 2 steps: image 0 of class 0 is not finite (768 of 768 numbers",
            "synthetic.safetensors",
        ),
        ((*CLASSIFIER, "--model.regime.optimizer.lr=1e30"), "fit classifier erm, after 2 steps: layer ", ""),
        ((*EXPERTS, "--model.lr=1e30"), "fit 1 experts vanilla, after 2 steps: layer 'learner.network.", "experts"),
    ],
    ids=["eval", "encoder", "distill", "classifier", "experts"],
)
def test_what_diverges_is_refused_and_leaves_nothing(files, refused, command, told, artefact):
    line = refused(*command, "--output=x")
    start, _, end = told.partition(".*")
    assert line.startswith(start)
    assert line.endswith(end)
    assert "is not finite" in line
    assert ": lower " in line
    left = {path.name for path in Path("x").iterdir()}
    assert left <= {"config.yaml", "stage.json", "experts.part", "evolution"}
    assert not json.loads(Path("x/stage.json").read_text())["finished"]


def test_an_output_that_overflows_is_no_guess(files, refused):
    # Sound parameters, whose outputs are none: named by network and by whose images they are.
    spoilt("made/synthetic.safetensors", "far.safetensors", lambda t, _: t["images"].mul_(1e37))
    line = refused(*EVAL, "--synthetic=far.safetensors", "--model.lr=0", "--output=x")
    assert line.startswith("eval dm vanilla ipc 1 x 2, after ")
    assert "is not finite" in line
    assert not Path("x/results.json").exists()


def test_a_row_that_diverges_is_listed_and_the_others_go_on(fdd):
    diverging = {"name": "random", "eval": {"lr": 1e30}}
    write_recipe(Path("r.yaml"), methods=["random", diverging], distill={}, eval={"count": 1, "epochs": 2})
    said = fdd("run", "r.yaml")
    assert said.code == 1, said
    document = json.loads(Path("runs/tiny/results.json").read_text())
    assert len(document["rows"]) == 1
    (failed,) = document["failed"]
    assert "is not finite" in failed["error"]
    assert said.err.splitlines()[-1].startswith("fdd: failed: eval random vanilla")


# What is read.


def test_an_encoder_that_is_not_finite_is_blamed_for_it(files, refused):
    spoilt("made/encoder.safetensors", "bad.safetensors", all_nan)
    line = refused(*KDE, "--encoder=bad.safetensors", "--output=x")
    assert line.startswith("encoder bad.safetensors: tensor 'backbone.")
    assert line.endswith("train the encoder again")


def test_an_encoder_whose_embeddings_overflow_is_blamed_for_it(files, refused):
    def overflowing(tensors, metadata):
        for value in tensors.values():
            if value.is_floating_point():
                value.fill_(3e38)

    spoilt("made/encoder.safetensors", "bad.safetensors", overflowing)
    line = refused(*KDE, "--encoder=bad.safetensors", "--output=x")
    assert line.startswith("encoder bad.safetensors: embeddings of the training images is not finite")


def test_a_set_that_is_not_finite(files, refused):
    spoilt("made/synthetic.safetensors", "bad.safetensors", lambda t, _: t["images"][3, 0, 0].fill_(float("inf")))
    line = refused(*EVAL, "--synthetic=bad.safetensors", "--output=x")
    assert "bad.safetensors: tensor 'images' is not finite (16 of 7680 numbers, the first in row 3)" in line


def test_experts_and_classifiers_that_are_not_finite(files, fdd, refused):
    spoilt("made/experts/0000.safetensors", "bad/0000.safetensors", all_nan)
    mtt = ("distill", "--config=method/mtt", "--model.iterations=1", "--model.max_start=1", "--model.expert_epochs=1")
    said = fdd(*mtt, "--model.images_per_class=1", *QUIET, "--experts=bad", "--output=x")
    assert said.code == 2
    assert said.err.splitlines()[-1].startswith("fdd: error: expert bad/0000.safetensors: tensor 'trajectory' is not")
    spoilt("made/classifier.safetensors", "c.safetensors", all_nan)
    line = refused(*SELECT, "--model.source=Mixes", "--classifier=c.safetensors", "--output=x")
    assert line.startswith("classifier c.safetensors: tensor ")


# The one place.


def test_no_writer_takes_what_is_not_finite(tmp_path):
    kind = FileKind("thing", "make one", "make it again")
    with pytest.raises(NotFiniteError, match=r"thing .*x is not written: tensor 'b' is not finite \(1 of 2 numbers"):
        kind.write(tmp_path / "x", {"a": torch.ones(1), "b": torch.tensor([1.0, float("inf")])}, {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        kind.write(tmp_path / "x", {}, {"share": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_cache_keeps_and_gives_nothing_that_is_not_finite(workdir, monkeypatch, tmp_path):
    monkeypatch.setenv("FDD_CACHE", str(tmp_path))
    with pytest.raises(NotFiniteError, match="votes of the training images: shares is not finite"):
        cached_tensors("votes", {"a": 1}, lambda: {"shares": torch.tensor([float("nan")])})
    assert not list(tmp_path.rglob("*.safetensors"))
    found = cached_tensors("votes", {"a": 1}, lambda: {"shares": torch.ones(1)})
    (file,) = tmp_path.rglob("*.safetensors")
    save_file({"shares": torch.tensor([float("nan")])}, file)
    assert torch.equal(cached_tensors("votes", {"a": 1}, lambda: {"shares": torch.ones(1)})["shares"], found["shares"])


# What is doubtful.


def test_a_network_that_learned_nothing(files, fdd):
    said = fdd(*WITH_SET, "--model.epochs=1", "--model.lr=0", "--output=e")
    assert said.code == 0, said.err
    assert "warning: eval dm vanilla ipc 1 x 2: a network learned nothing" in said.err
    (row,) = written_rows("e/results.json")
    assert row["warnings"] == ["at chance"]
    report = fdd("report", "e", "--output=r")
    assert "at chance: a network learned nothing" in report.out
    table = Path("r/table.md").read_text()
    assert "| warned |" in table
    assert "| at chance |" in table
    assert "- at chance: a network learned nothing" in table


def test_a_network_that_learned_is_not_warned_of(files, fdd):
    said = fdd(*WITH_SET, "--model.epochs=60", "--output=e")
    assert said.err == ""
    assert "warnings" not in json.loads(Path("e/results.json").read_text())["rows"][0]


def test_classifiers_and_experts_that_learned_nothing(files, fdd):
    for command, artefact in ((CLASSIFIER, "classifier.safetensors"), (EXPERTS, "experts/0000.safetensors")):
        rate = "--model.regime.optimizer.lr=0" if command is CLASSIFIER else "--model.lr=0"
        said = fdd(*command, rate, f"--output={command[1]}")
        assert "a network learned nothing" in said.err
        with safe_open(Path(command[1], artefact), "pt") as handle:
            assert json.loads(handle.metadata()["fdd"])["warnings"] == ["at chance"]


def test_weights_that_rest_on_one_image(files, fdd):
    sharp = ("--model.weighting.normaliser=softmax", "--model.weighting.temperature=1e-6")
    said = fdd(*KDE, *sharp, "--encoder=made/encoder.safetensors", "--output=d")
    assert said.err.startswith("warning: distill dm kde ipc 1: of 128 images of class 0 an effective 1.00 count: ")
    assert said.err.count("\n") == 1
    assert SyntheticSet.load("d/synthetic.safetensors").metadata["warnings"] == ["single images"]
    said = fdd(*EVAL, "--synthetic=d/synthetic.safetensors", "--model.epochs=60", "--output=e")
    assert "of the synthetic set: the weights of a class rest on fewer than two images" in said.err
    assert written_rows("e/results.json")[0]["warnings"] == ["single images"]


def test_an_encoder_that_tells_nothing_apart(files, fdd):
    said = fdd(*FIT, "--model.optimizer.lr=0", "--model.steps=1", "--output=f")
    seen = float(said.out.partition("effective sample share ")[2].partition(",")[0])
    assert ("the bias encoder tells no images of a class apart" in said.err) == (seen >= 0.99)

    def blind(tensors, metadata):
        metadata["densities"]["effective_sample_share"] = 1.0

    spoilt("made/encoder.safetensors", "blind.safetensors", blind)
    said = fdd(*KDE, "--encoder=blind.safetensors", "--output=d")
    assert "warning: distill dm kde ipc 1: --encoder blind.safetensors: the bias encoder tells no images" in said.err
    assert SyntheticSet.load("d/synthetic.safetensors").metadata["warnings"] == ["blind encoder"]
    assert "warnings" not in SyntheticSet.load("made/synthetic.safetensors").metadata


def test_rows_of_several_seeds_keep_every_warning(fdd):
    write_recipe(
        Path("r.yaml"), methods=["random"], distill_seeds=[0, 1], distill={}, eval={"count": 1, "epochs": 1, "lr": 0.0}
    )
    said = fdd("run", "r.yaml")
    assert said.code == 0, said.err
    assert written_rows("runs/tiny/results.json")[0]["warnings"] == ["at chance"]
    assert "at chance: a network learned nothing" in Path("runs/tiny/table.md").read_text()
    assert "at chance" in said.out
