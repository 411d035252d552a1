from __future__ import annotations

import pytest

from fdd_lightning.datamodules.natural_bias import NaturalBias
from fdd_lightning.datasets import Split
from fdd_lightning.datasets.labelled_files import smallest_cell
from fdd_lightning.errors import ConfigError
from tests.datasets.test_labelled_files import labels


class Toy(NaturalBias):
    name = "toy"
    class_names = ("a", "b", "c")
    group_names = ("x", "y")
    image_shape = (3, 8, 8)
    mean = std = (0.5, 0.5, 0.5)
    licence = "none"

    def build(self) -> dict[str, Split]:
        raise NotImplementedError


def test_balanced_cuts_to_the_smallest_cell():
    files = labels()
    cut = Toy(balanced=True).train_files(files)
    assert Toy().train_files(files) is files
    sizes = [int(((cut.targets == t) & (cut.groups == g)).sum()) for t in range(3) for g in range(2)]
    assert sizes == [smallest_cell(files)] * 6
    for path, target, group in zip(cut.files, cut.targets, cut.groups, strict=True):
        place = int(path.stem)
        assert files.targets[place] == target
        assert files.groups[place] == group


def test_balanced_needs_every_cell():
    files = labels()
    files = files.subset(((files.targets != 1) | (files.groups != 1)).nonzero().flatten())
    with pytest.raises(ConfigError, match=r"toy: balanced.*'b' and 'y'"):
        Toy(balanced=True).train_files(files)
