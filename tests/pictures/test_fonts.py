"""Names in any language: no letter is a box."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from fdd_lightning.pictures.fonts import Lettering
from fdd_lightning.pictures.layout import Panel, lay_out

NAMES = ["Käse", "Crème brûlée", "Łódź", "İstanbul", "кошка", "γάτα", "שלום", "„quoted“ €5 …"]


def mask(lettering: Lettering, text: str) -> bytes:
    return bytes(lettering.font(text, 14).getmask(text))


@pytest.mark.parametrize("name", NAMES)
def test_every_letter_has_a_shape_of_its_own(name):
    lettering = Lettering(NAMES)
    assert lettering.readable(name) == name
    box = mask(lettering, "\ufffe")  # no character
    assert [char for char in name if mask(lettering, char) == box] == []


def test_pages_of_ascii_look_as_ever():
    own = ImageFont.load_default(14)
    assert bytes(own.getmask("cat, dog")) == mask(Lettering(["cat, dog"]), "cat, dog")


def test_letters_that_no_font_has_are_told_apart(monkeypatch):
    monkeypatch.setattr("fdd_lightning.pictures.fonts._of_the_system", lambda letters: None)
    lettering = Lettering(["中文"])
    assert lettering.readable("a 中文") == "a <4E2D><6587>"
    assert lettering.width("中文", 14) == lettering.width("<4E2D><6587>", 14)


def test_a_font_of_the_system_is_taken_where_it_has_the_letters(monkeypatch, tmp_path):
    import matplotlib

    serif = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSansDisplay.ttf")
    monkeypatch.setattr("fdd_lightning.pictures.fonts._many_scripts", lambda: serif)  # has hardly any letter
    sans = serif.with_name("DejaVuSans.ttf")
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: [str(tmp_path / "none.ttf"), str(sans)])
    font = Lettering(["Öl"]).font("Öl", 14)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert font.getname()[0] == "DejaVu Sans"


def test_a_page_writes_them():
    pages = [
        np.asarray(lay_out([[Panel(np.zeros((40, 40, 3), np.uint8), names=[(name, 20)])]])) for name in ("Öl", "Ol")
    ]
    assert pages[0].shape[0] == pages[1].shape[0]
    assert not np.array_equal(pages[0], pages[1])


def test_the_command_shows_names_as_they_are(workdir, fdd, monkeypatch):
    from tests.fakes_folder import write_class_folders

    monkeypatch.setenv("FDD_CACHE", "cache")
    write_class_folders(workdir / "photos", classes=("Bär", "Käse"))
    assert fdd("data", "show", "folder", "--data.path=photos", "--data.size=16", "--output=x.png").code == 0
    first = np.asarray(Image.open("x.png"))
    (workdir / "photos" / "Bär").rename(workdir / "photos" / "Bör")
    assert fdd("data", "show", "folder", "--data.path=photos", "--data.size=16", "--output=x.png").code == 0
    second = np.asarray(Image.open("x.png"))
    left = slice(0, 40)  # the names; with boxes for both letters they would be alike
    assert first.shape != second.shape or not np.array_equal(first[:, left], second[:, left])
