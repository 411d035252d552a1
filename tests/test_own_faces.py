"""Real faces as a user's own folder: an audit names the skew, or says that it cannot tell.

They are links into the data root; no photograph is part of the project.
"""

import os
from pathlib import Path

import pytest

from tests.fakes_folder import write_table

ROOT = os.environ.get("FDD_DATA")
PER_CLASS = 600
FEMALE = "1"
MOSTLY = {"young": "female", "old": "male"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not ROOT or not Path(ROOT, "UTKFace").is_dir(), reason="set FDD_DATA to a data root with the folder UTKFace"
    ),
]


def age_of(years):
    """Return the class of an age; the years between are left out."""
    return "young" if 20 <= years < 40 else "old" if years >= 50 else None


def lay_out(folder, share):
    """Link young and old faces into a folder, ``share`` of each class being of the sex that is most of it."""
    assert ROOT is not None
    faces: dict[tuple[str, str], list[Path]] = {}
    for path in sorted(Path(ROOT, "UTKFace").iterdir()):
        parts = path.name.split("_")
        if len(parts) == 4 and (age := age_of(int(parts[0]))):
            faces.setdefault((age, "female" if parts[1] == FEMALE else "male"), []).append(path)
    rows: list[tuple[str, str, str]] = []
    Path(folder).mkdir()
    most = round(share * PER_CLASS)
    for age, sex in MOSTLY.items():
        other = next(each for each in MOSTLY.values() if each != sex)
        for of, count in ((sex, most), (other, PER_CLASS - most)):
            for path in faces[age, of][:count]:
                name = f"{len(rows)}.jpg"
                Path(folder, name).symlink_to(path.resolve())
                rows.append((name, age, of))
    assert len(rows) == 2 * PER_CLASS
    write_table(Path(folder, "labels.csv"), rows, ("image", "age", "sex"))


@pytest.fixture
def audit(workdir, monkeypatch, fdd):
    """Audit a folder of faces by its ages, with a column of groups or without; returns its first sentence."""
    monkeypatch.setenv("FDD_CACHE", str(workdir / ".cache"))

    def call(folder, group):
        table = (f"--data.path={folder}", "--data.table=labels.csv", "--data.target=age", f"--data.group={group}")
        said = fdd("audit", "folder", *table, "--data.size=64", f"--output={folder}_{group}")
        assert said.code == 0, said.err
        assert f"1,200 images in 2 classes (old, young){' and 2 groups' if group != 'null' else ''}" in said.err
        return said.out.splitlines()[0]

    return call


def test_a_skew_is_named_or_it_cannot_be_told(audit):
    lay_out("faces", 0.9)
    told = audit("faces", "sex")
    assert told.startswith("By the groups that are given there is a bias: Cramer's V of class and group 0.8")
    assert "(old: male; young: female)" in told
    blind = audit("faces", "null")
    names = "give the class of" in blind and "a shortcut" in blind
    assert names or "this cannot tell" in blind
    assert "none" not in blind
    assert "no bias" not in blind


def test_of_an_even_folder_no_bias_is_claimed(audit):
    lay_out("faces", 0.5)
    told = audit("faces", "sex")
    assert told.startswith("By the groups that are given there is none to speak of: Cramer's V of class and group 0.00")
    blind = audit("faces", "null")
    for said in (told, blind):
        assert "no shortcut shows" in said
        assert "this cannot tell" in said
