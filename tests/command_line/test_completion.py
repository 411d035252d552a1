"""`fdd completion bash` is understood by bash, and completes commands, options and names of the menu."""

import shutil
import subprocess

import pytest

from fdd_lightning.command_line import COMMANDS, parser_of
from fdd_lightning.configuration import menu

TYPED = """
source script.bash
COMP_WORDS=({words} ""); COMP_CWORD={last}; COMP_LINE="{words} "; COMP_POINT=${{#COMP_LINE}}
_shtab_fdd fdd "" {words}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory, digits_cache):
    pytest.importorskip("shtab", reason="needs the extra `completion`")
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    folder = tmp_path_factory.mktemp("completion")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FDD_CACHE", str(digits_cache))
        patch.chdir(folder)
        import shtab

        from fdd_lightning.command_line.completion import whole_parser

        (folder / "script.bash").write_text(shtab.complete(whole_parser(), shell="bash"))
    return folder


def completed(script, words):
    typed = TYPED.format(words=words, last=len(words.split()))
    done = subprocess.run(["bash", "-c", typed], cwd=script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_commands_and_names(script):
    assert completed(script, "fdd") == [*COMMANDS]
    assert completed(script, "fdd distill --model") == menu.names("method")
    assert completed(script, "fdd distill --model.weighting") == menu.names("weighting")
    assert completed(script, "fdd eval --model.learner") == menu.names("trainer")
    assert completed(script, "fdd fit --model") == menu.names("encoder") + menu.names("experts")
    assert completed(script, "fdd data prepare") == menu.names("data")
    assert completed(script, "fdd list") == menu.kinds()
    assert set(menu.names("recipes")) <= {*completed(script, "fdd run")}


def test_a_shell_that_is_none(refused):
    assert "invalid choice: 'fish'" in refused("completion", "fish")


def test_parsers_of_plain_commands(workdir):
    plain = [name for name, where in COMMANDS.items() if not where.startswith("stage.") and name != "data"]
    assert {name: getattr(parser_of(name), "prog", None) for name in plain} == {name: f"fdd {name}" for name in plain}
    assert parser_of("data", "show").prog == "fdd data show"  # type: ignore[union-attr]
