"""One form for what looks the same."""

import unicodedata

import pytest

from fdd_lightning.utils.plain_text import alike, on_disk, plain


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("cat", "cat"),
        (" cat\t", "cat"),
        ("cafe\u0301", "café"),
        ("\ufeffcat", "cat"),
        ("c\u200ba\u200dt\u2060", "cat"),
        ("co\u00adop", "coop"),
        ("a\u00a0b", "a b"),
        ("a\u3000b", "a b"),
        ("\u200ecat\u200f", "cat"),
        ("❤\ufe0f", "❤"),
        ("\u3164x", "x"),
        ("a\x00b\x7f", "ab"),
        ("\u1100\u1161", "가"),
        ("", ""),
        ("01", "01"),
        ("ﬁ", "ﬁ"),  # one look, but another word to computers: compatibility is not our business
    ],
)
def test_plain(text, seen):
    assert plain(text) == seen
    assert plain(plain(text)) == plain(text)
    assert unicodedata.is_normalized("NFC", plain(text))


def test_look_alikes():
    assert alike(["Day", "day", "DAY", "night", "1", "1.0", "1.00", "01", "2.5", "2.50", "straße", "STRASSE"]) == [
        ["1", "1.0", "1.00"],
        ["DAY", "Day", "day"],
        ["STRASSE", "straße"],
    ]
    assert alike(["a", "b", "a"]) == []


@pytest.mark.parametrize("disk", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_paths_are_found_whichever_form_they_have(tmp_path, disk, asked):
    file = tmp_path / unicodedata.normalize(disk, "café") / unicodedata.normalize(disk, "Zoë.png")
    file.parent.mkdir()
    file.touch()
    path = tmp_path / unicodedata.normalize(asked, "café") / unicodedata.normalize(asked, "Zoë.png")
    assert on_disk(path) == file
    missing = path.with_name("x.png")
    assert on_disk(missing) == missing
    missing.touch() if disk == asked else (file.parent / "x.png").touch()
    assert on_disk(missing).exists()


def test_two_names_that_look_the_same_are_not_guessed_between(tmp_path):
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "é")).touch()
        assert on_disk(tmp_path / unicodedata.normalize(form, "é")).name == unicodedata.normalize(form, "é")
    asked = tmp_path / "e\u0301\u200b"
    assert on_disk(asked) == asked
