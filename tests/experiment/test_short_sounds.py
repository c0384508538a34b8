"""A sound that is shorter than an encoder's window names the clip and its row."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from media_factory import make_clip_rows, make_tone, write_video

from egoexobench.cli import main
from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table

OPTIONS = (
    *("--method", "soundbridge", "--set", "audio=beats:size=tiny"),
    *("--set", "epochs=1", "--set", "embed_dim=16", "--task", "eg2ex"),
)
REASON = "the audio has 1600 samples at 16 kHz; a patch needs at least 2800"


@pytest.fixture
def run_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))

    def invoke(*arguments: str) -> SimpleNamespace:
        result = CliRunner().invoke(main, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def folder_spec(tmp_path: Path) -> str:
    """A data set whose last clip lasts 0.1 s."""
    root = tmp_path / "clips"
    root.mkdir()
    splits = {"train": "abc", "val": "de", "test": "fgh"}
    rows = [row for split, names in splits.items() for row in make_clip_rows(list(names), split)]
    rows[-1] = rows[-1].model_copy(update={"start": 0.2, "end": 0.3})
    for index, row in enumerate(rows):
        write_video(root / row.media, seconds=1.0, waveform=make_tone(1.0, 200 + 40 * index))
    write_table(root / CLIPS_TABLE, rows)
    return f"folder:path={root}"


def test_the_error_names_the_clip_and_its_row(run_cli, folder_spec: str) -> None:
    result = run_cli("run", *OPTIONS, "--dataset", folder_spec)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("egoexobench: clip h/exo: ")
    assert f"{REASON} (clips.jsonl, line 16); --allow-missing" in line


def test_a_run_without_the_clip_says_the_true_reason(run_cli, folder_spec: str) -> None:
    result = run_cli("run", *OPTIONS, "--dataset", folder_spec, "--allow-missing", "--json")
    assert result.exit_code == 0, result.stderr
    assert f"first h/exo (clips.jsonl, line 16): beats: {REASON}" in result.stderr
    coverage = json.loads(result.stdout)["coverage"]
    assert coverage["num_excluded"] == {"is refused by its audio encoder": 1}
