"""Features that were made elsewhere take the place of an encoder, and no media are needed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine

import egoexobench as ee
from egoexobench.errors import DataError, UsageError
from egoexobench.external.feature_table import read_feature_table
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.row_notes import list_checks, render_checks
from egoexobench.leaderboard.run_source import RunSource
from egoexobench.records.schema import PartRecord, Record
from egoexobench.results.run_result import RunResult

pytestmark = pytest.mark.filterwarnings("ignore::egoexobench.errors.NoticeWarning")
FAST = {"epochs": 2, "embed_dim": 16}
"""Settings of the run `honest_run`."""


@pytest.fixture(scope="module")
def exported(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Features of both encoders, exported from the store of features."""
    root = tmp_path_factory.mktemp("exported")
    run = CommandLine(root)
    for encoder in ("color-grid", "logmel"):
        done = run(
            "extract", f"folder:path={folder}", "--encoder", encoder, "--export",
            str(root / f"{encoder}.safetensors"),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"{encoder}.safetensors: features of 32 of 32" in done.stdout
    return root


@pytest.fixture(scope="module")
def tables(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The annotation without its media."""
    root = tmp_path_factory.mktemp("tables")
    for path in folder.glob("*.jsonl"):
        shutil.copy(path, root)
    return root


def run_given(exported: Path, tables: Path, out: Path, **options) -> RunResult:
    settings = {
        "video": f"features:file={exported / 'color-grid.safetensors'}",
        "audio": f"features:file={exported / 'logmel.safetensors'}",
    }
    settings |= options.pop("set", {})
    return ee.run(
        "soundbridge", dataset=f"folder:path={tables}", set=FAST | settings, out=out,
        progress=False, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def given_run(exported: Path, tables: Path, external_cache: Path, tmp_path_factory) -> RunResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(external_cache))
        return run_given(exported, tables, tmp_path_factory.mktemp("given"))


def list_values(record: Record) -> dict:
    return {
        (score.task, score.policy, name): metric.value
        for score in record.scores
        for name, metric in score.metrics.items()
    }


@pytest.mark.slow
def test_a_method_on_exported_features_scores_as_on_its_own(
    given_run: RunResult, honest_run: RunResult
) -> None:
    runs = given_run, honest_run
    values, expected = (list_values(run.record) for run in runs)
    assert values == pytest.approx(expected)
    losses = [[epoch.loss for epoch in run.record.epochs] for run in runs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.slow
def test_the_record_says_that_features_were_given_and_what_is_claimed(given_run) -> None:
    record = given_run.record
    claims = {part.role: part.claimed for part in record.method.parts}
    assert (claims["video"], claims["audio"], claims["text"]) == (("video",), ("audio",), ())
    assert record.dataset.media_hash is None
    assert {score.track["frames"] for score in record.scores} == {0}
    assert "Features given, not audited: video from video, audio from audio" in str(given_run)
    assert given_run.verify().is_verified
    row = build_reproduced_row([RunSource(given_run.record)])
    assert "**features given, not audited**" in render_checks(list_checks(row))


def test_a_part_that_computes_says_nothing_of_claims() -> None:
    part = PartRecord(role="video", kind="encoder", name="color-grid")
    assert "claimed" not in part.model_dump()
    assert part.model_copy(update={"claimed": ("audio",)}).model_dump()["claimed"] == ("audio",)


def test_evidence_is_what_the_user_says(exported: Path, tables: Path, tmp_path: Path) -> None:
    table = f"features:file={exported / 'color-grid.safetensors'},evidence=narration+video"
    result = run_given(exported, tables, tmp_path, set={"video": table}, tasks="eg2ex")
    assert result.record.method.declared_inputs.video == ("video", "audio", "narration")


def test_an_audit_refuses_given_features(exported: Path, folder: Path, tmp_path: Path) -> None:
    done = CommandLine(tmp_path)(
        "audit", "soundbridge", "--dataset", f"folder:path={folder}", "--set", "epochs=1", "--set",
        f"video=features:file={exported / 'color-grid.safetensors'}",
    )  # fmt: skip
    assert done.returncode == 2
    assert "features of video were made elsewhere, so that no audit can say" in done.stderr
    assert "Traceback" not in done.stderr


def write_part(exported: Path, name: str, target: Path, ids: list[str]) -> None:
    table = read_feature_table(exported / f"{name}.safetensors")
    np.savez(target, **{key: rows for key, rows in table.rows.items() if key not in ids})


def test_missing_ids_are_counted_and_refused(exported: Path, tables: Path, tmp_path: Path) -> None:
    write_part(exported, "color-grid", file := tmp_path / "v.npz", ["m/ego", "a/exo"])
    settings = {"video": f"features:file={file}"}
    message = r"2 of 32 clips have no feature, the first is 'a/exo'; --allow-missing"
    with pytest.raises(DataError, match=message):
        run_given(exported, tables, tmp_path, set=settings)
    result = run_given(
        exported, tables, tmp_path / "runs", set=settings, allow_missing=True, tasks="eg2ex"
    )
    assert result.record.coverage.num_excluded == {"no feature": 2}
    assert result.record.counts.num_queries["eg2ex"] == 3


def test_sound_without_features_is_missing_sound(
    exported: Path, tables: Path, tmp_path: Path
) -> None:
    write_part(exported, "logmel", file := tmp_path / "a.npz", ["m/ego"])
    settings = {"audio": f"features:file={file}"}
    options = {"set": settings, "missing_audio": "mask", "tasks": "eg2ex"}
    result = run_given(exported, tables, tmp_path / "runs", **options)
    assert result.record.coverage is None


def test_ids_of_nothing_are_answered_with_what_an_id_is(
    exported: Path, tables: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "v.npz", other=np.ones(4))
    with pytest.raises(DataError, match=r"32 of 32 clips have no feature.*egoexobench data items"):
        run_given(exported, tables, tmp_path, set={"video": f"features:file={tmp_path}/v.npz"})


def test_texts_are_found_by_their_text(exported: Path, tables: Path, tmp_path: Path) -> None:
    rows = (tables / "clips.jsonl").read_text().splitlines()
    names = {f"a person takes the {name}" for name in "abcdefghijklmnop"}
    assert len(rows) == 32
    np.savez(tmp_path / "t.npz", **{name: np.full(4, index) for index, name in enumerate(names)})
    settings = {"text": f"features:file={tmp_path}/t.npz", "anchor": "narration"}
    settings |= {"captioner": "none", "text_fusion": "none"}
    message = r"32 of 48 texts have no feature, the first is 'ego sees a'"
    with pytest.raises(DataError, match=message):
        run_given(exported, tables, tmp_path, set=settings)
    result = run_given(
        exported, tables, tmp_path / "runs", set=settings, tasks="t2v", allow_missing=True
    )
    assert result.record.counts.num_queries["t2v"] > 0


def test_extract_has_nothing_to_do_with_given_features(exported: Path, folder: Path) -> None:
    run, dataset = CommandLine(exported), f"folder:path={folder}"
    table = f"features:file={exported}/logmel.safetensors"
    done = run("extract", dataset, "--encoder", table)
    assert (done.returncode, "made elsewhere: there is nothing to do" in done.stderr) == (2, True)
    done = run("extract", dataset, "--encoder", "logmel", "--export", "f.npz")
    assert (done.returncode, "must end with .safetensors" in done.stderr) == (2, True)


def test_an_unknown_evidence_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="evidence=all: expected some of video, audio, narration"):
        ee.Registry().create("encoder", f"features:file={tmp_path},evidence=all")
