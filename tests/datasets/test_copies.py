"""Equal images are found, and never parted by a draw."""

import random

import pytest
import torch

from fdd_lightning.datasets.assignment import drawn, first_that_fit, stratified_cut
from fdd_lightning.datasets.copies import equal_files, equal_images
from fdd_lightning.utils import rng


def test_equal_files_have_equal_numbers(tmp_path):
    big = bytes(12_000)
    contents = [b"a", b"b", b"a", big, b"x" + big[1:], big, b"", b"", b"ab"]
    files = [tmp_path / str(i) for i in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    literal = [contents.index(content) for content in contents]
    assert equal_files(files).tolist() == literal
    assert equal_files(files[:2]).tolist() == [0, 1]
    files[0].write_bytes(b"c")  # remembered as long as nothing changes
    assert equal_files(files).tolist()[:3] == [0, 1, 2]


def test_what_cannot_be_read_equals_nothing(tmp_path):
    links = [tmp_path / name for name in ("a", "b")]
    for link in links:
        link.symlink_to(tmp_path / "gone")
    assert equal_files(links).tolist() == [0, 1]


def test_equal_images():
    images = torch.randint(2, (40, 1, 2, 2), dtype=torch.uint8)
    literal = [next(j for j in range(40) if torch.equal(images[j], images[i])) for i in range(40)]
    assert equal_images(images).tolist() == literal


@pytest.mark.parametrize("seed", range(20))
def test_without_copies_the_draw_is_as_ever(seed):
    strata = torch.randint(4, (60,), generator=rng.generator(seed, "strata"))
    quota = torch.tensor([3, 0, 5, 100])
    bound = torch.arange(60)
    plain = drawn(strata, quota, rng.generator(seed, "x"))
    assert torch.equal(drawn(strata, quota, rng.generator(seed, "x"), bound), plain)
    shuffle = torch.randperm(60, generator=rng.generator(seed, "x"))
    order = shuffle[torch.argsort(strata[shuffle], stable=True)]
    sizes = torch.bincount(strata)
    assert torch.equal(first_that_fit(order, strata, quota.minimum(sizes), bound), plain)


@pytest.mark.parametrize("seed", range(30))
def test_copies_are_never_parted_and_no_stratum_is_emptied(seed):
    draws = random.Random(seed)
    strata = torch.tensor([draws.randrange(4) for _ in range(80)])
    bound = torch.tensor([draws.randrange(50) for _ in range(80)])
    for share in (0.1, 0.2, 0.5):
        count = round(share * 80)
        test = stratified_cut(strata, count, rng.generator(seed, "x"), bound).tolist()
        rest = [place for place in range(80) if place not in test]
        assert not {int(bound[place]) for place in test} & {int(bound[place]) for place in rest}
        for stratum in strata.unique().tolist():
            assert any(int(strata[place]) == stratum for place in rest)
        assert len(test) <= count + 4
        assert len(test) >= count / 2


def test_pairs_are_drawn_as_pairs():
    strata = torch.tensor([0] * 8 + [1] * 8)
    bound = torch.arange(16) // 2
    test = first_that_fit(torch.arange(16), strata, torch.tensor([3, 4]), bound)
    assert test.tolist() == [0, 1, 8, 9, 10, 11]


def test_copies_in_several_strata_count_in_each():
    strata, bound = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 2])
    assert first_that_fit(torch.arange(4), strata, torch.tensor([1, 1]), bound).tolist() == [0, 2]


def test_a_stratum_of_large_bundles_gives_the_smallest():
    strata = torch.zeros(9, dtype=torch.long)
    bound = torch.tensor([0] * 5 + [1] * 4)
    assert first_that_fit(torch.arange(9), strata, torch.tensor([2]), bound).tolist() == [5, 6, 7, 8]
    assert first_that_fit(torch.arange(9), strata, torch.tensor([2]), torch.zeros(9).long()).tolist() == []
