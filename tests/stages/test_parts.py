"""A configuration whose parts are checked one by one is what the stage's parser makes of the whole."""

import sys

import pytest

from fdd_lightning.configuration import menu
from fdd_lightning.stages import parser
from fdd_lightning.stages.parts import NoParts, checked
from fdd_lightning.trainer import hushed

KINDS = {
    "method": ("distill", "--model="),
    "weighting": ("distill", "--model.weighting="),
    "encoder": ("fit", "--model="),
    "experts": ("fit", "--model="),
    "eval": ("eval", "--model.preset="),
    "trainer": ("eval", "--model.learner="),
    "network": ("distill", "--model.surrogate.network="),
    "data": ("eval", "--data="),
}
LIKE_OTHERS = ("_mnist", "_fashion", "_svhn", "_recommended")
ELSEWHERE = {"supcon_lars"}  # needs a package that may not be here


def same(stage, *args):
    with hushed():
        given = parser.settled(stage, args)
        flags = tuple(parser.STAGES[stage][0].flags())
        whole = parser._stage_parser(stage, flags).resolve(given.words())
        assert parser._by_parts(stage, flags, given) == whole


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_of_the_menu(kind, workdir):
    stage, option = KINDS[kind]
    names = [name for name in menu.names(kind) if name not in ELSEWHERE and not name.endswith(LIKE_OTHERS)]
    for name in names if kind != "data" else names[:4]:
        same(stage, f"{option}{name}")


def test_options_of_the_trainer_and_words_for_numbers(workdir):
    same("distill", "--model=idm", "--model.iterations=7", "--trainer.max_steps=5", "--trainer.precision=64-true")
    same("fit", "--model.optimizer=torch.optim.Adam", "--model.optimizer.lr=3", "--model.steps=2", "--output=here")


def test_classes_of_ones_own(workdir):
    (workdir / "own.py").write_text(
        "from fdd_lightning.datamodules import ColoredDigits\n"
        "from fdd_lightning.matching.weightings import KDE\n"
        "class Fixed(ColoredDigits):\n"
        "    def __init__(self) -> None:\n"
        "        super().__init__()\n"
        "class Mine(KDE):\n"
        "    def __init__(self, power: float = 2, **kwargs) -> None:\n"
        "        super().__init__(**kwargs)\n"
    )
    sys.path.insert(0, str(workdir))
    same("distill", "--data=own.Fixed", "--model.weighting=own.Mine", "--model.weighting.power=3")


def test_another_class_is_left_to_the_parser():
    with pytest.raises(NoParts):
        checked({"class_path": "fdd_lightning.augment.DSA", "init_args": {}}, (int,))
