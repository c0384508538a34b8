"""`extract --on` as a user runs it."""

import os
import sys
from pathlib import Path

import pytest
from command_line import CommandLine
from plugin_factory import install_plugin

from egoexobench.features.shard_receipt import find_finished_shards

KILLED_ENCODER = """
import os
from pathlib import Path

from egoexobench import Tokens, hookimpl


@hookimpl
def register_encoders(register):
    register("killed-once", killed_once, modality="video")


def killed_once():
    return Encoder()


class Encoder:
    modality, frozen, dim = "video", True, 1

    def prepare(self, frames):
        return frames.pixels.mean((1, 2, 3))[:, None].astype("float32")

    def encode(self, values, mask):
        mark = Path(os.environ["EGOEXOBENCH_MARK"])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), 9)
        return Tokens(values, mask)
"""


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.mark.slow
def test_portions_store_every_clip_also_if_one_is_killed(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    install_plugin(plugins, "killed", KILLED_ENCODER)
    paths = os.pathsep.join([str(plugins), *filter(None, sys.path)])
    monkeypatch.setenv("PYTHONPATH", paths)  # of the jobs
    command_line = CommandLine(tmp_path, plugin_folder=plugins)
    monkeypatch.setenv("EGOEXOBENCH_MARK", str(tmp_path / "mark"))
    arguments = ("extract", f"folder:path={folder}", "--encoder", "killed-once", "--out", "tokens")
    result = command_line(*arguments, "--on", "local:gpus=0,at_once=2")
    assert result.returncode == 0, result.stderr
    assert "killed-once: 32 of 32 stored (32 decoded)" in result.stdout
    assert (tmp_path / "mark").exists(), "a portion was killed"
    (store,) = (path.parent for path in (tmp_path / "tokens").glob("*/signature.json"))
    shards = find_finished_shards(store)
    assert {(shard.number, shard.num_shards) for shard in shards} == {(1, 2), (2, 2)}
    files = sorted(store.glob("*.safetensors"))
    result = command_line(*arguments)
    assert "32 of 32 stored" in result.stdout
    assert sorted(store.glob("*.safetensors")) == files, "nothing is encoded again"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--on", "locl"), "unknown launcher 'locl'. Did you mean 'local'?"),
        (("--on", "local:gpu=2"), "unknown option 'gpu' of launcher 'local'. Did you mean 'gpus'?"),
        (("--on", "local:portions=0"), "portions=0 is invalid for launcher 'local'"),
        (("--on", "local", "--shard", "1/2"), "--on cannot be used with --shard"),
        (("--on", "local", "--export", "f.safetensors"), "--on cannot be used with --export"),
        (("--on-interrupt", "leave"), "--on-interrupt leave needs --on"),
        (
            ("--on", "local", "--on-interrupt", "leave"),
            "--on-interrupt leave cannot be used with 'local': its jobs end with the command",
        ),
    ],
)
def test_what_cannot_be_is_one_line_before_any_work(
    command_line: CommandLine, arguments: tuple[str, ...], message: str
) -> None:
    result = command_line("extract", "synthetic", "--encoder", "color-grid", *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_portion_that_fails_is_named_with_its_reason(
    command_line: CommandLine, folder: Path
) -> None:
    result = command_line(
        "extract", f"folder:path={folder}", "--encoder", "color-grid", "--device", "cuda:99",
        "--on", "local:gpus=0",
    )  # fmt: skip
    assert result.returncode == 1
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("egoexobench: "))
    assert line.startswith("egoexobench: 1 of 1 portions failed; portion 1/1: device 'cuda:99'")
    assert line.endswith("repeat the command to continue")
