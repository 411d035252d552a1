"""`fdd list` reads the menu, the user's own part of it first."""

from pathlib import Path

import pytest

from fdd_lightning.configuration import menu


def test_kinds_are_the_folders_of_the_menus(fdd):
    Path("configs/sauce").mkdir(parents=True)
    Path("configs/sauce/tartare.yaml").write_text("class_path: own.Tartare")
    Path("configs/empty").mkdir()
    said = fdd("list")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == menu.kinds()
    assert "sauce" in menu.kinds()
    assert "empty" not in menu.kinds()


@pytest.mark.parametrize("word", ["method", "methods"])
def test_entries_with_what_they_say_of_themselves(fdd, word):
    Path("configs/method").mkdir(parents=True)
    Path("configs/method/mine.yaml").write_text("# Mine: DM (Zhao et al.), but\n# slower. It pays.\nbased_on: dm\n")
    lines = fdd("list", word).out.splitlines()
    assert [line.split()[0] for line in lines] == menu.names("method")
    (mine,) = (line for line in lines if line.startswith("mine "))
    assert mine.endswith("Mine: DM (Zhao et al.), but slower (configs/method/mine.yaml)")
    (dm,) = (line for line in lines if line.startswith("dm "))
    assert dm.endswith("DM, distribution matching (Zhao & Bilen, WACV 2023), as its reference code runs it")


def test_every_entry_of_ours_says_something(workdir):
    for kind in menu.kinds():
        for name in menu.names(kind):
            file = menu.file_of(kind, name)
            assert file is not None
            assert len(menu.note(file)) > 10, file


def test_several_kinds_and_one_that_is_none(fdd, refused):
    said = fdd("list", "weightings", "trainers").out
    assert said.startswith("weighting:\n")
    assert "\ntrainer:\n" in said
    assert refused("list", "metods").startswith("there is no folder 'metods' in configs/: choose one of data, ")
