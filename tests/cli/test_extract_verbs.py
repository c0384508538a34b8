"""`extract`, `merge` and `embed` as a user runs them."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import CommandLine
from media_factory import write_video

from egoexobench.checksum import read_json
from egoexobench.cli.extract_json import ExtractionReport
from egoexobench.data.decode import DecodedClip, decode_clip
from egoexobench.experiment.consistency import NUM_ENCODED
from egoexobench.features import encode_clips
from egoexobench.features.embeddings_file import read_embeddings
from egoexobench.types import VIEWS, Clip

FAST_OPTIONS = ("--set", "epochs=1", "--set", "embed_dim=16")
ENCODERS = ("--encoder", "color-grid", "--encoder", "logmel", "--encoder", "random-word-vectors")


class ExtractCommandLine(CommandLine):
    """The command line with a list of the stored features."""

    def list_feature_files(self) -> set[str]:
        root = self.home / "cache" / "tokens"
        return {str(path.relative_to(root)) for path in root.rglob("*.safetensors")}


@pytest.fixture
def command_line(tmp_path: Path) -> ExtractCommandLine:
    return ExtractCommandLine(tmp_path)


@pytest.fixture
def forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding a clip fails the test."""

    decoded = []

    def decode_and_count(clip: Clip, num_frames: int, **options: Any) -> DecodedClip:
        decoded.append(clip.id)
        return decode_clip(clip, num_frames, **options)

    monkeypatch.setattr(encode_clips, "decode_clip", decode_and_count)


def test_a_run_decodes_only_the_sample_of_its_check_if_features_were_extracted(
    command_line: ExtractCommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = command_line("extract", f"folder:path={folder}", *ENCODERS)
    assert result.returncode == 0, result.stderr
    assert "color-grid: 32 of 32 stored (32 decoded)" in result.stdout
    assert "logmel: 32 of 32 stored (32 audible)" in result.stdout
    assert "random-word-vectors: 48 of 48 stored (48 read)" in result.stdout
    before = command_line.list_feature_files()

    decoded = []

    def decode_and_count(clip: Clip, num_frames: int, **options: Any) -> DecodedClip:
        decoded.append(clip.id)
        return decode_clip(clip, num_frames, **options)

    monkeypatch.setattr(encode_clips, "decode_clip", decode_and_count)
    dataset = ("--dataset", f"folder:path={folder}")
    run = command_line("run", "--method", "soundbridge", *dataset, *FAST_OPTIONS, "--task", "eg2ex")
    assert run.returncode == 0, run.stderr
    assert len(decoded) == len(VIEWS) * NUM_ENCODED
    assert {Path(name).parent for name in command_line.list_feature_files()} == {
        Path(name).parent for name in before
    }


def test_shards_of_two_machines_are_merged_into_the_cache(
    command_line: ExtractCommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = f"folder:path={folder}"
    for i in (1, 2):
        result = command_line("extract", dataset, *ENCODERS, "--shard", f"{i}/2", "--out", f"m{i}")
        assert result.returncode == 0, result.stderr
    lacking = command_line("merge", "m2")
    assert lacking.returncode == 1
    assert "shard 1/2 is missing" in lacking.stderr
    assert command_line("merge", "m1", "m2").returncode == 0
    monkeypatch.setattr(
        encode_clips, "decode_clip", lambda *_, **__: pytest.fail("a clip was decoded")
    )
    again = command_line("extract", dataset, *ENCODERS)
    assert "color-grid: 32 of 32 stored" in again.stdout


def test_clips_that_cannot_be_encoded_are_named_and_the_exit_code_says_so(
    command_line: ExtractCommandLine, folder: Path
) -> None:
    clips = command_line.home / "clips"
    shutil.copytree(folder, clips)
    (clips / "b-exo.mp4").write_bytes(b"no film" * 99)
    write_video(clips / "c-ego.mp4", seconds=1.0)
    result = command_line(
        "extract", f"folder:path={clips}", "--encoder", "color-grid", "--encoder", "logmel"
    )
    assert result.returncode == 1
    assert "logmel: 31 of 32 stored (30 audible, 1 no_track)" in result.stdout
    assert "1 clips have no features" in result.stderr
    assert "b/exo: " in result.stderr
    result = command_line("extract", f"folder:path={clips}", "--encoder", "logmel", "--json")
    assert result.returncode == 1
    report = ExtractionReport.model_validate_json(result.stdout)
    assert report.encoders["logmel"].states == {"audible": 30, "no_track": 1}
    assert list(report.encoders["logmel"].failures) == ["b/exo"]


def test_half_precision_features_have_their_own_files_of_half_the_size(
    command_line: ExtractCommandLine, folder: Path
) -> None:
    sizes = []
    for dtype in ("fp32", "fp16"):
        before = command_line.list_feature_files() if sizes else set()
        command_line(
            "extract", f"folder:path={folder}", "--encoder", "color-grid", "--dtype", dtype
        )
        root = command_line.home / "cache" / "tokens"
        sizes.append(
            sum((root / name).stat().st_size for name in command_line.list_feature_files() - before)
        )
    assert 0.45 < sizes[1] / sizes[0] < 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--encoder", "color-grit"], "Did you mean 'color-grid'"),
        (["--encoder", "color-grid", "--shard", "3/2"], "is not valid: write i/n"),
        (["--encoder", "color-grid", "--sampling", "egoexolern"], "Did you mean 'egoexolearn'"),
        (
            ["--encoder", "color-grid", "--encoder", "logmel", "--import-beats", "x"],
            "one --encoder",
        ),
        (["--encoder", "color-grid", "--import-beats", "."], "frozen audio encoder"),
        (["--encoder", "color-grid", "--device", "abacus"], "abacus"),
        ([], "--encoder"),
    ],
)
def test_a_wrong_argument_exits_with_2(
    command_line: ExtractCommandLine, folder: Path, arguments: list[str], message: str
) -> None:
    result = command_line("extract", f"folder:path={folder}", *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_features_of_the_soundbridge_authors_replace_those_of_an_encoder(
    command_line: ExtractCommandLine, folder: Path, forbid_decoding: None
) -> None:
    features = command_line.home / "features"
    features.mkdir()
    spec = "logmel:mels=16"
    rng = np.random.default_rng(0)
    for path in sorted(folder.glob("*.mp4")):
        rows = torch.from_numpy(rng.random((1, 5, 16), np.float32))
        torch.save(rows, features / f"{path.stem}_0-2.pt")
    (features / "a-ego_0-2.pt").unlink()
    arguments = ("extract", f"folder:path={folder}", "--encoder", spec)
    result = command_line(*arguments, "--import-beats", str(features))
    assert result.returncode == 1
    assert f"{spec}: 31 of 32 stored (31 imported)" in result.stdout
    assert "a/ego: a-ego_0-2.pt is missing" in result.stderr
    assert "random weights" not in result.stderr  # this encoder has none


def test_a_warning_names_an_encoder_whose_random_weights_would_fill_gaps(
    command_line: ExtractCommandLine, folder: Path, forbid_decoding: None
) -> None:
    (command_line.home / "features").mkdir()
    arguments = ("extract", f"folder:path={folder}", "--encoder", "beats:size=tiny")
    result = command_line(*arguments, "--import-beats", str(command_line.home / "features"))
    assert result.returncode == 1
    assert "beats:size=tiny has random weights" in result.stderr


def test_embed_writes_the_embeddings_of_a_split_with_their_ids(
    command_line: ExtractCommandLine, folder: Path
) -> None:
    arguments = ("embed", "soundbridge", "--dataset", f"folder:path={folder}", *FAST_OPTIONS)
    result = command_line(*arguments, "--out", "e.safetensors")
    assert result.returncode == 0, result.stderr
    assert "videos: 8 embeddings with 16 dimensions" in result.stdout
    embeddings = read_embeddings(command_line.home / "e.safetensors")
    assert set(embeddings["videos"].ids) == {
        f"{name}/{view}" for name in "mnop" for view in ("ego", "exo")
    }
    assert set("mnop") <= set(embeddings["texts"].ids)
    assert torch.allclose(embeddings["videos"].vectors.norm(dim=1), torch.ones(8), atol=1e-5)
    again = command_line(*arguments, "--out", "e.safetensors")
    assert again.returncode == 1
    assert "already exists" in again.stderr
    wrong = command_line(*arguments, "--out", "e.npz")
    assert wrong.returncode == 2
    assert "must end with .safetensors" in wrong.stderr


def test_a_receipt_lists_the_contents_of_a_store(
    command_line: ExtractCommandLine, folder: Path
) -> None:
    command_line("extract", f"folder:path={folder}", "--encoder", "color-grid", "--out", "stores")
    (receipt,) = (command_line.home / "stores").glob("*/shard-*-1-of-1.json")
    expected = {"num_requested": 32, "states": {"decoded": 32}, "failures": {}}
    assert expected.items() <= json.loads(read_json(receipt)).items()
    (signature,) = (command_line.home / "stores").glob("*/signature.json")
    assert json.loads(signature.read_text())["sampling"] == "egoexolearn"
