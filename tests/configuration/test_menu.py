"""The menu: one place that finds specs, the user's before ours."""

from pathlib import Path

import pytest
import yaml

from fdd_lightning.configuration import menu
from fdd_lightning.errors import ConfigError


def write(kind, name, **content):
    path = Path("configs", kind, f"{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_users_menu_comes_first(workdir):
    ours = menu.find("weighting", "kde")
    write("weighting", "kde", class_path="fdd_lightning.matching.weightings.KDE", init_args={"variance": 0.3})
    assert menu.find("weighting", "kde")["init_args"] == {"variance": 0.3}
    write("weighting", "own", class_path="fdd_lightning.matching.weightings.KDE")
    assert "own" in menu.names("weighting")
    Path("configs/weighting/kde.yaml").unlink()
    assert menu.find("weighting", "kde") == ours


def test_an_entry_based_on_another(workdir):
    base = menu.find("method", "idc")
    write("method", "idc_own", based_on="idc", init_args={"surrogate.network.width": 16, "lr_images": 1.0})
    own = menu.find("method", "idc_own")
    assert own["init_args"]["lr_images"] == 1.0
    assert own["init_args"]["surrogate"]["init_args"]["network"]["init_args"] == {"width": 16, "depth": None}
    assert own["init_args"]["sampler"] == base["init_args"]["sampler"]
    assert menu.find("method", "idc") == base, "what it is based on stays as it is"


def test_another_class_drops_the_arguments_of_the_first(workdir):
    write("method", "own", based_on="idm", init_args={"surrogate": {"class_path": "OnReal", "init_args": {"inner": 2}}})
    assert menu.find("method", "own")["init_args"]["surrogate"] == {"class_path": "OnReal", "init_args": {"inner": 2}}


def test_an_edited_file_is_read_again(workdir):
    file = write("eval", "own", based_on="reference", init_args={"epochs": 7})
    assert menu.find("eval", "own")["init_args"]["epochs"] == 7
    file.write_text(yaml.safe_dump({"based_on": "reference", "init_args": {"epochs": 1234}}))
    assert menu.find("eval", "own")["init_args"]["epochs"] == 1234


def test_arguments_that_several_entries_share(workdir):
    write("method", "_mine", init_args={"lr_images": 0.5, "sampler": {"class_path": "Cycling"}})
    write("method", "own", based_on=["idc", "_mine"], init_args={"momentum": 0.1})
    spec = menu.find("method", "own")
    expected = {"lr_images": 0.5, "momentum": 0.1, "method": "idc"}
    assert {key: spec["init_args"][key] for key in expected} == expected
    assert spec["init_args"]["sampler"]["class_path"] == "Cycling"
    assert "own" in menu.names("method")
    assert "_mine" not in menu.names("method")
    write("method", "own", based_on="_mine")
    with pytest.raises(ConfigError, match=r"own\.yaml holds no spec"):
        menu.find("method", "own")
    write("method", "_mine", lr_images=0.5)
    with pytest.raises(ConfigError, match=r"_mine\.yaml, which others share, needs `init_args` and nothing else"):
        menu.find("method", "own")


def test_files_of_earlier_releases_say_where_they_belong(workdir):
    spec = {"class_path": "fdd_lightning.matching.weightings.KDE", "init_args": {"variance": 0.3}}
    write("weighting", "old", model={"init_args": {"weighting": spec}})
    assert menu.find("weighting", "old") == spec
    write("data", "old", data={"class_path": "fdd_lightning.datamodules.ColoredDigits"})
    assert menu.find("data", "old")["class_path"] == "fdd_lightning.datamodules.ColoredDigits"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"init_args": {}}, "holds no spec"),
        ({"based_on": "kde", "init_arg": {"variance": 0.3}}, "holds no spec"),
        ({"based_on": "nothing"}, "'nothing' is not in configs/method"),
        ({"based_on": "own"}, "is based on itself"),
    ],
)
def test_what_holds_no_spec_is_told(workdir, content, words):
    write("method", "own", **content)
    with pytest.raises(ConfigError, match=words):
        menu.find("method", "own")


def test_what_is_not_there_is_told():
    with pytest.raises(ConfigError, match="preset 'none' is not in configs/eval: choose one of cafe, cui, dc"):
        menu.find("eval", "none", "preset")
