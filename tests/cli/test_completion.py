"""A shell completes commands, options, choices and the names of parts."""

import shutil
import subprocess

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from egoexobench.cli import main


def complete(*arguments: str) -> set[str]:
    """Return what the last argument may become."""
    completer = ShellComplete(main, {}, "egoexobench", "_EGOEXOBENCH_COMPLETE")
    return {item.value for item in completer.get_completions([*arguments[:-1]], arguments[-1])}


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["ru"], "run"),
        (["run", "--met"], "--method"),
        (["run", "--method", "soundb"], "soundbridge"),
        (["run", "--task", "eg"], "eg2ex"),
        (["run", "--dataset", "syn"], "synthetic"),
        (["run", "--train-on", "fol"], "folder"),
        (["run", "--track", "tens"], "tensorboard"),
        (["extract", "synthetic", "--encoder", "log"], "logmel"),
        (["extract", "synthetic", "--encoder", "logmel", "--on", "sl"], "slurm"),
        (["caption", "synthetic", "--captioner", "ru"], "rules"),
        (["answer", "synthetic", "--answerer", "op"], "openai"),
        (["audit", "egoe"], "egoexo"),
        (["embed", "egoe"], "egoexo"),
        (["data", "doctor", "egoexol"], "egoexolearn"),
        (["site", "build", "runs", "--dataset", "fol"], "folder"),
        (["view", "runs", "--dataset", "fol"], "folder"),
        (["list", "anc"], "anchor"),
        (["show", "fusion", "sound-v"], "sound-vision"),
        (["weights", "list", "lav"], "lavila"),
        (["sweep", "tab"], "table4"),
    ],
)
def test_a_word_is_completed(arguments: list[str], value: str) -> None:
    assert value in complete(*arguments)


def test_only_parts_of_the_kind_are_suggested_with_a_line_of_help() -> None:
    assert complete("show", "encoder", "sound") == set()
    completer = ShellComplete(main, {}, "egoexobench", "_EGOEXOBENCH_COMPLETE")
    (item,) = completer.get_completions(["show", "fusion"], "sound-vi")
    assert "eq. 4" in item.help


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_valid_for_it(shell: str) -> None:
    variables = {"_EGOEXOBENCH_COMPLETE": f"{shell}_source"}
    script = CliRunner().invoke(main, [], prog_name="egoexobench", env=variables).stdout
    assert f"_EGOEXOBENCH_COMPLETE={shell}_complete" in script
    if path := shutil.which(shell):
        subprocess.run([path, "-n"], input=script, text=True, check=True)
