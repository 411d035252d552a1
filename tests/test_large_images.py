"""Images of 96, 128 and 224 pixels at the command line: read, audited, distilled, trained on."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fdd_lightning import SyntheticSet
from fdd_lightning.artefacts.experts import ExpertFolder
from fdd_lightning.datamodules import Folder
from fdd_lightning.networks import ConvNet
from fdd_lightning.runs.plan import Plan
from fdd_lightning.runs.recipe import read_recipe
from tests.tiny import QUIET, SELECT, write_recipe
from tests.written_rows import written_rows

SIZES = (96, 128, 224)
DEPTHS = {32: 3, 64: 3, 96: 4, 128: 5, 224: 5, 256: 6}
NARROW = {"surrogate.network.width": 4, "iterations": 1, "images_per_class": 1}
INNER = {"surrogate.inner": 1, "surrogate.images": 4, "surrogate.batch_size": 4, "sampler.batch_size": 2}
METHODS: dict[str, dict] = {
    "dm": {},
    "dm_recommended": {},
    "dc": {},
    "dsa": {},
    "idc": INNER,
    "dream": {**INNER, "initialiser.network.width": 4},
    "idm": {"surrogate.start": 1, "surrogate.trained": 1, "surrogate.steps": 1, "surrogate.batch_size": 4},
    "cafe": {"surrogate.patience": 1, "surrogate.probes": 1},
}


def drawn(kind, number):
    """Return one photograph that is larger than any of the sizes, in a mode that people have."""
    colours = np.random.default_rng(number).integers(0, 256, (230, 250, 3), dtype=np.uint8)
    image = Image.fromarray(colours)
    return image if kind == "RGB" else image.convert(kind)


@pytest.fixture
def photos(workdir, monkeypatch):
    """Six photographs of each of two classes, in three modes, some of them lying on their side."""
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))
    for c, name in enumerate(("cat", "dog")):
        Path("photos", name).mkdir(parents=True)
        for i in range(6):
            exif = Image.Exif()
            exif[0x0112] = 6 if i == 5 else 1
            image = drawn(("RGB", "L", "RGBA")[i % 3], 10 * c + i)
            image.save(f"photos/{name}/{i}.png", exif=exif)
    return Path("photos")


def folder(size):
    return ("--data=Folder", "--data.path=photos", f"--data.size={size}")


def options(**leaves):
    return [f"--model.{key}={value}" for key, value in leaves.items()]


def test_depth_follows_the_size():
    for size, depth in DEPTHS.items():
        network = ConvNet(2, (3, size, size), width=4)
        assert network.depth == depth
        assert size >> depth <= 8
    assert ConvNet(2, (3, 224, 224), width=4, depth=3).depth == 3
    assert ConvNet(2, (1, 28, 28), width=4).depth == 3


@pytest.mark.parametrize("size", SIZES)
def test_distil_and_train(photos, fdd, size):
    said = fdd("distill", "--config=method/dm", *options(**NARROW), *folder(size), *QUIET, "--output=set")
    assert said.code == 0, said.err
    made = SyntheticSet.load("set/synthetic.safetensors")
    assert tuple(made.images.shape) == (2, 3, size, size)
    settings = {"surrogate.network.width": 4, "iterations": 1, "path": "photos", "size": size}
    assert made.metadata["settings"] == {**settings, "surrogate.network.depth": DEPTHS[size]}
    wide = ("--model.network.width=4", "--model.count=1", "--model.epochs=1")
    said = fdd("eval", "--synthetic=set/synthetic.safetensors", "--data.path=photos", *wide, *QUIET, "--output=x")
    assert said.code == 0, said.err
    (row,) = written_rows("x/results.json")
    assert row["eval_settings"] == {"network.width": 4, "network.depth": DEPTHS[size], "epochs": 1}
    again = fdd("distill", "--config=method/dm", *options(**NARROW), *folder(size), *QUIET, "--output=set")
    assert again.out == "finished: distill in set\n"


@pytest.mark.parametrize("method", METHODS)
def test_every_method(photos, fdd, method):
    leaves = options(**NARROW, **METHODS[method])
    said = fdd("distill", f"--config=method/{method}", *leaves, *folder(96), *QUIET, "--output=x")
    assert said.code == 0, said.err
    made = SyntheticSet.load("x/synthetic.safetensors")
    assert tuple(made.images.shape[1:]) == (3, 96, 96)
    assert made.images.isfinite().all()
    # A factor of CAFE's distance belongs to each of three blocks.
    depth = made.metadata["config"]["init_args"]["surrogate"]["init_args"]["network"]["init_args"]["depth"]
    assert depth == (3 if method == "cafe" else 4)


def test_what_learns_on_large_images(photos, fdd, refused):
    said = fdd(
        "fit",
        "--config=encoder/supcon_small",
        "--model.network.width=4",
        "--model.hidden=8",
        "--model.steps=1",
        *folder(224),
        *QUIET,
        "--output=e",
    )
    assert said.code == 0, said.err
    kde = ("--model.weighting=KDE", "--encoder=e/encoder.safetensors")
    assert fdd(*SELECT, *kde, *folder(224), "--output=x").code == 0
    experts = ("fit", "--config=experts/mtt", *options(**{"network.width": 2, "count": 1, "epochs": 1}), *QUIET)
    assert fdd(*experts, *folder(128), "--output=m").code == 0
    assert ExpertFolder(Path("m")).header["network"]["init_args"]["depth"] == 5
    line = refused(*experts, "--model.zca=0.1", *folder(96), "--output=z")
    assert "whitening images of 96x96 pixels" in line
    assert "27,648 x 27,648" in line
    assert not Path("z").exists()


@pytest.mark.parametrize("network", ["resnet18", "vgg11", "alexnet", "lenet", "mlp"])
def test_other_networks_take_them_as_they_are(photos, fdd, network):
    assert fdd(*SELECT, *folder(128), "--output=set").code == 0
    width = ("--model.network.width=4",) if network == "resnet18" else ()
    small = (f"--model.network={network}", *width, "--model.count=1", "--model.epochs=1", *QUIET, "--output=x")
    said = fdd("eval", "--synthetic=set/synthetic.safetensors", "--data.path=photos", *small)
    assert said.code == 0, said.err


def test_what_cafe_cannot_compare_is_refused_at_once(photos, refused):
    cafe = ("distill", "--config=method/cafe", *folder(128), "--output=x")
    line = refused(*cafe, "--model.surrogate.network.depth=4")
    assert "LayeredSquared has 4 factors, the signal 5 layers" in line
    assert "distance.factors" in line
    assert "not of ResNet18: use ConvNet" in refused(*cafe, "--model.surrogate.network=resnet18")
    assert not Path("x").exists()
    assert not list(Path(".cache").glob("folder-*")), "before any image is read"


def test_modes_and_turns_of_large_images(photos):
    data = Folder(path="photos", size=224, test_share=0.2)
    data.setup()
    images = {name: data.index.splits[name] for name in ("train", "test")}
    seen = {path: data._sets[name].images[i] for name, files in images.items() for i, path in enumerate(files.files)}
    assert len(seen) == 12
    for path, image in seen.items():
        number = int(path.stem)
        if number % 3 == 1:
            assert bool((image[0] == image[1]).all()), "grey has three equal channels"
        if number == 5:  # turned to the right: what was at the bottom left is at the top left
            whole = drawn("RGB", number + (10 if path.parent.name == "dog" else 0)).transpose(
                Image.Transpose.ROTATE_270
            )
            corner = np.asarray(whole.crop((0, 10, 230, 240)).resize((224, 224), Image.Resampling.BILINEAR))
            assert np.abs(corner.transpose(2, 0, 1).astype(int) - np.asarray(image).astype(int)).max() <= 2


def test_rows_of_a_run_are_those_that_were_planned(photos, fdd):
    write_recipe(
        Path("r.yaml"),
        data={"name": "folder", "path": "photos", "size": 128},
        fit=None,
        distill={"iterations": 1, "surrogate.network.width": 4},
        eval={"count": 1, "epochs": 1, "networks": [{"name": "convnet", "width": 4}]},
    )
    said = fdd("run", "r.yaml", "--plan=plan.json")
    assert said.code == 0, said.err
    (row,), (planned,) = written_rows("runs/tiny/results.json"), json.loads(Path("plan.json").read_text())
    assert planned == {key: row[key] for key in planned}
    assert row["settings"]["surrogate.network.depth"] == row["eval_settings"]["network.depth"] == 5


def test_naming_the_depth_that_small_images_have_anyway_is_the_same_work(workdir):
    def plan(**distill):
        leaves = {"iterations": 2, **distill}
        (row,) = Plan(read_recipe(write_recipe(workdir / "r.yaml", distill=leaves)), workdir).rows
        return row.identity, [stage.fingerprint for stage in row.stages()]

    assert plan() == plan(**{"surrogate.network.depth": 3})
    assert plan() != plan(**{"surrogate.network.depth": 2})
