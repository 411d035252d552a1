"""What is done to images, whatever set they are of."""

import io
import struct
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, features

from fdd_lightning.datasets.image_decoding import UnreadableImageError, read_image, suffixes
from fdd_lightning.datasets.image_files import image_files, read_images, resized, told_left_out, unreadable
from fdd_lightning.errors import FileFormatError
from tests.fakes_natural import cut_short, write_picture

AVIF = pytest.param("avif", marks=pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF"))
COLOURS = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)


def pixels(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the library's are kept away
        return np.asarray(read_image(path))


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Colour a / 255 of the way from white, pixel by pixel."""
    out = np.zeros((*rgba.shape[:2], 3))
    for y in range(rgba.shape[0]):
        for x in range(rgba.shape[1]):
            share = rgba[y, x, 3] / 255
            out[y, x] = share * rgba[y, x, :3] + (1 - share) * 255
    return out


def layered() -> Image.Image:
    alpha = np.arange(80, dtype=np.uint8).reshape(8, 10) * 3
    alpha[0], alpha[1] = 0, 255
    return Image.fromarray(np.dstack([COLOURS, alpha]))


# Transparency.


@pytest.mark.parametrize("ending", ["png", "webp", "tif", "tga", "ico", AVIF])
def test_transparent_images_lie_on_white(tmp_path, ending):
    options: dict[str, dict[str, Any]] = {"webp": {"lossless": True, "exact": True}, "ico": {"sizes": [(10, 8)]}}
    path = tmp_path / f"x.{ending}"
    layered().save(path, **options.get(ending, {}))
    with Image.open(path) as image:
        stored = np.asarray(image.convert("RGBA"))
    assert stored[..., 3].min() < 20
    assert np.abs(pixels(path) - on_white(stored)).max() <= 1


def test_grey_with_alpha(tmp_path):
    grey = Image.merge("LA", [layered().getchannel(0), layered().getchannel(3)])
    grey.save(tmp_path / "x.png")
    assert np.abs(pixels(tmp_path / "x.png") - on_white(np.asarray(grey.convert("RGBA")))).max() <= 1


@pytest.mark.parametrize("ending", ["png", "gif"])
def test_a_transparent_colour_of_a_palette(tmp_path, ending):
    image = Image.fromarray(np.repeat(np.arange(4, dtype=np.uint8), 5).reshape(4, 5), "P")
    image.putpalette([10, 0, 0, 0, 20, 0, 0, 0, 30, 40, 40, 40])
    image.save(tmp_path / f"x.{ending}", transparency=2)
    got = pixels(tmp_path / f"x.{ending}")
    assert [got[row, 0].tolist() for row in range(4)] == [[10, 0, 0], [0, 20, 0], [255, 255, 255], [40, 40, 40]]


def test_a_palette_with_an_opacity_of_each_colour(tmp_path):
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([0, 0, 0, 0, 0, 0, 0, 0, 0])
    image.save(tmp_path / "x.png", transparency=bytes([0, 128, 255]))
    assert pixels(tmp_path / "x.png")[0, :, 0].tolist() == [255, 127, 0]


@pytest.mark.parametrize(("mode", "key"), [("RGB", (1, 2, 3)), ("L", 7)])
def test_a_transparent_colour_without_a_palette(tmp_path, mode, key):
    image = Image.new(mode, (2, 1), key)
    image.putpixel((1, 0), (9, 9, 9) if mode == "RGB" else 9)
    image.save(tmp_path / "x.png", transparency=key)
    assert pixels(tmp_path / "x.png")[0].tolist() == [[255] * 3, [9] * 3]


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_images_keep_their_colours_to_the_bit(tmp_path, mode):
    image = Image.fromarray(COLOURS).convert(mode)
    image.save(tmp_path / "x.png")
    assert np.array_equal(pixels(tmp_path / "x.png"), np.asarray(image.convert("RGB")))


# Modes.


@pytest.mark.parametrize(
    ("mode", "ending"), [("1", "png"), ("L", "png"), ("P", "png"), ("CMYK", "jpg"), ("CMYK", "tif"), ("YCbCr", "jpg")]
)
def test_other_modes_become_rgb_as_the_library_makes_them(tmp_path, mode, ending):
    path = tmp_path / f"x.{ending}"
    Image.fromarray(COLOURS).convert(mode).save(path)
    with Image.open(path) as image:
        assert np.array_equal(pixels(path), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    "image",
    [Image.fromarray(np.full((4, 4), 3000, np.uint16)), Image.new("I", (4, 4), 70000), Image.new("F", (4, 4), 0.5)],
    ids=["16", "32", "float"],
)
def test_deep_images_are_refused_and_not_called_damaged(tmp_path, image):
    image.save(tmp_path / "x.tif")
    with pytest.raises(UnreadableImageError, match="more than 8 bits") as caught:
        read_image(tmp_path / "x.tif")
    assert not caught.value.damaged


# Orientation.


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
def test_images_are_upright(tmp_path, orientation, ending):
    image = Image.fromarray(COLOURS)
    exif = image.getexif()
    exif[0x0112] = orientation
    path = tmp_path / f"x.{ending}"
    image.save(path, exif=exif)
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    assert np.array_equal(pixels(path), expected)
    assert pixels(path).shape == ((10, 8, 3) if orientation > 4 else (8, 10, 3))


BROKEN = {
    "no tiff": b"Exif\0\0no tiff",
    "empty": b"Exif\0\0",
    "cut": b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01",
    "far": b"Exif\0\0II*\0" + struct.pack("<I", 2**31),
    "noise": b"Exif\0\0" + bytes(range(256)),
    "strange value": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0",
    "no value": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\0\0\0\0\0\0\0\0\0\0\0\0",
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_with_a_broken_exif_block_the_image_is_as_it_lies(tmp_path, name, ending, capfd):
    image, plain = Image.fromarray(COLOURS), io.BytesIO()
    image.save(tmp_path / f"x.{ending}", exif=BROKEN[name])
    image.save(plain, format={"jpg": "JPEG"}.get(ending, ending.upper()))
    with Image.open(plain) as expected:
        assert np.array_equal(pixels(tmp_path / f"x.{ending}"), np.asarray(expected.convert("RGB")))
    assert capfd.readouterr() == ("", "")


# What cannot be read, and why.


def test_every_cause_is_said(tmp_path, monkeypatch):
    def reason(name: str) -> str:
        with pytest.raises(UnreadableImageError) as caught:
            read_image(tmp_path / name)
        line = str(caught.value)
        assert str(tmp_path / name) in line
        assert "\n" not in line
        return line

    assert "it is missing" in reason("x.png")
    (tmp_path / "x.png").write_bytes(b"")
    assert "the file is empty" in reason("x.png")
    (tmp_path / "x.png").write_bytes(b"<html>not found</html>")
    assert "no image that Pillow reads" in reason("x.png")
    cut_short(write_picture(tmp_path / "y.png"))
    assert "cut short or damaged" in reason("y.png")
    (tmp_path / "folder.png").mkdir()
    assert "directory" in reason("folder.png")
    (tmp_path / "nowhere.png").symlink_to("gone.png")
    assert "it is missing" in reason("nowhere.png")
    write_picture(tmp_path / "z.png", (30, 30))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    assert "too large: more than 600 pixels" in reason("z.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    assert pixels(tmp_path / "z.png").shape == (30, 30, 3)  # the library would warn


def test_whatever_a_decoder_raises_is_damage(tmp_path, monkeypatch):
    write_picture(tmp_path / "x.png")
    for error in (KeyError("a"), struct.error("b"), IndexError("c"), OverflowError("d"), AssertionError("e")):
        monkeypatch.setattr(Image.Image, "convert", lambda self, *a, error=error: (_ for _ in ()).throw(error))
        with pytest.raises(FileFormatError, match=r"x\.png.*cut short or damaged"):
            read_image(tmp_path / "x.png")


def test_all_that_cannot_be_read_are_named_at_once(tmp_path):
    paths = [write_picture(tmp_path / f"{i:02}.png") for i in range(30)]
    for place in (3, 7, 20):
        cut_short(paths[place])
    paths[25].write_bytes(b"")
    with pytest.raises(FileFormatError) as caught:
        list(read_images(paths[:10], resized(4), beside=paths[10:], hint="; or so"))
    line = str(caught.value)
    assert line.startswith("4 images cannot be read: ")
    assert line.endswith("or take them out of the data set; or so")
    for name in ("03.png", "07.png", "20.png", "25.png"):
        assert line.count(name) == 1
    assert "25.png' (the file is empty)" in line
    assert [error.path for error in unreadable(paths)] == [paths[place] for place in (3, 7, 20, 25)]


def test_warnings_are_as_before_whatever_was_read(tmp_path):
    paths = [write_picture(tmp_path / f"{i}.png") for i in range(40)]
    before = list(warnings.filters)
    for chunk in read_images(paths, resized(4)):
        assert list(warnings.filters) == before
        assert len(chunk) == 40
    assert list(warnings.filters) == before


# What lies in a folder.


def test_endings_are_those_that_the_library_reads(tmp_path):
    assert {".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".pgm", ".tga", ".jp2", ".webp"} <= suffixes()
    assert not {".eps", ".h5", ".mpg", ".csv", ".txt", ""} & suffixes()
    write_picture(tmp_path / "0.jpg")
    (tmp_path / "1.JFIF").write_bytes((tmp_path / "0.jpg").read_bytes())
    for name in ("2.tif", "3.pgm", "4.jp2", "5.tga"):
        Image.fromarray(COLOURS).convert("L" if name == "3.pgm" else "RGB").save(tmp_path / name)
    found = image_files(tmp_path)
    assert [path.name for path in found] == ["0.jpg", "1.JFIF", "2.tif", "3.pgm", "4.jp2", "5.tga"]
    assert sum(len(chunk) for chunk in read_images(found, resized(4))) == 6


def test_what_is_left_out_is_counted(tmp_path):
    write_picture(tmp_path / "a.png")
    for name in ("b.heic", "c.heic", "notes.txt", "README", ".hidden", "Thumbs.db", "desktop.ini"):
        (tmp_path / name).touch()
    others: Counter[str] = Counter()
    assert len(image_files(tmp_path, others)) == 1
    assert others == {".heic": 2, ".txt": 1, "": 1}
    (line,) = told_left_out(others)
    assert line == (
        "4 files left out whose ending is of no image that can be read (2 .heic, 1 without an ending, 1 .txt)"
    )
    assert told_left_out(Counter()) == []


@pytest.mark.parametrize("name", ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", ".thumbnails", "@Recycle"])
def test_folders_of_the_system_are_no_images(tmp_path, name):
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / name / "a.png" / "SYNOPHOTO_THUMB_M.jpg")
    assert image_files(tmp_path) == [tmp_path / "a.png"]


def test_links_are_followed_once(tmp_path):
    cat, store = tmp_path / "cat", tmp_path / "store"
    write_picture(cat / "a.png")
    write_picture(cat / "inside" / "b.png")
    write_picture(store / "deep" / "c.png")
    write_picture(tmp_path / "dog" / "d.png")
    (cat / "one").symlink_to(store)
    (cat / "two").symlink_to(store / "deep")
    (cat / "again").symlink_to(cat / "inside")
    (cat / "up").symlink_to(tmp_path)  # would make dogs cats
    (cat / "self").symlink_to(cat)
    (store / "deep" / "round").symlink_to(store)
    assert [path.relative_to(cat).as_posix() for path in image_files(cat)] == [
        "a.png",
        "inside/b.png",
        "one/deep/c.png",
    ]
    (tmp_path / "linked").symlink_to(cat)
    assert len(image_files(tmp_path / "linked")) == 3
