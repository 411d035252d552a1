"""`fdd data clean` removes what this package put into its cache, and nothing else."""

import io
from pathlib import Path

import pytest

HASH = "0123456789ab"


@pytest.fixture
def cache(workdir, monkeypatch):
    """A cache with two sets, what was computed of them, what a killed command left, and things of somebody else's."""
    cache = workdir / "cache"
    for name in (f"cmnist-{HASH}", f"colored_digits-{HASH}"):
        (cache / name).mkdir(parents=True)
        (cache / name / "manifest.json").write_text("{}")
        (cache / name / "train_images.npy").write_bytes(bytes(3000))
    (cache / f".utkface-{HASH}.part").mkdir()
    (cache / "embeddings").mkdir()
    (cache / "embeddings" / f"{'a' * 32}.safetensors").touch()
    (cache / "photos").mkdir()
    (cache / "photos" / "me.jpg").touch()
    (cache / f"thesis-{HASH}").mkdir()
    (cache / f"thesis-{HASH}" / "thesis.tex").touch()
    (workdir / "elsewhere" / f"bffhq-{HASH}").mkdir(parents=True)
    (workdir / "elsewhere" / f"bffhq-{HASH}" / "manifest.json").write_text("{}")
    (cache / f"bffhq-{HASH}").symlink_to(workdir / "elsewhere" / f"bffhq-{HASH}")
    (cache / "rates.json").write_text("{}")
    monkeypatch.setenv("FDD_CACHE", str(cache))
    return cache


OTHERS = ["bffhq-0123456789ab", "photos", "rates.json", "thesis-0123456789ab"]


def there(cache):
    return sorted(path.name for path in cache.iterdir())


def test_all_of_ours_goes(fdd, cache):
    said = fdd("data", "clean", "--yes")
    assert said.code == 0, said.err
    assert there(cache) == OTHERS
    assert Path(f"elsewhere/bffhq-{HASH}/manifest.json").exists()
    assert f"cmnist-{HASH}" in said.out
    assert "removed 6.0 kB" in said.out
    assert fdd("data", "clean", "--yes").out.startswith("nothing to remove in ")


def test_only_what_is_named_goes(fdd, cache, refused):
    assert fdd("data", "clean", "cmnist", "--yes").code == 0
    assert f"cmnist-{HASH}" not in there(cache)
    assert len(there(cache)) == len(OTHERS) + 3
    assert fdd("data", "clean", "celeba", "--yes").out.startswith("nothing to remove")
    assert refused("data", "clean", "cnmist", "--yes").endswith(
        "'cnmist' is no data set: colored_digits, utkface are built"
    )


@pytest.mark.parametrize(("answer", "goes"), [("y\n", True), ("n\n", False), ("", False)])
def test_it_asks_first(fdd, cache, monkeypatch, answer, goes):
    stdin = io.StringIO(answer)
    stdin.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", stdin)
    said = fdd("data", "clean")
    assert said.code == 0
    assert "remove all this? [y/N]" in said.out
    assert (there(cache) == OTHERS) is goes


def test_where_nobody_can_be_asked_nothing_goes(cache, refused, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    before = there(cache)
    assert "say --yes" in refused("data", "clean")
    assert there(cache) == before
