import hashlib
import json
import subprocess
import sys

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import fdd_lightning
from fdd_lightning import SyntheticSet
from fdd_lightning.errors import DatasetNotFoundError, FDDError, FileFormatError
from fdd_lightning.pictures.layout import GAP, magnification
from fdd_lightning.pictures.synthetic_sets import class_panel

MEAN, STD = [0.1, 0.2, 0.3], [0.5, 0.25, 2.0]


def metadata(**changes):
    return {
        "dataset": "colored_digits",
        "class_names": ["zero", "one", "two"],
        "group_names": ["red", "green"],
        "image_shape": [3, 4, 5],
        "mean": MEAN,
        "std": STD,
        "value_range": [0.0, 1.0],
        "method": "dm",
        "weighting": "fairdd",
        "ipc": 2,
        "conflict_ratio": 0.1,
        "distill_seed": 0,
        "settings": {"lr_images": 10.0},
        **changes,
    }


def make(seed=0, parameters=None, **changes):
    images = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(seed))
    return SyntheticSet(images, torch.arange(3).repeat_interleave(2), metadata(**changes), parameters)


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    assert isinstance(error.value, FDDError)
    return text


def test_round_trip(tmp_path):
    made = make(parameters={"low": torch.ones(2, 3)})
    path = made.save(tmp_path / "deep" / "synthetic.safetensors")
    read = SyntheticSet.load(path)
    assert torch.equal(read.images, made.images)
    assert torch.equal(read.labels, made.labels)
    assert read.metadata == made.metadata
    assert read.metadata["format"] == 1
    assert read.parameters is not None
    assert torch.equal(read.parameters["low"], torch.ones(2, 3))
    assert make().parameters is None
    assert (len(read), read.num_classes, read.class_names) == (6, 3, ["zero", "one", "two"])
    assert "fairdd" in repr(read)


def test_equal_content_gives_equal_bytes(tmp_path):
    def digest(name, made):
        return hashlib.sha256(made.save(tmp_path / name / "synthetic.safetensors").read_bytes()).hexdigest()

    first = digest("a", make(parameters={"y": torch.ones(1), "x": torch.zeros(2)}))
    shuffled = dict(reversed(metadata().items()))
    again = SyntheticSet(make().images, make().labels, shuffled, {"x": torch.zeros(2), "y": torch.ones(1)})
    assert digest("b", again) == first
    assert digest("c", SyntheticSet.load(tmp_path / "a" / "synthetic.safetensors")) == first
    assert digest("d", make(seed=1)) != first
    assert digest("e", make(distill_seed=1)) != first
    # ... and in another process, with another order of hashing.
    code = (
        "import sys; from fdd_lightning import SyntheticSet as S; s = S.load(sys.argv[1]);"
        "S(s.images, s.labels, s.metadata, s.parameters).save(sys.argv[2])"
    )
    target = tmp_path / "f" / "synthetic.safetensors"
    subprocess.run([sys.executable, "-c", code, tmp_path / "a" / "synthetic.safetensors", target], check=True)
    assert hashlib.sha256(target.read_bytes()).hexdigest() == first


def test_nothing_else_is_left_behind(tmp_path):
    make().save(tmp_path / "synthetic.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["synthetic.png", "synthetic.safetensors"]


def test_plain_torch_and_safetensors_are_enough(tmp_path):
    path = make().save(tmp_path / "synthetic.safetensors")
    tensors = load_file(path)
    assert set(tensors) == {"images", "labels"}
    assert torch.equal(tensors["images"], make().images)
    assert tensors["labels"].dtype == torch.int64


def test_tensors_against_a_loop():
    made = make()
    pixels, labels = made.tensors()
    shown, _ = made.tensors(clamp=True)
    normalised, _ = made.tensors(normalised=True)
    both, _ = made.tensors(normalised=True, clamp=True)
    assert labels.dtype == torch.int64
    assert pixels.min() < 0
    assert pixels.max() > 1
    for n in range(6):
        for c in range(3):
            for y in range(4):
                for x in range(5):
                    value = made.images[n, c, y, x].item()
                    pixel = value * STD[c] + MEAN[c]
                    cut = min(1.0, max(0.0, pixel))
                    assert pixels[n, c, y, x].item() == pytest.approx(pixel, abs=1e-6)
                    assert shown[n, c, y, x].item() == pytest.approx(cut, abs=1e-6)
                    assert normalised[n, c, y, x].item() == value
                    assert both[n, c, y, x].item() == pytest.approx((cut - MEAN[c]) / STD[c], abs=1e-6)


def test_tensors_are_copies():
    made = make()
    for normalised in (False, True):
        images, labels = made.tensors(normalised=normalised)
        images.zero_()
        labels.zero_()
    assert torch.equal(made.images, make().images)
    assert torch.equal(made.labels, make().labels)


def test_iterates_and_indexes_like_a_dataset():
    made = make()
    pixels, labels = made.tensors()
    pairs = list(made)
    assert len(pairs) == 6
    for n, (image, label) in enumerate(pairs):
        assert torch.equal(image, pixels[n])
        assert label == labels[n]
    batch, targets = next(iter(torch.utils.data.DataLoader(made, batch_size=4)))
    assert torch.equal(batch, pixels[:4])
    assert torch.equal(targets, labels[:4])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class_names": ["zero", "one"]}, "label 2 outside the 2 classes"),
        ({"image_shape": [3, 4, 4]}, "images of shape"),
        ({"mean": [0.5]}, "mean [0.5]"),
        ({"std": [1.0, 0.0, 1.0]}, "positive"),
        ({"std": [1.0, "x", 1.0]}, "std"),
        ({"value_range": [1.0, 0.0]}, "value_range"),
        ({"class_names": None}, "'class_names'"),
    ],
)
def test_check_refuses_contradicting_metadata(change, words, tmp_path):
    made = make(**change)
    with pytest.raises(FileFormatError) as error:
        made.check("here")
    assert words in one_line(error)
    assert one_line(error).startswith("here: ")
    with pytest.raises(FileFormatError):
        made.save(tmp_path / "synthetic.safetensors")
    assert not list(tmp_path.iterdir())


def test_check_refuses_bad_tensors():
    good = make()
    bad = good.images.clone()
    bad[0, 0, 0, 0] = float("nan")
    bad[1, 0, 0, 0] = float("inf")
    cases = {
        "2 pixels are not finite": SyntheticSet(bad, good.labels, metadata()),
        "labels of shape [5]": SyntheticSet(good.images, good.labels[:5], metadata()),
        "no images": SyntheticSet(good.images[:0], good.labels[:0], metadata()),
        "label -1 outside": SyntheticSet(good.images, good.labels - 1, metadata()),
        "images of shape [3, 4, 5]": SyntheticSet(good.images[0], good.labels, metadata()),
    }
    for words, made in cases.items():
        with pytest.raises(FileFormatError) as error:
            made.check()
        assert words in one_line(error)


def test_metadata_must_be_json():
    with pytest.raises(TypeError):
        make(config=object())
    with pytest.raises(ValueError, match="JSON"):
        make(config=float("nan"))


def load_error(path):
    with pytest.raises(FileFormatError) as error:
        SyntheticSet.load(path)
    text = one_line(error)
    assert str(path) in text
    return text


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_called_so(share, tmp_path):
    path = make().save(tmp_path / "synthetic.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "cut short" in load_error(path)


def test_other_files_are_told_apart(tmp_path):
    path = tmp_path / "synthetic.safetensors"
    torch.save({"images": torch.zeros(3)}, path)
    assert "is not a safetensors file" in load_error(path)
    path.write_text("hello, I am text and long enough")
    assert "is not a safetensors file" in load_error(path)
    save_file({"weight": torch.zeros(3)}, path, {"fdd": json.dumps({"kind": "encoder"})})
    assert "not a synthetic set" in load_error(path)
    save_file({"images": torch.zeros(3)}, path, {"fdd": json.dumps({"format": 1})})
    assert "lacks tensor 'labels'" in load_error(path)
    save_file({"images": torch.zeros(3), "labels": torch.zeros(3)}, path)
    assert "no metadata entry" in load_error(path)
    made = make()
    tensors = {"images": made.images, "labels": made.labels}
    save_file(tensors, path, {"fdd": json.dumps({**metadata(), "format": 2})})
    assert "format version 2" in load_error(path)
    save_file(tensors, path, {"fdd": "[1]"})
    assert "JSON object" in load_error(path)
    save_file(tensors, path, {"fdd": "{"})
    assert "JSON object" in load_error(path)
    save_file({**tensors, "labels": made.labels.float()}, path, {"fdd": json.dumps({**metadata(), "format": 1})})
    assert "labels integers" in load_error(path)
    save_file(tensors, path, {"fdd": json.dumps({**metadata(class_names=["a"]), "format": 1})})
    assert "outside the 1 classes" in load_error(path)
    path.write_bytes(path.read_bytes() + b"more")
    assert "damaged" in load_error(path)


def test_missing_file_and_folder(tmp_path):
    for path, words in ((tmp_path / "none.safetensors", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(DatasetNotFoundError) as error:
            SyntheticSet.load(path)
        assert words in one_line(error)
        assert isinstance(error.value, FileNotFoundError)


def test_grid_shows_every_image_enlarged(tmp_path):
    made = make()
    made.save(tmp_path / "synthetic.safetensors")
    picture = Image.open(tmp_path / "synthetic.png")
    scale = magnification(4, 5)
    assert scale == 10
    assert picture.size[1] == 3 * (4 * scale + GAP) - GAP + 8 * GAP
    images, labels = made.shown()
    tiles = class_panel(images, labels, made.class_names)
    shown = (made.tensors(clamp=True)[0] * 255).round().to(torch.uint8)
    for n in range(6):
        y, x = n // 2 * (4 * scale + GAP), n % 2 * (5 * scale + GAP)
        for c in range(3):
            assert tiles.pixels[y + scale, x + 2 * scale, c] == shown[n, c, 1, 2]
            assert tiles.pixels[y + 2 * scale - 1, x + 3 * scale - 1, c] == shown[n, c, 1, 2]


def test_tiles_wrap_and_leave_rows_for_empty_classes():
    images, labels = torch.zeros(7, 1, 2, 2), torch.tensor([0] * 5 + [2] * 2)
    tiles = class_panel(images, labels, ["a", "b", "c"], columns=3, scale=1)
    step, apart = 2 + GAP, 3 * GAP
    assert tiles.pixels.shape == (4 * step - GAP + 2 * apart, 3 * step - GAP, 3)
    heights = [height for _, height in tiles.names]
    assert heights == [step - GAP / 2, 2 * step + apart + 1, 3 * step + 2 * apart + 1]
    assert (tiles.pixels[2 * step + apart : 2 * step + apart + 2] == 255).all()
    cut = class_panel(images, labels, ["a", "b", "c"], columns=3, scale=1, most=2)
    assert cut.pixels.shape == (3 * step - GAP, 2 * step - GAP, 3)


def test_grid_copes_with_channels_names_and_ranges():
    for channels in (1, 2, 4):
        labels = torch.tensor([0, 1])
        facts = metadata(
            class_names=["a very long name " * 10, "ü"],
            image_shape=[channels, 40, 40],
            mean=[0.5] * channels,
            std=[0.5] * channels,
            value_range=[-1, 3],
        )
        made = SyntheticSet(torch.zeros(2, channels, 40, 40), labels, facts)
        picture = made.grid()
        assert picture.size[0] < 400
        assert picture.getpixel((picture.size[0] - 20, 20)) == (96, 96, 96)  # 0.5 in -1..3
    assert made._repr_png_().startswith(b"\x89PNG")


def test_import_is_cheap_and_lazy():
    code = (
        "import sys, fdd_lightning; assert 'torch' not in sys.modules, 'torch';"
        "fdd_lightning.SyntheticSet; assert 'safetensors' in sys.modules;"
        "assert not {'lightning', 'pytorch_lightning', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert fdd_lightning.__version__
    assert "SyntheticSet" in dir(fdd_lightning)
    with pytest.raises(AttributeError):
        fdd_lightning.nothing  # noqa: B018


SMALL = {"class_names": ["a", "b", "c"], "image_shape": [1, 2, 2], "mean": [0.0], "std": [1.0]}


def learned_with(**parameters):
    return SyntheticSet(torch.zeros(2, 1, 2, 2), torch.tensor([0, 1]), SMALL, parameters)


def test_nothing_comes_with_most_sets():
    for synthetic in (learned_with(), learned_with(stored=torch.zeros(1, 1, 4, 4))):
        assert (synthetic.lr, synthetic.soft_labels, synthetic.learned) == (None, None, ())


def test_step_size_and_soft_labels(tmp_path):
    soft = torch.tensor([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]])
    learned_with(lr=torch.tensor(0.03), soft_labels=soft).save(tmp_path / "x.safetensors")
    loaded = SyntheticSet.load(tmp_path / "x.safetensors")
    assert loaded.lr == pytest.approx(0.03)
    assert loaded.soft_labels is not None
    assert torch.equal(loaded.soft_labels, soft)
    assert loaded.learned == ("lr", "soft_labels")


@pytest.mark.parametrize("lr", [torch.tensor(0.0), torch.tensor(-1.0), torch.tensor(float("nan")), torch.ones(2)])
def test_step_sizes_that_are_none(lr):
    with pytest.raises(FileFormatError, match="step size learned with the synthetic set is"):
        assert learned_with(lr=lr).lr


@pytest.mark.parametrize(
    "soft", [torch.ones(2, 2) / 2, torch.ones(3, 3) / 3, torch.ones(2, 3), torch.tensor([[2.0, -1.0, 0.0]] * 2)]
)
def test_labels_that_are_no_distributions(soft):
    with pytest.raises(FileFormatError, match="one distribution over 3 classes for each of 2 images"):
        assert learned_with(soft_labels=soft).soft_labels
