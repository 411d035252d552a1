"""Files that were changed at random: each is read as ever, or refused by an error of the user.

A few of each format here; ``FDD_MUTATIONS=2000 pytest tests/faults/test_mutations.py`` tries as many of each.
"""

import json
import os
import random
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.checkpoint import read_checkpoint
from fdd_lightning.artefacts.classifier import load_classifier
from fdd_lightning.artefacts.encoder import load_encoder
from fdd_lightning.artefacts.experts import ExpertFolder
from fdd_lightning.artefacts.results import join_seeds, read_results
from fdd_lightning.artefacts.run_results import RunResults
from fdd_lightning.artefacts.stage_folder import StageFolder, StageRecord
from fdd_lightning.configuration.defaults import complete
from fdd_lightning.configuration.named_by_files import require_known
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datamodules.named import spec_of_set
from fdd_lightning.datasets import cache
from fdd_lightning.errors import FDDError, in_one_line
from fdd_lightning.imports import import_set
from fdd_lightning.modules.base import fit_kinds
from fdd_lightning.report.formats.md import markdown
from fdd_lightning.report.row_names import names_of
from fdd_lightning.runs import time_estimates
from fdd_lightning.runs.recipe import read_recipe

FIXTURES = Path(__file__).parents[1] / "fixtures" / "format_1"
NUMBER = int(os.environ.get("FDD_MUTATIONS", "30"))
CACHE = "cache/folder-e8cbb18fa5c5"
STRANGE = [
    "null", "true", "-1", "0", "1.5", "7", str(10**9), str(10**30), "1e999", "NaN", "-Infinity", '""', '"x"', "[]",
    "{}", "[[]]", "[null]", '{"a": 1}', '"' + "x" * 5000 + '"', "[" * 2000 + "]" * 2000, '"../../etc/x"',
    '"\\u001b[2J"',     '{"class_path": "os.system"}', '"\\ud800"',
    '{"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"width": 10000000}}',
    '{"class_path": "fdd_lightning.networks.ConvNet", "init_args": {"depth": 1000000000, "pooling": "none"}}',
    '{"class_path": "fdd_lightning.networks.ConvNet", "init_args": 3}',
]  # fmt: skip


def read_set(path):
    loaded = SyntheticSet.load(path)
    _ = loaded.tensors(clamp=True), loaded.lr, loaded.soft_labels, loaded.shown(), repr(loaded)
    spec_of_set(str(path), {"path": "photos"})


def read_encoder(path):
    float(load_encoder(path)[1].get("densities", {}).get("sibling_correlation", 0))
    fit_kinds()["encoder"].settings_of(path)


def read_classifier(path):
    _ = load_classifier(path)[1]["data_fingerprint"]
    fit_kinds()["classifier"].settings_of(path)


def read_experts(path):
    folder = ExpertFolder(path.parent)
    folder.snapshot(0, folder.snapshots - 1)
    complete(folder.header["weighting"])
    fit_kinds()["experts"].settings_of(path.parent)


def read_rows(path):
    rows = RunResults.read(path).rows
    if rows:
        markdown(rows)
        names_of(rows)
        join_seeds(read_results(path)[:1])


def read_cache(path):
    manifest = json.loads(Path(f"{FIXTURES}/{CACHE}/manifest.json").read_text())
    for reader in (cache.read, cache.verify):
        reader(path.parent, manifest["dataset"], manifest["parameters"])


def read_record(path):
    folder = StageFolder(path.parent)
    folder.finished(StageRecord("distill", "x"))
    record = folder.read()
    if record is not None:
        folder.finished(record)


def read_others(path):
    import_set(path, ColoredDigits())


def write_others():
    """Write sets as other programs do."""
    images, labels = torch.linspace(-1, 1, 10 * 3 * 16 * 16).view(10, 3, 16, 16), torch.arange(10)
    torch.save({"data": [[images, labels]], "accs_all_exps": {"ConvNet": [np.float64(50.0)]}}, "res.pt")
    torch.save([images, labels], "old.pt", _use_new_zipfile_serialization=False)
    np.savez_compressed("set.npz", x=images.numpy(), y=labels.numpy())
    save_file({"images": images, "labels": labels}, "bare.safetensors")


def read_settings(path):
    settings = read_checkpoint(path)["hyper_parameters"]
    require_known({"class_path": settings.get("_class_path"), "init_args": settings}, str(path))


FORMATS = {
    "synthetic": ("mtt/synthetic.safetensors", read_set),
    "encoder": ("encoder/encoder.safetensors", read_encoder),
    "classifier": ("classifier/classifier.safetensors", read_classifier),
    "experts": ("experts/experts/0000.safetensors", read_experts),
    "results": ("eval/results.json", read_rows),
    "manifest": (f"{CACHE}/manifest.json", read_cache),
    "targets": (f"{CACHE}/train_targets.npy", read_cache),
    "images": (f"{CACHE}/test_images.npy", read_cache),
    "record": ("set/stage.json", read_record),
    "rates": ("cache/rates.json", lambda _: time_estimates._read()),
    "checkpoint": ("half/last.ckpt", read_settings),
    "recipe": ("recipe.yaml", read_recipe),
    **{f"others' {file}": (file, read_others) for file in ("res.pt", "old.pt", "set.npz", "bare.safetensors")},
}


def changed_bytes(content, draw):
    """Flip, cut, repeat, blank or insert bytes."""
    content, at = bytearray(content), draw.randrange(len(content) + 1)
    if draw.random() < 0.5:
        at = min(at, draw.randrange(400))  # headers
    kind = draw.randrange(6)
    if kind == 0:
        for _ in range(draw.choice([1, 1, 2, 20])):
            content[draw.randrange(min(len(content), draw.choice([300, 10**9])))] ^= 1 << draw.randrange(8)
    elif kind == 1:
        del content[at:]
    elif kind == 2:
        del content[at : at + draw.randrange(1, 64)]
    elif kind == 3:
        content[at:at] = content[at : at + draw.randrange(1, 64)]
    elif kind == 4:
        content[at : at + 16] = bytes(16)
    else:
        content[at : at + draw.randrange(3)] = draw.randbytes(draw.randrange(1, 9))
    return bytes(content)


def changed_json(text, draw):
    """Replace, remove or rename something at random."""
    document = json.loads(text)
    places: list[tuple[tuple[Any, ...], Any]] = [((), document)]
    for path, value in places:
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        places += [((*path, key), item) for key, item in items]
    path, _ = draw.choice(places)
    mark = "a place for something strange"
    if not path:
        return draw.choice(STRANGE)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    kind = draw.randrange(5)
    if kind == 0:
        del parent[path[-1]]
    elif kind == 1 and isinstance(parent, dict):
        parent[f"{path[-1]}x"] = parent.pop(path[-1])
    else:
        parent[path[-1]] = mark
    return json.dumps(document).replace(json.dumps(mark), draw.choice(STRANGE))


def changed(content, name, draw):
    if name.endswith(".safetensors") and draw.random() < 0.7:
        length = struct.unpack("<Q", content[:8])[0]
        header = json.loads(content[8 : 8 + length])
        if "__metadata__" in header and draw.random() < 0.7:
            header["__metadata__"]["fdd"] = changed_json(header["__metadata__"]["fdd"], draw)
            text = json.dumps(header)
        else:
            text = changed_json(json.dumps(header), draw)
        return struct.pack("<Q", len(text.encode())) + text.encode() + content[8 + length :]
    if name.endswith((".json", ".yaml")) and draw.random() < 0.7:
        return changed_json(content.decode(), draw).encode()
    return changed_bytes(content, draw)


@pytest.mark.parametrize("name", FORMATS)
def test_changed_files(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FDD_CACHE", "cache")
    shutil.copytree(FIXTURES, tmp_path, dirs_exist_ok=True)
    Path("cache/rates.json").write_text(json.dumps({"a": 1.5, "b": 2}))
    plain = {"name": "x", "data": ["colored_digits", {"name": "cmnist", "conflict_ratio": 0.1}], "methods": ["dm"]}
    Path("recipe.yaml").write_text(json.dumps({**plain, "ipcs": [1, 2], "eval": {"count": 2, "networks": ["convnet"]}}))
    write_others()
    file, read = FORMATS[name]
    path = Path(file)
    if name == "experts":
        Path("experts/experts/0001.safetensors").unlink()
    content = path.read_bytes()
    read(path)
    refused = 0
    bare: dict[str, list[int]] = {}
    for number in range(NUMBER):
        path.write_bytes(changed(content, file, random.Random(f"{name} {number}")))
        try:
            read(path)
        except FDDError as error:
            refused += 1
            if len(in_one_line(error) or "") > 1010:
                bare.setdefault("long", []).append(number)
        except Exception as error:
            bare.setdefault(f"{type(error).__name__}: {error}"[:200], []).append(number)
    assert not bare, bare
    assert refused or name == "rates"


def test_yaml_is_a_tree(tmp_path):
    from fdd_lightning.configuration import menu

    for text in (
        "a: &a [*a]",
        "&a {b: *a}",
        "[" * 3000,
        "a: !!int x",
        "a: 0b_",
        "? [a]\n: b",
        "a: \x00",
    ):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(FDDError, match=r"x\.yaml"):
            menu.read_yaml(tmp_path / "x.yaml")
    doubling = "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10) if i else 'x'}]" for i in range(12))
    (tmp_path / "x.yaml").write_text(doubling)
    with pytest.raises(FDDError, match="too many values"):
        menu.read_yaml(tmp_path / "x.yaml")
