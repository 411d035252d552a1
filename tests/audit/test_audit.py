"""What an audit finds, says and writes."""

import csv
import math
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from PIL import Image

from fdd_lightning.audit.findings import look_at
from fdd_lightning.audit.page import page
from fdd_lightning.audit.sentences import sentences
from fdd_lightning.datamodules import ColoredDigits, Folder


def set_up(ratio=0.1):
    data = ColoredDigits(conflict_ratio=ratio)
    data.setup()
    return data


@pytest.fixture(scope="module")
def biased(digits_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        data = set_up()
        yield data, look_at(data)


def test_weights_make_inferred_groups_count_alike(biased):
    _, findings = biased
    for target in range(10):
        members = [i for i in range(len(findings.targets)) if int(findings.targets[i]) == target]
        winners = [int(findings.ballot.winners[i]) for i in members]
        for i, winner in zip(members, winners, strict=True):
            expected = len(members) / len(set(winners)) / winners.count(winner)
            assert float(findings.weight[i]) == pytest.approx(expected)


def test_density_is_the_kernel_density_in_the_class(biased):
    data, findings = biased
    members = data.train.members(3)
    everything = torch.arange(len(data.train))
    from fdd_lightning.matching.evidence import Gallery
    from fdd_lightning.matching.extractors import Statistics

    gallery = Gallery(data.train, 10, 0, torch.device("cpu"))
    points = torch.nn.functional.normalize(Statistics().prepare(gallery)(everything), dim=1)[members].double()
    kernels = [math.exp(-float((points[0] - other).square().sum()) / 0.2) for other in points]
    expected = sum(kernels) / len(kernels) / math.sqrt(0.2 * math.pi)
    assert float(findings.density[members[0]]) == pytest.approx(expected, rel=1e-5)


def test_the_bias_of_the_digits_is_named_with_and_without_groups(biased):
    data, findings = biased
    assert findings.auroc is not None
    assert findings.auroc > 0.99
    there, sure, todo = sentences(findings)
    assert "By the groups that are given there is a bias: Cramer's V of class and group 0.8" in there
    assert "0: red; 1: orange" in there
    assert "10.3% go against that, in 10 of 10 classes: a shortcut, or an honest cue" in there
    assert "an AUROC of 1.00" in sure
    assert "weighting fairdd" in todo
    blind = type("Blind", (type(data),), {"num_groups": 1, "aligned": None})
    data.__class__ = blind
    there, sure, todo = sentences(look_at(data))
    data.__class__ = ColoredDigits
    assert there.startswith("Colour and texture give the class of 90% of the images away")
    assert "AUROC" not in sure
    assert "weighting vote" in todo


def test_an_even_set_is_not_called_biased():
    there, _, todo = sentences(look_at(set_up(None)))
    assert there.startswith("By the groups that are given there is none to speak of")
    assert "no shortcut shows" in there
    assert "this cannot tell" in there
    assert "distil with vanilla" in todo


def test_the_page_escapes_names(biased):
    _, findings = biased
    object.__setattr__(findings, "class_names", ["<0>", *"123456789"])
    assert "&lt;0&gt;" in page(findings)
    assert "<0>" not in page(findings)
    object.__setattr__(findings, "class_names", tuple("0123456789"))


def test_the_command_writes_page_table_and_contact_sheet(fdd, workdir):
    said = fdd("audit", "colored_digits", "--output", "found")
    assert said.code == 0
    assert said.out.endswith("found/audit.html\n")
    assert len(said.out.splitlines()) == 4
    Image.open("found/contact.png").verify()
    whole = Path("found/audit.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:|#)', whole) == []  # it needs no other file
    assert 'src="data:image/png;base64,' in whole
    rows = list(csv.DictReader(Path("found/audit.csv").read_text(encoding="utf-8").splitlines()))
    if find_spec("pyarrow"):
        assert import_module("pyarrow.parquet").read_table("found/audit.parquet").num_rows == len(rows)
    data = set_up()
    assert len(rows) == len(data.train)
    assert [row["class"] for row in rows] == [data.class_names[int(c)] for c in data.train.targets]
    assert [row["group"] for row in rows] == [data.group_names[int(g)] for g in data.train.groups]
    assert set(rows[0]) == {"image", "class", "group", "looks_like", "against", "weight", "density", "neighbours"}


def test_a_folder_without_groups_is_audited(fdd, workdir):
    """Two classes, mostly dark and mostly bright."""
    for name, tone in (("cat", 30), ("dog", 200)):
        (workdir / "photos" / name).mkdir(parents=True)
        for i in range(40):
            shade = tone if i else 230 - tone
            Image.new("RGB", (16, 16), (shade + i % 7, shade, shade)).save(workdir / "photos" / name / f"{i}.png")
    said = fdd("audit", "folder", "--data.path=photos", "--data.size=16")
    assert said.code == 0
    assert "How sure: " in said.out
    assert "the smallest class has" in said.out
    data = Folder(path="photos", size=16)
    data.setup()
    assert len(Path("audit/audit.csv").read_text(encoding="utf-8").splitlines()) == len(data.train) + 1


@pytest.mark.parametrize(
    ("args", "words"),
    [((), "name at least one data set"), (("nothing",), "is neither in configs/data"), (("cmnist", "--x=1"), "x")],
)
def test_what_cannot_be_audited_is_one_line(refused, args, words):
    assert words in refused("audit", *args)
