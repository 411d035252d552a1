"""Arguments left to us: settled at the start, part of the work from then on, and told where they are not plain."""

import json

import yaml

from fdd_lightning import SyntheticSet
from fdd_lightning.__main__ import main
from fdd_lightning.configuration.settled import settled_by_data
from fdd_lightning.modules import distiller
from fdd_lightning.stages.parser import resolve

SMALL = ["--model.iterations=2", "--model.surrogate.network.width=4", "--model.images_per_class=1"]


def arguments_in(folder):
    return yaml.safe_load((folder / "config.yaml").read_text())["model"]["init_args"]


def settings_of(folder):
    return SyntheticSet.load(folder / "synthetic.safetensors").metadata["settings"]


def test_a_short_run_is_computed_as_written_and_its_row_is_plain(tmp_path):
    assert main(["distill", *SMALL, f"--output={tmp_path}"]) == 0
    assert (arguments_in(tmp_path)["compile"], arguments_in(tmp_path)["target_precision"]) == ("off", "float32")
    assert not {"compile", "target_precision"} & set(settings_of(tmp_path))


def test_what_is_chosen_otherwise_stands_in_the_row_and_is_other_work(tmp_path, capsys):
    words = ["distill", *SMALL, f"--output={tmp_path}"]
    assert main([*words, "--model.target_precision=bfloat16"]) == 0
    assert settings_of(tmp_path)["target_precision"] == "bfloat16"
    before = (tmp_path / "synthetic.safetensors").read_bytes()
    assert main([*words, "--model.target_precision=float32"]) == 0
    assert "held other work" in capsys.readouterr().err
    assert (tmp_path / "synthetic.safetensors").read_bytes() != before


def test_work_that_was_settled_otherwise_elsewhere_is_known_again(tmp_path, capsys):
    words = ["distill", *SMALL, f"--output={tmp_path}"]
    assert main([*words, "--model.target_precision=bfloat16"]) == 0
    assert main(words) == 0  # auto would be float32 here
    assert f"finished: distill in {tmp_path}" in capsys.readouterr().out


def test_a_recipe_says_on_and_off_as_words(tmp_path):
    recipe = tmp_path / "r.yaml"
    leaves = "{compile: off, target_precision: bfloat16}"
    recipe.write_text(f"name: r\ndata: colored_digits\nmethods: [dm]\ndistill: {leaves}\n")
    assert main(["run", str(recipe), "--dry-run", f"--output={tmp_path / 'run'}"]) == 0


def test_a_long_run_is_compiled(monkeypatch):
    monkeypatch.setattr(distiller, "operations_of", lambda *facts: 1e12)
    config = settled_by_data(resolve("distill", ["--trainer.accelerator=cpu"]))
    assert config["model"]["init_args"]["compile"] in ("on", "off")  # by whether there is a compiler
    assert "auto" not in json.dumps({k: config["model"]["init_args"][k] for k in ("compile", "target_precision")})
