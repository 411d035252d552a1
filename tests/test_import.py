"""Other people's sets at the command line: each layout, its normalisation, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from fdd_lightning import SyntheticSet
from fdd_lightning.datamodules import ColoredDigits
from fdd_lightning.datasets.whitening import ZCA
from fdd_lightning.imports import import_set
from tests.tiny import EVAL
from tests.written_rows import written_rows

LABELS = torch.arange(10).repeat_interleave(2)
PIXELS = torch.rand(20, 3, 16, 16, generator=torch.Generator().manual_seed(0))
PIXELS[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
NORMALISED = (PIXELS - 0.5) / 0.5
BYTES = (PIXELS * 255).round().byte()
SCORES = {"ConvNet": [np.float64(50.2), np.float32(3), np.int64(4)]}
"""As the reference scripts put accuracies into their files."""


class Anything:
    """What no file may bring to life."""


def write_folder(path, names=None, pixels=BYTES):
    for number, image in enumerate(pixels):
        file = Path(path) / (names or [str(c) for c in range(10)])[LABELS[number]] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(file)


def write_mtt(path, images=NORMALISED, labels=LABELS):
    Path(path).mkdir()
    torch.save(images, f"{path}/images_best.pt")
    torch.save(labels, f"{path}/labels_best.pt")


LAYOUTS = {
    "res_DM_x.pt": lambda path: torch.save({"data": [[NORMALISED, LABELS]], "accs_all_exps": SCORES}, path),
    "old.pt": lambda path: torch.save({"data": [[PIXELS, LABELS]]}, path, _use_new_zipfile_serialization=False),
    "data.pt": lambda path: torch.save([PIXELS, LABELS], path),
    "mtt": write_mtt,
    "bytes.npz": lambda path: np.savez_compressed(path, x=BYTES.permute(0, 2, 3, 1).numpy(), y=LABELS[:, None].numpy()),
    "floats.npz": lambda path: np.savez(path, images=PIXELS.numpy() * 255, labels=np.eye(10)[LABELS]),
    "plain.safetensors": lambda path: save_file({"images": NORMALISED, "labels": LABELS}, path),
    "photos": write_folder,
    "shared/train": write_folder,
    "numbered": lambda path: write_folder(path, [f"{c}" for c in range(10)]),
}
IMPORT = ("--data=colored_digits", "--output=x")


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(workdir, fdd, name):
    LAYOUTS[name](name)
    said = fdd("import", name.partition("/")[0], *IMPORT)
    assert said.code == 0, said.err
    assert "20 images, 2 of each of 10 classes\n" in said.out
    assert "\nvalues: " in said.out
    assert ("--factor 2" in said.out) == (name == "data.pt")
    made = SyntheticSet.load("x/synthetic.safetensors")
    pixels, labels = made.tensors()
    stored_as_bytes = name in ("photos", "shared/train", "numbered", "bytes.npz")
    order = labels.argsort(stable=True)
    assert labels[order].equal(LABELS)
    assert (pixels[order] - PIXELS).abs().max() <= (0.5 / 255 if stored_as_bytes else 0) + 1e-6
    assert made.metadata["dataset"] == "colored_digits"
    assert (made.metadata["method"], made.metadata["ipc"]) == ("imported", 2)
    read = made.metadata["imported"]["files"][0]["name"]
    assert read == ("images_best.pt" if name == "mtt" else name.partition("/")[0])
    assert len(made.metadata["imported"]["files"][0]["sha256"]) == 64
    assert Path("x/synthetic.png").is_file()


def test_as_it_is_to_the_bit_and_measured(workdir, fdd):
    LAYOUTS["res_DM_x.pt"]("res_DM_x.pt")
    assert fdd("import", "res_DM_x.pt", *IMPORT, "--method=dm", "--weighting=fairdd").code == 0
    assert SyntheticSet.load("x/synthetic.safetensors").images.equal(NORMALISED)
    said = fdd(*EVAL, "--synthetic=x/synthetic.safetensors", "--output=y")
    assert said.code == 0, said.err
    (row,) = written_rows("y/results.json")
    assert (row["dataset"], row["method"], row["weighting"], row["ipc"]) == ("colored_digits", "dm", "fairdd", 2)
    assert row["settings"] == {"set": SyntheticSet.load("x/synthetic.safetensors").digest}
    assert "changed images" not in row.get("warnings", [])


def test_one_of_several_experiments(workdir, fdd, refused):
    torch.save({"data": [[NORMALISED, LABELS], [-NORMALISED, LABELS]]}, "res.pt")
    said = fdd("import", "res.pt", *IMPORT)
    assert "experiment 0 is taken, of 2, counted from 0 (another by --index)" in said.out
    assert fdd("import", "res.pt", "--data=colored_digits", "--output=y", "--index=1").code == 0
    assert SyntheticSet.load("y/synthetic.safetensors").images.equal(-NORMALISED)
    line = refused("import", "res.pt", "--data=colored_digits", "--output=z", "--index=2")
    assert line == "--index 2: res.pt holds 2 experiments: count from 0 to 1"


@pytest.mark.parametrize(
    ("values", "said", "words"),
    [
        (NORMALISED * 1.4, None, "normalised as the data set is"),
        (PIXELS * 1.05, None, "pixels on the scale 0 to 1"),
        (PIXELS * 255, None, "bytes, 0 to 255"),
        (PIXELS * 255, "bytes", "bytes, 0 to 255, as said"),
        ((PIXELS - 0.2) / 0.4, "0.2/0.4", "normalised by mean 0.2, 0.2, 0.2; std 0.4, 0.4, 0.4, as said"),
        ((PIXELS - 0.2) / 0.4, "0.2,0.2,0.2/0.4,0.4,0.4", "normalised by mean"),
        (PIXELS, "raw", "pixels on the scale 0 to 1, as said"),
        (NORMALISED, "data", "normalised as the data set is"),
    ],
)
def test_normalisations(workdir, values, said, words):
    torch.save([values, LABELS], "data.pt")
    found = import_set("data.pt", ColoredDigits(), normalisation=said)
    assert any(words in line for line in found.lines), found.lines
    if said is not None:
        assert torch.allclose(found.synthetic.tensors()[0], PIXELS, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "said", "words"),
    [
        (PIXELS * 1.3 - 0.1, None, "does not tell their normalisation: say it by --normalisation"),
        (NORMALISED * 30, None, "does not tell their normalisation"),
        (PIXELS, "imagenet", "--normalisation imagenet: is none"),
        (PIXELS, "0.5,0.5/1,1", "needs one mean and one deviation above 0 for each of 3 channels"),
        (PIXELS, "0.5/0", "above 0"),
        (PIXELS, "nan/1", "above 0"),
    ],
)
def test_normalisations_that_nobody_can_tell(workdir, refused, values, said, words):
    torch.save([values, LABELS], "data.pt")
    options = [] if said is None else [f"--normalisation={said}"]
    assert words in refused("import", "data.pt", *IMPORT, *options)
    assert not Path("x").exists()


def test_whitened_images_are_restored(workdir):
    data = ColoredDigits()
    data.setup()
    real = data.train.batch(torch.cat([(data.train.targets == c).nonzero()[0] for c in range(10)]))["image"]
    write_mtt("mtt", ZCA.fit(data.train).to(torch.device("cpu")).whiten(real), torch.arange(10))
    made = import_set("mtt", data, normalisation="zca").synthetic
    assert torch.allclose(made.images, real, atol=1e-3)
    assert made.metadata["zca"] == 0.1
    assert made.metadata["data_fingerprint"] == data.fingerprint


def test_several_in_one_and_soft_labels(workdir, fdd):
    torch.save([PIXELS, LABELS], "data.pt")
    assert fdd("import", "data.pt", *IMPORT, "--factor=2").code == 0
    made = SyntheticSet.load("x/synthetic.safetensors")
    assert len(made) == 80
    assert made.labels.equal(LABELS.repeat_interleave(4))
    assert (made.metadata["ipc"], made.metadata["parameterisation"]) == (2, "multi_formation")
    assert made.parameters is not None
    assert torch.allclose(made.parameters["stored"], PIXELS, atol=1e-6)
    soft = torch.full((20, 10), 0.05).scatter(1, LABELS[:, None], 0.55)
    write_mtt("mtt", labels=soft)
    made = import_set("mtt", ColoredDigits()).synthetic
    assert made.labels.equal(LABELS)
    assert made.soft_labels is not None
    assert made.soft_labels.equal(soft)


def write_one_small(path):
    write_folder(path)
    Image.new("RGB", (8, 8)).save(f"{path}/3/z.png")


def not_finite():
    images = NORMALISED.clone()
    images[3, 0, 0, 0] = float("nan")
    return images


BAD = {
    "code.pt": (lambda path: torch.save({"data": Anything()}, path), "tests.test_import.Anything, which only the code"),
    "cut.pt": (lambda path: cut(LAYOUTS["data.pt"], path), "is cut short, damaged, or a pickle of no tensors"),
    "cut.npz": (lambda path: cut(LAYOUTS["bytes.npz"], path), "is cut short, damaged"),
    "empty.pt": (lambda path: Path(path).write_bytes(b""), "is empty"),
    "text.txt": (lambda path: Path(path).write_text("words and words"), "is of no format that is known: name one of: "),
    "net.pt": (lambda path: torch.save({"net": {"w": PIXELS}}, path), "holds no images with labels, but net"),
    "alone.pt": (lambda path: torch.save(PIXELS, path), "holds a tensor of shape [20, 3, 16, 16] alone"),
    "images_1.pt": (lambda path: torch.save(PIXELS, path), "put their labels beside it, as labels_1.pt"),
    "list.pt": (lambda path: torch.save({"data": [PIXELS]}, path), "its `data` is no list of images and labels"),
    "none.pt": (lambda path: torch.save({"data": []}, path), "its `data` is no list of images and labels"),
    "nan.pt": (lambda path: torch.save([not_finite(), LABELS], path), "image is not finite (1 of 15360 numbers"),
    "large.pt": (
        lambda path: torch.save([torch.rand(20, 3, 8, 8), LABELS], path),
        "are 3x8x8, those of colored_digits",
    ),
    "more.pt": (lambda path: torch.save([PIXELS, LABELS + 1], path), "has label 10, colored_digits only 10 classes"),
    "few.pt": (lambda path: torch.save([PIXELS[:18], LABELS[:18]], path), "has no image of 9 of the 10 classes"),
    "half.pt": (lambda path: torch.save([PIXELS, LABELS + 0.5], path), "its labels are no whole numbers"),
    "uneven.pt": (lambda path: torch.save([PIXELS, LABELS[1:]], path), "20 images and labels of shape [19]"),
    "soft.pt": (lambda path: torch.save([PIXELS, PIXELS[:, 0, :10, 0]], path), "are no distributions"),
    "wide.pt": (
        lambda path: torch.save([torch.zeros(1).expand(10**6, 3, 16, 16), LABELS], path),
        "no plain tensor of numbers",
    ),
    "sparse.pt": (lambda path: torch.save([PIXELS.to_sparse(), LABELS], path), "no plain tensor of numbers"),
    "sizes": (write_one_small, "has 8x8 pixels, the first one 16x16"),
    "pets": (lambda path: write_folder(path, [f"pet{c}" for c in range(10)]), "no class of colored_digits"),
    "hollow": (lambda path: Path(path).mkdir(), "hollow is of no format that is known"),
    "ours.safetensors": (
        lambda path: save_file({"images": PIXELS, "labels": LABELS}, path, {"fdd": json.dumps({"format": 1})}),
        "is a file of fdd's own: fdd eval --synthetic takes sets as they are",
    ),
}


def cut(write, path):
    write(path)
    Path(path).write_bytes(Path(path).read_bytes()[:-900])


@pytest.mark.parametrize("name", BAD)
def test_refused(workdir, refused, name):
    write, words = BAD[name]
    write(name)
    assert words in refused("import", name, *IMPORT)
    assert not Path("x").exists()


def test_refused_options(workdir, refused):
    torch.save([PIXELS, LABELS], "data.pt")
    assert "the following arguments are required: --data" in refused("import", "data.pt", "--output=x")
    assert "'nowhere.pt' does not exist" in refused("import", "nowhere.pt", *IMPORT)
    assert "data set 'nope'" in refused("import", "data.pt", "--data=nope", "--output=x")
    assert "no such argument" in refused("import", "data.pt", *IMPORT, "--data.nope=3")
    assert "is no name" in refused("import", "data.pt", *IMPORT, "--method=a\x1b[2J")
    assert "factor" in refused("import", "data.pt", *IMPORT, "--factor=0")
    assert "class path 'nope.Nope' cannot be imported" in refused("import", "data.pt", *IMPORT, "--format=nope.Nope")
    assert "is no SetFormat" in refused("import", "data.pt", *IMPORT, "--format=torch.nn.Linear")
    assert "is a file: name a folder" in refused("import", "data.pt", "--data=colored_digits", "--output=data.pt")
    assert not Path("x").exists()
    Path("x").mkdir()
    Path("x/synthetic.safetensors").write_text("mine")
    assert "holds a synthetic.safetensors already" in refused("import", "data.pt", *IMPORT)
    assert Path("x/synthetic.safetensors").read_text() == "mine"


OWN = Path(__file__).parent / "extending" / "own" / "my_set_format.py"


def test_a_format_of_ones_own_is_one_class(workdir, fdd, refused):
    shutil.copy(OWN, "my_set_format.py")
    Path("set.lines").write_text("\n".join(str(c / 9) for c in range(10)))
    assert "no format that is known" in refused("import", "set.lines", *IMPORT)
    said = fdd("import", "set.lines", *IMPORT, "--format=my_set_format.Lines")
    assert said.code == 0, said.err
    assert "read as lines: 10 images" in said.out
    assert SyntheticSet.load("x/synthetic.safetensors").tensors()[0][9].unique().tolist() == [1.0]
