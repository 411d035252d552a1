"""Sets for others: folders and Parquet that Hugging Face `datasets` loads, and the data card."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn import functional as F
from torchvision.datasets import ImageFolder

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.exports import folder_names
from fdd_lightning.report.data_card import data_card, licence_id
from tests.tiny import EVAL, SELECT

FACTS = {"class_names": ["dog", "cat", "a/b"], "image_shape": [3, 8, 8], "mean": [0.4] * 3, "std": [0.3] * 3}
FORMATS = ("folder", "parquet")


def a_set(names=FACTS["class_names"], **facts):
    draw = torch.Generator().manual_seed(0)
    images = (torch.rand(6, 3, 8, 8, generator=draw) * 1.2 - 0.1 - 0.4) / 0.3
    return SyntheticSet(images, torch.arange(3).repeat_interleave(2), {**FACTS, "class_names": names, **facts})


def loaded(folder, monkeypatch, tmp_path):
    """Load an export as anybody would, without network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "hf"))


def trained(pixels, labels):
    """Train a linear network for a few steps; return the first and the last loss."""
    torch.manual_seed(0)
    network = torch.nn.Linear(pixels[0].numel(), 3)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(pixels.flatten(1)), labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses[0], losses[-1]


@pytest.mark.parametrize("layout", FORMATS)
def test_datasets_loads_and_trains(workdir, fdd, monkeypatch, tmp_path, layout):
    made = a_set(dataset="x", method="dm", weighting="kde")
    made.save("x/synthetic.safetensors")
    said = fdd("export", "x", "--output=out", f"--format={layout}")
    assert said.code == 0, said.err
    data = loaded("out", monkeypatch, tmp_path)
    pixels = torch.stack([torch.tensor(list(image.get_flattened_data())).view(8, 8, 3) for image in data["image"]])
    pixels, labels = pixels.permute(0, 3, 1, 2) / 255, torch.tensor(data["label"])
    assert labels.equal(made.labels)
    assert (pixels - made.tensors(clamp=True)[0]).abs().max() <= 0.5 / 255 + 1e-6
    if layout == "parquet":
        assert data.features["label"].names == ["dog", "cat", "a/b"]
    else:
        assert data["class"][:] == [made.class_names[c] for c in labels]
    first, last = trained(pixels, labels)
    assert last < first
    card = Path("out/README.md").read_text()
    assert yaml.safe_load(card.split("---\n")[1])["configs"][0]["data_files"][0]["split"] == "train"
    _, cut = made.in_bytes()
    assert cut > 0
    assert f"{cut:,} of {made.images.numel():,} values" in card
    assert f"{cut:,} of" in said.out
    assert SyntheticSet.load("out/synthetic.safetensors").images.equal(made.images)
    assert not list(workdir.glob(".*"))


def test_torchvision_loads_the_same_numbers(tmp_path):
    made = a_set()
    folder = made.to_folder(tmp_path / "out")
    labels = [label for _, label in ImageFolder(str(folder / "train"))]
    assert labels == made.labels.tolist()
    rows = [json.loads(line) for line in (folder / "train/metadata.jsonl").read_text().splitlines()]
    assert rows[0] == {"file_name": "0_dog/0.png", "label": 0, "class": "dog"}


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["a", "b"], ["a", "b"]),
        (["b", "a"], ["0_b", "1_a"]),
        (["..", "../../etc/x"], ["0", "1__.._etc_x"]),
        (["", " "], ["0", "1"]),
        (["a", "A"], ["0_a", "1_A"]),
        (["aux", "b"], ["0_aux", "1_b"]),
        (["/", "x" * 300], ["0__", "1_" + "x" * 80]),
        ([str(n) for n in range(11)], [f"{n:02d}_{n}" for n in range(11)]),
    ],
)
def test_names_of_folders(names, folders):
    assert folder_names(names) == folders
    assert sorted(folders) == folders


def test_hostile_names(workdir, fdd):
    made = a_set(["..", "<img src=x>|`", "/etc"], dataset="x\nlicense: mit", method="](http://x)", licence="---\nx: 1")
    made.save("x/synthetic.safetensors")
    assert fdd("export", "x", "--output=out").code == 0
    assert {path.parent for path in Path("out").rglob("*.png")} == {
        Path("out"), Path("out/train/0"), Path("out/train/1__img src_x___"), Path("out/train/2__etc")
    }  # fmt: skip
    front, text = Path("out/README.md").read_text().split("---\n", 2)[1:]
    assert yaml.safe_load(front)["license"] == "other"
    assert "<img" not in text
    assert "\\](http" in text


def test_the_card_holds_what_was_measured(workdir, fdd, refused):
    for seed in "01":
        said = fdd(*SELECT, "--data=ColoredDigits", f"--model.seed={seed}", f"--output={seed}")
        assert said.code == 0, said.err
    assert fdd(*EVAL, "--synthetic=0/synthetic.safetensors", "--output=0/eval").code == 0
    said = fdd("card", "0/synthetic.safetensors")
    assert said.out == "card: 0/README.md (bias of 1 evaluation)\n", said.err
    card = Path("0/README.md").read_text()
    assert yaml.safe_load(card.split("---\n")[1]) == {
        "license": "cc-by-4.0",
        "pretty_name": "colored_digits in 10 images, by random",
        "task_categories": ["image-classification"],
        "size_categories": ["n<1K"],
        "tags": ["dataset-distillation", "dataset-condensation", "synthetic", "fairness", "bias"],
        "viewer": False,
    }
    for words in ("| convnet | erm, ", "network.width=4", "| conflict |", "CC BY 4.0", "random", "synthetic.png"):
        assert words in card
    assert "README.md is there already" in refused("card", "0")
    assert fdd("card", "1", "--output=other.md").out == "card: other.md (nothing measured yet: fdd eval)\n"
    assert "Not measured yet" in Path("other.md").read_text()
    assert "none of its rows was measured on" in refused("card", "1", "--results=0/eval")
    assert not Path("1/README.md").exists()


def test_refused(workdir, fdd, refused):
    a_set().save("x/synthetic.safetensors")
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    Path("broken.safetensors").write_bytes(b"xx")
    before = sorted(workdir.rglob("*"))
    assert "full holds something already" in refused("export", "x", "--output=full")
    assert "'nowhere' is no synthetic set" in refused("export", "nowhere", "--output=y")
    assert "'' is no synthetic set" in refused("card", "")
    assert "broken.safetensors is empty or cut short" in refused("export", "broken.safetensors", "--output=y")
    assert "invalid choice: 'zip'" in refused("export", "x", "--output=y", "--format=zip")
    assert "is read here" in refused("export", "x", "--output=x")
    assert "mine.txt is not valid JSON" in refused("card", "x", "--results=full/mine.txt")
    assert "do not exist" in refused("export", "x", "--output=y", "--results=full")
    five = SyntheticSet(
        torch.zeros(1, 5, 8, 8),
        torch.zeros(1),
        {"class_names": ["a"], "image_shape": [5, 8, 8], "mean": [0.0] * 5, "std": [1.0] * 5},
    )
    five.save("five.safetensors")
    assert "images of 5 channels are no PNGs" in refused("export", "five.safetensors", "--output=y")
    Path("five.safetensors").unlink()
    Path("five.png").unlink()
    assert sorted(workdir.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Fashion-MNIST (Xiao et al., 2017): MIT", "mit"),
        ("Fashion-MNIST: MIT; backgrounds of your own folder of scenes", "other"),
        ("faces of FFHQ: non-commercial, CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("a folder of images of the user's own; no licence was stated", "unknown"),
    ],
)
def test_licences(text, name):
    assert licence_id(text) == name


def test_a_card_of_a_set_without_group_labels():
    card = data_card(a_set(group_names=["all"]))
    assert "| its groups (protected attribute) | none labelled |" in card
    assert "The groups looked at" not in card
    assert "No groups were labelled, so bias" in card


def test_a_card_of_a_set_that_says_nothing():
    assert "Not measured yet" in data_card(a_set())
