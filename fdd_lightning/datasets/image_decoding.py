"""From an image file to RGB: the one place for what is done to images of every data set that reads files.

- turned as their EXIF says; where that cannot be read, as they lie;
- transparent ones composed on white, whatever mode and format say that they are;
- grey, palettes, CMYK and one bit become RGB; more than 8 bits per channel are refused, as is what has too many pixels.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from PIL import ExifTags, Image, UnidentifiedImageError

from fdd_lightning.errors import FileFormatError

BACKGROUND = (255, 255, 255)
"""What transparent images are laid on."""

NOT_READ = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})
"""Formats that the library recognises, but has other programmes read, or nobody."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns an image upright, by its EXIF orientation."""

logging.getLogger("PIL").addHandler(logging.NullHandler())  # or its errors go to stderr beside ours


class UnreadableImageError(FileFormatError):
    """An image file that cannot be used.

    Attributes:
        path: The file.
        reason: Why.
        damaged: Whether its image is lost; a sound image may be too deep or too large.

    Example:
        >>> UnreadableImageError(Path("cat/0.jpg"), "the file is empty", "replace the file").damaged
        True
    """

    def __init__(self, path: Path, reason: str, way_out: str, damaged: bool = True) -> None:
        super().__init__(f"image {str(path)!r} cannot be read ({reason}): {way_out}")
        self.path = path
        self.reason = reason
        self.damaged = damaged


@cache
def suffixes() -> frozenset[str]:
    """Return the endings of image files, in lower case: those that the image library reads."""
    Image.init()
    formats = Image.OPEN.keys() - NOT_READ
    return frozenset(ending for ending, kind in Image.registered_extensions().items() if kind in formats)


def read_image(path: Path) -> Image.Image:
    """Read an image file as RGB, upright, on white where it is transparent.

    Raises:
        UnreadableImageError: It is missing, cut short, no image, too large or deeper than 8 bits per channel; the line
            names it and says which.
    """
    with undisturbed():
        return decoded(path)


def decoded(path: Path) -> Image.Image:
    """Read an image file as :func:`read_image` does, in one of several threads within :func:`undisturbed`."""
    try:
        with Image.open(path) as image:
            deep = image.mode.startswith(("I", "F"))
            image.load()
            read = None if deep else _upright(_opaque(image))
    except Exception as error:  # the library's decoders raise whatever a strange byte leads to
        raise _unreadable(path, error) from None
    if read is None:  # RGB has 8 bits: all that is brighter would become white
        way_out = "convert it to 8 bits, with a range that suits it"
        raise UnreadableImageError(path, "it has more than 8 bits per channel", way_out, damaged=False)
    return read


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the image library's warnings away, which name no file; around threads, never inside them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _opaque(image: Image.Image) -> Image.Image:
    """Return a loaded image as RGB."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode == "La":  # has one way out
        image = image.convert("LA")
    layers = image.convert("RGBA")
    if layers.getchannel("A").getextrema() == (255, 255):  # nothing shows through
        return image.convert("RGB")
    white = Image.new("RGBA", layers.size, BACKGROUND)
    composed = Image.alpha_composite(white, layers).convert("RGB")
    composed.info = image.info
    return composed


def _upright(image: Image.Image) -> Image.Image:
    """Turn an image as its EXIF says."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a broken block of metadata; the image is sound
        return image
    return image if turn is None else image.transpose(turn)


def _unreadable(path: Path, error: Exception) -> UnreadableImageError:
    """Say why the library could not read a file."""
    replace = "replace the file, or take it out of the data set"
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # beyond once the number the library only warns
        reason = f"it is too large: more than {limit:,} pixels"
        return UnreadableImageError(path, reason, "make it smaller, or take it out of the data set", damaged=False)
    if isinstance(error, MemoryError):
        return UnreadableImageError(path, "it is too large for the memory", "make it smaller", damaged=False)
    if isinstance(error, FileNotFoundError):
        reason = "it is missing"
    elif isinstance(error, OSError) and error.errno is not None:  # of the system, not of the library
        return UnreadableImageError(path, f"{error.strerror}", "make it readable, or take it out", damaged=False)
    elif path.stat().st_size == 0:
        reason = "the file is empty"
    elif isinstance(error, UnidentifiedImageError):
        reason = "no image that Pillow reads"
    elif isinstance(error, ValueError) and "conversion from" in str(error):
        way_out = "save it as RGB, or take it out of the data set"
        return UnreadableImageError(path, "its colours cannot be made RGB", way_out, damaged=False)
    else:
        reason = "cut short or damaged"
    return UnreadableImageError(path, reason, replace)
