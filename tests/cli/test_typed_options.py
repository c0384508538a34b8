"""The command line of a job says the same as the one that was typed."""

import os
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from egoexobench.cli import main
from egoexobench.cli.extract import extract_command
from egoexobench.cli.sweep import sweep_command
from egoexobench.cli.typed_options import iter_typed


def parse(command: click.Command, arguments: Sequence[str]) -> click.Context:
    parent = click.Context(main, info_name="egoexobench", obj=["ray"])
    return command.make_context(command.name, list(arguments), parent=parent)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (extract_command, ("set:path=a b", "--encoder", "a:x=1 2", "--encoder=b", "--seed", "0")),
        (extract_command, ("set", "--encoder", "a", "--template", "-{}", "--out", "")),
        (sweep_command, ("--no-embeddings", "--track", "a", "--track", "b", "a b.toml")),
    ],
)
def test_a_job_has_the_same_parameters(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: click.Command,
    arguments: Sequence[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b.toml").touch()
    context = parse(command, arguments)
    typed = [*iter_typed(context)]
    assert typed[:3] == ["-p", "no:ray", command.name]
    assert parse(command, typed[3:]).params == context.params


def test_a_file_may_begin_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("-p.toml").touch()
    typed = [*iter_typed(parse(sweep_command, ("--out", "-o", "--", "-p.toml")))]
    params = parse(sweep_command, [*typed[3:], "--cell", "0"]).params
    assert [*map(os.path.normpath, params["files"])] == ["-p.toml"]
    assert (params["out"], params["cell_key"]) == (Path("-o"), "0")
