"""`fdd doctor` tells what is here, and its exit code whether the package works."""

import subprocess
import sys

from fdd_lightning.command_line import doctor


def told(said):
    """What was said of each thing that was looked at."""
    lines = [line.split("  ", 1) for line in said.out.splitlines() if "  " in line]
    return {name.strip(): text.strip() for name, text in lines}


def test_missing_data_sets_are_no_fault(fdd):
    said = fdd("doctor")
    assert said.code == 0, said
    found = told(said)
    assert {"fdd-lightning", "python", "torch", "lightning", "cpu", "cache", "data root", "free disk"} <= {*found}
    assert "export FDD_DATA" in found["data root"]
    assert "colored_digits" in found["data built"]
    assert "celeba" in found["data missing"] or "folder" in found["data missing"]
    assert said.out.endswith("fdd-lightning works\n")


def test_a_required_package_that_is_missing_or_too_old_is_one(fdd, monkeypatch):
    monkeypatch.setattr(doctor, "_lacking", lambda each: "1.0, not >=2.6" if each.name == "torch" else None)
    said = fdd("doctor")
    assert said.code == 1
    assert told(said)["torch"].startswith("1.0, not >=2.6: python -m pip install 'torch>=2.6'")
    assert said.out.endswith("not working: torch\n")


def test_torch_that_cannot_be_imported_is_told(fdd, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    said = fdd("doctor")
    assert said.code == 1
    assert told(said)["torch"]
    assert "does not work: ModuleNotFoundError" in said.out
    assert "Traceback" not in said.out + said.err


def test_a_cache_that_cannot_be_made_is_told(fdd, workdir, monkeypatch):
    (workdir / "file").touch()
    monkeypatch.setenv("FDD_CACHE", str(workdir / "file" / "below"))
    said = fdd("doctor")
    assert said.code == 1
    assert "set FDD_CACHE" in told(said)["cache"]


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = "import sys; import fdd_lightning.command_line.doctor; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
