"""`fdd data`: what it says, and what it takes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fdd_lightning.command_line.data_by_name import find
from fdd_lightning.configuration import menu
from fdd_lightning.errors import ConfigError
from fdd_lightning.utils.paths import CONFIGS

ACTIONS = ("list", "prepare", "verify", "show")


def test_overview(fdd):
    for args in ((), ("--help",)):
        said = fdd("data", *args)
        assert said.code == 0
        assert all(f"fdd data {action}" in said.out for action in ACTIONS)
    assert "fdd data" in fdd().out


@pytest.mark.parametrize("action", ACTIONS)
def test_help_of_an_action(fdd, action):
    said = fdd("data", action, "--help")
    assert (said.code, said.err) == (0, "")
    assert f"fdd data {action}" in said.out
    assert ("--per_cell" in said.out) == (action == "show")


def test_help_of_a_data_set(fdd):
    said = fdd("data", "prepare", "cmnist", "--help")
    assert said.code == 0
    assert "--data.conflict_ratio" in said.out
    assert "default: 0.05" in said.out
    assert "published 249" in " ".join(said.out.split())


# list


def test_list_has_a_line_for_every_set_of_the_menu(mnist, fdd):
    said = fdd("data", "list")
    assert said.code == 0
    assert [
        name for name in menu.names("data") if not any(line.split()[:1] == [name] for line in said.out.splitlines())
    ] == []
    line = next(line for line in said.out.splitlines() if line.startswith(" cmnist_fg "))
    assert all(word in line for word in ("10 x 10", "3x32x32", "10%", "to build"))


def test_list_says_what_is_built_and_what_is_missing(mnist, fdd):
    assert fdd("data", "prepare", "cmnist_fg").code == 0
    said = fdd("data", "list", "cmnist_fg", "cmnist_bg")
    assert ["built" in line for line in said.out.splitlines() if line.startswith(" cmnist")] == [True, False]
    shutil.rmtree(mnist / "MNIST")
    said = fdd("data", "list", "cmnist_bg", "cmnist", "colored_digits")
    assert said.code == 0
    assert ["missing" in line for line in said.out.splitlines() if line[:2] in (" c",)] == [True, True, False]
    assert "\ncmnist_bg, cmnist: MNIST not found" in said.out


def test_list_takes_arguments_and_never_fails(mnist, fdd):
    said = fdd("data", "list", "cmnist", "nosuch", "--data.conflict_ratio=0.01")
    assert said.code == 0
    assert "1%" in next(line for line in said.out.splitlines() if line.startswith(" cmnist"))
    assert "nosuch: data set 'nosuch' is neither" in said.out


def test_the_overview_imports_next_to_nothing(workdir):
    """Torch and Lightning would make it wait for seconds."""
    watch = "import sys; from fdd_lightning.__main__ import main; sys.argv = ['fdd', 'data', '--help']; code = main(); "
    ask = "print([name for name in ('torch', 'lightning') if name in sys.modules]); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", watch + ask], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


# prepare and verify


def test_prepare_builds_once_and_sums_up(mnist, cache, fdd):
    said = fdd("data", "prepare", "cmnist_fg", "colored_digits")
    assert (said.code, said.err) == (0, "")
    first, folder, second, _ = said.out.splitlines()
    assert first.startswith("cmnist_fg: built in ")
    assert "600 train + 200 test images" in first
    manifest = json.loads((Path(folder.strip()) / "manifest.json").read_text())
    cells = [count for row in manifest["cells"]["train"] for count in row]
    assert f"training cells of {min(cells)} to {max(cells)}" in first
    assert f"{100 * manifest['conflict_ratio']:.2f}% bias-conflicting" in first
    assert second.startswith("colored_digits: built in ")
    again = fdd("data", "prepare", "cmnist_fg")
    assert "was built before" in again.out
    assert len(list(cache.iterdir())) == 2


def test_arguments_in_every_spelling_name_one_set(mnist, cache, fdd):
    for words in (
        ["--data.conflict_ratio", "0.2"],
        ["--data.conflict_ratio=0.2"],
        ["--conflict_ratio", "0.2"],
        ["--conflict_ratio=0.2", "--download=false"],
    ):
        assert fdd("data", "prepare", "cmnist_fg", *words).code == 0
    assert len(list(cache.iterdir())) == 1
    assert fdd("data", "prepare", "cmnist_fg", "--conflict_ratio", "null").out.count("bias-conflicting") == 0
    assert len(list(cache.iterdir())) == 2


def test_a_set_by_file_by_class_path_and_by_class_name(mnist, cache, fdd):
    Path("mine.yaml").write_text("data:\n  class_path: CMNISTForeground\n  init_args: {conflict_ratio: 0.3}\n")
    names = ("mine.yaml", "fdd_lightning.datamodules.CMNISTForeground", "CMNISTForeground", "cmnist_fg")
    assert fdd("data", "prepare", *names).code == 0
    assert len(list(cache.iterdir())) == 2
    assert find("mine.yaml").data().conflict_ratio == 0.3
    assert find("mine.yaml").data(["--data.conflict_ratio=0.4"]).conflict_ratio == 0.4


@pytest.mark.parametrize("name", menu.names("data"))
def test_every_set_of_the_menu_has_a_word_about_itself(name):
    entry = find(name)
    assert entry.kind.name == name
    assert entry.note
    assert len(entry.note) < 70


def test_a_flag_needs_no_value(mnist):
    from fdd_lightning.command_line import LineParser
    from fdd_lightning.command_line.data_arguments import ask

    asked = ask(LineParser(prog="fdd data prepare"), ["cmnist", "--download", "--seed", "-1", "--root=x=y"])
    assert asked is not None
    assert asked[:2] == (["cmnist"], ["--data.download=true", "--data.seed=-1", "--data.root=x=y"])


def test_verify_a_good_set(mnist, fdd):
    assert fdd("data", "prepare", "cmnist_fg").code == 0
    said = fdd("data", "verify", "cmnist_fg")
    assert (said.code, said.err) == (0, "")
    assert "600 train + 200 test images" in said.out


# show


def test_show_writes_a_picture_and_says_where(mnist, fdd):
    said = fdd("data", "show", "cmnist_fg", "colored_digits")
    assert (said.code, said.err) == (0, "")
    assert said.out.split() == ["cmnist_fg_train.png", "colored_digits_train.png"]
    for name in said.out.split():
        with Image.open(name) as picture:
            assert picture.width > picture.height > 300
    said = fdd("data", "show", "cmnist_fg", "--split", "test", "--per_cell=1", "--output", "sub/x.png", "--seed=1")
    assert said.out == "sub/x.png\n"
    assert Path("sub/x.png").is_file()
    assert fdd("data", "show", "cmnist_fg", "--split=val", "--validation=0.2").out == "cmnist_fg_val.png\n"


# What it refuses.


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["sohw"], ["unknown action 'sohw'", "list, prepare, verify, show"]),
        (["prepare"], ["name at least one data set"]),
        (["show", "--split=train"], ["name at least one data set"]),
        (["prepare", "cmnst"], ["'cmnst'", "did you mean cmnist"]),
        (["prepare", "zzzz"], ["choose one of", "colored_digits"]),
        (["prepare", "my.yaml"], ["'my.yaml' does not exist"]),
        (["prepare", "no.such.Class"], ["class path 'no.such.Class'"]),
        (["prepare", "pathlib.Path"], ["no data module"]),
        (["prepare", "BaseDataModule"], ["BaseDataModule cannot be built", "class_names"]),
        (["prepare", "cmnist", "--data.confict_ratio=1"], ["cmnist: --data.confict_ratio", "mean conflict_ratio"]),
        (["prepare", "cmnist", "--zzz"], ["--data.zzz: no such argument", "conflict_ratio"]),
        (["prepare", "cmnist", "colored_digits", "--download=true"], ["colored_digits: --data.download: no such"]),
        (["prepare", "cmnist", "--seed=x"], ["cmnist: --data.seed: expected int, not 'x'"]),
        (["prepare", "cmnist", "--conflict_ratio=2"], ["conflict_ratio must be at least 0 and at most 1, not 2"]),
        (["prepare", "cmnist", "--seed", "1", "cmnist_fg"], ["'cmnist_fg' belongs to nothing"]),
        (["show", "cmnist", "--per_cell=0"], ["--per_cell must be at least 1"]),
        (["show", "cmnist", "--split=all"], ["--split", "val"]),
        (["show", "cmnist", "cmnist_fg", "--output=x.png"], ["one --output"]),
        (["show", "colored_digits", "--output=x.jpg"], ["name it x.png"]),
        (["show", "colored_digits", "--split=val"], ["no validation images", "--data.validation"]),
        (["show", "colored_digits", "--output=/proc/x.png"], ["cannot write '/proc/x.png'"]),
        (["verify", "colored_digits", "--seed=99"], ["not built", "fdd data prepare colored_digits"]),
    ],
)
def test_one_line(refused, args, told):
    line = refused("data", *args)
    assert [text for text in told if text not in line] == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("data: [", "no valid YAML"),
        ("data: cmnist\n", "holds no spec"),
        ("models: {class_path: x.Y}\n", "holds no spec"),
        ("- 1\n", "holds no spec"),
        (
            "data: {class_path: ColoredDigits, init_args: {sead: 1}}\n",
            "--data.sead: no such argument: did you mean seed",
        ),
        ("data: {class_path: ColoredDigits, init_args: {seed: x}}\n", "--data.seed: expected int, not 'x'"),
    ],
)
def test_a_file_that_says_no_data_set(refused, content, told):
    Path("mine.yaml").write_text(content)
    assert told in refused("data", "prepare", "mine.yaml")


def test_one_that_fails_keeps_no_other_from_its_turn(mnist, cache, fdd):
    shutil.rmtree(mnist / "MNIST")
    said = fdd("data", "prepare", "cmnist", "colored_digits", "cmnist_bg")
    assert said.code == 2
    assert said.out.startswith("colored_digits: built in ")
    assert [line.startswith("fdd: error: MNIST not found") for line in said.err.splitlines()] == [True, True]
    assert [folder.name.partition("-")[0] for folder in cache.iterdir()] == ["colored_digits"]


def test_names_are_looked_up_before_anything_is_built(mnist, cache, fdd):
    said = fdd("data", "prepare", "colored_digits", "nosuch")
    assert (said.code, said.out) == (2, "")
    assert not cache.exists()


def test_class_paths_of_the_menu_are_written_out():
    for file in (CONFIGS / "data").glob("*.yaml"):
        assert "class_path: fdd_lightning.datamodules." in file.read_text()
    with pytest.raises(ConfigError, match="neither"):
        find("")


def test_a_data_module_that_does_not_say_all_is_told_what_lacks(refused, workdir):
    (workdir / "half.py").write_text(
        "from fdd_lightning.datamodules import BaseDataModule\n\n\nclass Half(BaseDataModule):\n    name = 'half'\n"
    )
    line = refused("data", "prepare", "half.Half")
    assert "half.Half cannot be built: it does not say " in line
    assert "class_names" in line
    assert "derive it" not in line
