"""`audit` fails for a part that reads what it does not receive."""

from collections.abc import Callable, Iterator
from pathlib import Path

import cheating_parts
import pytest

from egoexobench.data.decode import decode_clip
from egoexobench.data.folder_dataset import FolderDataset
from egoexobench.records.audit import FAILING_VERDICTS, Audit, list_failures

TINY_DATASET = "synthetic:train=4,val=4,test=16,seconds=2,pixels=32"


def list_faults(audit: Audit) -> set[str]:
    """What fails an audit, in short: changes, swaps, accesses, fresh data and replaced code."""
    checks = {check.change for check in audit.invariances if check.verdict in FAILING_VERDICTS}
    swaps = {swap.modality for swap in audit.swaps if swap.verdict in FAILING_VERDICTS}
    fresh = {"fresh data" for check in audit.fresh_data if check.verdict in FAILING_VERDICTS}
    accesses = {access.partition(" ")[0] for access in audit.accesses}
    return checks | swaps | fresh | accesses | set(audit.patched)


CHEATS = {
    "call stack: narration": ({"video": "stack-narration"}, {"annotation"}),
    "call stack: labels": ({"video": "stack-labels"}, {"annotation"}),
    "ids": ({"video": "stack-ids"}, {"ids"}),
    "takes": ({"video": "stack-takes"}, {"ids"}),
    "file names": ({"video": "stack-file-names"}, {"files", "paths"}),
    "file opened from the media path": ({"video": "stack-file-bytes"}, {"files", "opens"}),
    "size of the media file": ({"video": "stack-file-size"}, {"files"}),
    "other modality, decoded from the file": ({"video": "stack-other-modality"}, {"files"}),
    "folder of the media": ({"video": "folder-lister:path=FOLDER"}, {"opens"}),
    "annotation file": ({"video": "annotation-reader:path=FOLDER"}, {"opens"}),
    "closure over the data set": (
        {"video": "closure:path=FOLDER"},
        {"annotation", "files", "calls", "opens"},
    ),
    "text that reads the media": (
        {"text": "narrating-text:path=FOLDER"},
        {"media", "paths", "calls", "opens"},
    ),
    "objective that reads the test split": (
        {"video_fusion": "sound-vision", "audio": "logmel", "anchor": "narration",
         "objective": "reading:path=FOLDER", "epochs": "1"},
        {"calls", "opens"},
    ),
}  # fmt: skip
TWINS = {
    "encoder": {},
    "text encoder": {"text": "honest-text"},
    "fusion": {"video_fusion": "honest"},
}


@pytest.mark.parametrize(("settings", "faults"), CHEATS.values(), ids=CHEATS)
def test_a_cheat_is_caught_by_these_checks(audit_cheat, settings: dict, faults: set[str]) -> None:
    audit = audit_cheat(**settings)
    assert not audit.passed
    assert list_faults(audit) == faults
    assert list_failures(audit)


def test_a_search_among_all_objects_of_the_process_is_caught(audit_cheat) -> None:
    # the bank that it finds may be an old one, which no change reaches
    assert "searches" in list_faults(audit_cheat(video_fusion="bank-finder"))


@pytest.mark.parametrize("settings", TWINS.values(), ids=TWINS)
def test_an_honest_twin_passes_every_check(audit_cheat, settings: dict) -> None:
    audit = audit_cheat(**settings)
    assert audit.passed, list_failures(audit)
    assert list_faults(audit) == set()


def fill_tables(dataset) -> None:
    """Give the tables the films of the test split."""
    for pair in dataset.pairs("test"):
        for clip in (pair.ego, pair.exo):
            frames = decode_clip(clip, 8, with_audio=False).frames
            colors = cheating_parts.compute_mean_colors(frames)
            cheating_parts.EXACT_TABLE[frames.pixels.tobytes()] = pair.id
            cheating_parts.COARSE_TABLE.append((colors, pair.id))


@pytest.fixture
def tables() -> Iterator[Callable]:
    yield fill_tables
    cheating_parts.EXACT_TABLE.clear()
    cheating_parts.COARSE_TABLE.clear()


def test_a_table_of_exact_frames_is_caught_by_a_nudge(audit_cheat, tables, folder: Path) -> None:
    tables(FolderDataset(folder))
    assert list_faults(audit_cheat(video="exact-table")) == {"nudge"}


def test_a_part_that_is_honest_in_an_audit_has_other_embeddings_than_its_run(
    audit_cheat, run_cheat, tables, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = run_cheat()
    audit = audit_cheat(record=honest.path)
    assert audit.passed, list_failures(audit)
    assert {check.verdict for check in audit.recorded} == {"same_embeddings"}
    tables(FolderDataset(folder))
    record = run_cheat(video="wary").path
    monkeypatch.setenv("IS_AUDITED", "1")
    # with the features that the run stored, the other checks see the difference
    assert not audit_cheat(record=record, video="wary").passed
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "empty"))
    assert audit_cheat(video="wary").passed
    cheat = audit_cheat(record=record, video="wary")
    assert "other_embeddings" in {check.verdict for check in cheat.recorded}
    (line,) = list_failures(cheat)
    assert f"are not those of the run {record.stem}" in line


def test_a_coarse_table_is_caught_on_fresh_data_alone(audit_cheat, cheats, tables) -> None:
    dataset = cheats.create("dataset", TINY_DATASET)
    audit = audit_cheat(dataset=TINY_DATASET)
    assert audit.passed, list_failures(audit)
    assert {check.verdict for check in audit.fresh_data} == {"confirmed"}
    tables(dataset)
    cheat = audit_cheat(dataset=TINY_DATASET, video="coarse-table")
    assert list_faults(cheat) == {"fresh data"}
    assert {check.task for check in cheat.fresh_data if check.verdict == "test_split_only"} == {
        "eg2ex",
        "ex2eg",
    }
    assert "so the method knows the test split" in list_failures(cheat)[0]


def test_a_function_of_the_toolkit_that_was_replaced_is_named(
    audit_cheat, monkeypatch: pytest.MonkeyPatch
) -> None:
    from egoexobench.experiment import scoring

    monkeypatch.setattr(scoring, "score_ranked_queries", lambda *arguments, **options: None)
    monkeypatch.setattr(FolderDataset, "queries", lambda self, split, task: ())
    assert list_faults(audit_cheat()) == {
        "egoexobench.experiment.scoring.score_ranked_queries",
        "egoexobench.data.folder_dataset.FolderDataset.queries",
    }
