"""`egoexobench weights fetch` downloads before a run, and a run then needs no hub."""

from pathlib import Path

import pytest
from command_line import CommandLine
from local_hub import COMMIT, serve_hub, use_hub
from tiny_models import write_tiny_model

SPEC = f"hf-text:model=org/tiny@{COMMIT}"


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


def test_fetch_says_sizes_and_licenses_and_a_second_fetch_asks_nobody(
    command: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_model(tmp_path / "tiny", "text", "bert")
    with serve_hub() as hub:
        use_hub(monkeypatch, hub.endpoint, tmp_path / "hub")
        hub.repositories["org/tiny"] = tmp_path / "tiny"
        first = command("weights", "fetch", SPEC)
    assert "downloading org/tiny@0123456" in first.stderr
    second = command("weights", "fetch", SPEC)  # the hub is gone
    for result in (first, second):
        assert result.returncode == 0
        assert {"org/tiny", COMMIT[:7], "license"} <= set(result.stdout.split())
    assert second.stderr == ""


def test_fetch_of_a_method_without_models_by_name_says_so(command: CommandLine) -> None:
    assert "no model by name" in command("weights", "fetch", "soundbridge").stdout


@pytest.mark.parametrize("name", ["openai/clip-vit-base-patch16", "org/tiny@main"])
def test_fetch_of_a_model_alone_says_how_to_name_it(command: CommandLine, name: str) -> None:
    result = command("weights", "fetch", name)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.strip().splitlines()) == 1
    for encoder in ("hf-image", "hf-text", "open-clip", "timm"):
        assert f"{encoder}:model={name}" in result.stderr


def test_fetch_of_a_folder_says_the_encoder_that_reads_it(
    command: CommandLine, tmp_path: Path
) -> None:
    write_tiny_model(tmp_path / "tiny", "text", "bert")
    result = command("weights", "fetch", str(tmp_path / "tiny"))
    assert result.returncode == 2
    assert f"hf-text:model={tmp_path / 'tiny'}" in result.stderr
    assert "hf-image" not in result.stderr


def test_fetch_of_a_branch_is_a_usage_error(command: CommandLine) -> None:
    result = command("weights", "fetch", "hf-text:model=org/tiny@main")
    assert (result.returncode, "not a commit" in result.stderr) == (2, True)
