"""The one format of all artefacts: each kind says what it is, and what to do about a file that cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.classifier import CLASSIFIER, load_classifier, save_classifier
from fdd_lightning.artefacts.encoder import ENCODER, load_encoder, save_encoder
from fdd_lightning.artefacts.experts import EXPERT, ExpertFolder
from fdd_lightning.artefacts.synthetic import SYNTHETIC
from fdd_lightning.errors import DatasetNotFoundError, FileFormatError

FIXTURES = Path(__file__).parents[1] / "fixtures" / "format_1"
KINDS: dict[str, Any] = {
    "encoder": (ENCODER, "encoder/encoder.safetensors"),
    "classifier": (CLASSIFIER, "classifier/classifier.safetensors"),
    "expert": (EXPERT, "experts/experts/0000.safetensors"),
    "synthetic set": (SYNTHETIC, "mtt/synthetic.safetensors"),
}
LOADERS: dict[str, Any] = {
    "encoder": load_encoder,
    "classifier": load_classifier,
    "expert": lambda path: ExpertFolder(path.parent),
    "synthetic set": SyntheticSet.load,
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param][0]


@pytest.fixture
def file(kind):
    return FIXTURES / KINDS[kind.name][1]


def refused(kind, path, error=FileFormatError):
    with pytest.raises(error) as caught:
        LOADERS[kind.name](path)
    line = str(caught.value)
    assert str(path) in line
    assert "\n" not in line
    return line


def test_what_is_written_again_is_equal_to_the_byte(kind, file, tmp_path):
    kind.write(tmp_path / "x.safetensors", *kind.read(file))
    assert (tmp_path / "x.safetensors").read_bytes() == file.read_bytes()


@pytest.mark.parametrize("name", ["encoder", "classifier"])
def test_modules_are_saved_as_they_were_loaded(name, tmp_path):
    _, path = KINDS[name]
    save: Any = {"encoder": save_encoder, "classifier": save_classifier}[name]
    save(tmp_path / "x.safetensors", *LOADERS[name](FIXTURES / path))
    assert (tmp_path / "x.safetensors").read_bytes() == (FIXTURES / path).read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.1, 0.5, 0.999])
def test_a_file_cut_short_is_called_so(kind, file, share, tmp_path):
    path = tmp_path / "0000.safetensors"
    content = file.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    line = refused(kind, path)
    assert "cut short" in line
    assert line.endswith(kind.again)


def test_files_of_other_formats(kind, file, tmp_path):
    path = tmp_path / "0000.safetensors"
    path.write_text("hello, I am text and long enough")
    assert refused(kind, path).endswith(f"is not a safetensors file: {kind.wanted}")
    path.write_bytes(file.read_bytes() + b"more")
    assert "is damaged (" in refused(kind, path)


@pytest.mark.parametrize("other", KINDS)
def test_files_of_another_kind(kind, other, tmp_path):
    if other != kind.name:
        path = tmp_path / "0000.safetensors"
        path.write_bytes((FIXTURES / KINDS[other][1]).read_bytes())
        line = refused(kind, path)
        assert f" {other}, not a" in line
        assert line.endswith(kind.wanted)


def test_what_the_metadata_lack(kind, file, tmp_path):
    path = tmp_path / "0000.safetensors"
    tensors, metadata = kind.read(file)
    for text, words in (
        (None, "is a safetensors file but not a"),
        ("{", "its metadata are not a JSON object"),
        ("[1]", "its metadata are not a JSON object"),
        (json.dumps({**metadata, "format": 2}), "has format version 2, this code reads version 1"),
    ):
        save_file(tensors, path, None if text is None else {"fdd": text})
        assert words in refused(kind, path)
    fact = "class_names" if kind is SYNTHETIC else "image_shape"
    kind.write(path, tensors, {key: value for key, value in metadata.items() if key != fact})
    assert f"{fact!r}" in refused(kind, path)


def test_what_the_tensors_lack(kind, file, tmp_path):
    path = tmp_path / "0000.safetensors"
    tensors, metadata = kind.read(file)
    name = max(tensors, key=lambda name: (name in kind.tensors, name))
    kind.write(path, {key: value for key, value in tensors.items() if key != name}, metadata)
    line = refused(kind, path)
    assert name in line
    assert line.endswith(kind.again)


@pytest.mark.parametrize("name", ["encoder", "classifier"])
def test_tensors_that_do_not_fit_the_network(name, tmp_path):
    kind, path = KINDS[name]
    tensors, metadata = kind.read(FIXTURES / path)
    first = min(tensors)
    path = tmp_path / "x.safetensors"
    kind.write(path, {**tensors, first: torch.zeros(1, 2, 3)}, metadata)
    assert f"does not fit the network that it names ({first})" in refused(kind, path)
    kind.write(path, {**tensors, "more": torch.zeros(1)}, metadata)
    assert "does not fit the network that it names (more)" in refused(kind, path)


@pytest.mark.parametrize(("name", "error"), [("encoder", FileFormatError), ("synthetic set", DatasetNotFoundError)])
def test_no_file(name, error, tmp_path):
    kind, _ = KINDS[name]
    assert refused(kind, tmp_path / "x.safetensors", error).endswith(f"does not exist: {kind.wanted}")
    assert "is a folder: name the file in it" in refused(kind, tmp_path, error)
