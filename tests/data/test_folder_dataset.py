from pathlib import Path

import pytest
from media_factory import make_clip_rows

from egoexobench.data import schema
from egoexobench.data.folder_dataset import (
    CLIPS_TABLE,
    QUERIES_TABLE,
    ClipRow,
    FolderDataset,
    QueryRow,
    write_table,
)
from egoexobench.errors import DataError, UsageError
from egoexobench.progress import NullProgress
from egoexobench.types import SPLITS

DOCS = Path(__file__).parents[2] / "docs" / "folder.md"


def write_dataset(root: Path, **changes: object) -> FolderDataset:
    """Three pairs, the first ego row changed."""
    clip_rows = make_clip_rows(["a", "b", "c"])
    for row in clip_rows:
        (root / row.media).write_bytes(b"")
    clip_rows[0] = clip_rows[0].model_copy(update=changes)
    write_table(root / CLIPS_TABLE, clip_rows)
    return FolderDataset(root)


def test_the_names_that_a_plugin_needs_have_their_module() -> None:
    assert ClipRow is schema.ClipRow
    assert (CLIPS_TABLE, QUERIES_TABLE) == ("clips.jsonl", "queries.jsonl")


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        (
            {"media": "../a.mp4"},
            ["media '../a.mp4' is outside the folder", "pair 'a' has only its exo"],
        ),
        ({"media": "/etc/passwd"}, ["media '/etc/passwd' is outside", "pair 'a' has only its exo"]),
        ({"start": 2.0, "end": 1.0}, ["the clip 2-1 s is empty", "pair 'a' has only its exo"]),
        (
            {"pair": "b"},
            ["pair 'b' has its ego view in line 1 already", "pair 'a' has only its exo"],
        ),
        ({"split": "test"}, ["pair 'a' is in two splits, test and train"]),
        ({"split": "dev"}, ["split: Input should be", "pair 'a' has only its exo"]),
    ],
)
def test_invalid_rows_are_skipped_and_reported_by_file_and_row(
    tmp_path: Path, changes: dict, reasons: list[str]
) -> None:
    dataset = write_dataset(tmp_path, **changes)
    assert [pair.id for pair in dataset.pairs("train")] == ["b", "c"]
    assert len(dataset.findings) == len(reasons)
    for finding, reason in zip(dataset.findings, reasons, strict=True):
        assert finding.file == CLIPS_TABLE
        assert finding.row.startswith("line ")
        assert finding.reason.startswith(reason)
        assert "\n" not in finding.reason
    dataset.prepare(NullProgress())


def test_a_link_out_of_the_folder_leaves_it(tmp_path: Path) -> None:
    root = tmp_path / "clips"
    root.mkdir()
    (tmp_path / "secret.mp4").write_bytes(b"")
    (root / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    assert "is outside the folder" in write_dataset(root, media="link.mp4").findings[0].reason


def test_rows_of_a_pair_need_not_be_adjacent(tmp_path: Path) -> None:
    clip_rows = make_clip_rows(["a", "b"])
    write_table(tmp_path / CLIPS_TABLE, [clip_rows[0], clip_rows[2], clip_rows[3], clip_rows[1]])
    dataset = FolderDataset(tmp_path)
    assert [(p.ego.id, p.exo.id) for p in dataset.pairs("train")] == [
        ("a/ego", "a/exo"),
        ("b/ego", "b/exo"),
    ]
    assert dict(dataset.where) == {
        "a/ego": f"{CLIPS_TABLE}, line 1",
        "b/ego": f"{CLIPS_TABLE}, line 2",
        "b/exo": f"{CLIPS_TABLE}, line 3",
        "a/exo": f"{CLIPS_TABLE}, line 4",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": 2}, "answer 2 is out of range: 2 candidates, indices 0 to 1"),
        ({"source": "z/ego"}, "'z/ego' is not a pair or clip of split 'train'"),
        ({"split": "val"}, "'a/ego' is not a pair or clip of split 'val'"),
    ],
)
def test_an_invalid_query_is_skipped(tmp_path: Path, changes: dict, reason: str) -> None:
    good = QueryRow(
        split="train", task="eg2ex", source="a/ego", candidates=("b/exo", "a/exo"), answer=1
    )
    write_dataset(tmp_path)
    write_table(tmp_path / QUERIES_TABLE, [good, good.model_copy(update=changes)])
    dataset = FolderDataset(tmp_path)
    assert len(dataset.queries("train", "eg2ex")) == 1
    (finding,) = dataset.findings
    assert (finding.file, finding.row) == (QUERIES_TABLE, "line 2")
    assert finding.reason.startswith(reason)


def make_camera_rows() -> list[ClipRow]:
    """Pairs a1 and a2 with one ego clip, and pair b."""
    rows = make_clip_rows(["a1", "a2", "b"])
    shared = {"media": rows[0].media, "pair_narration": rows[0].pair_narration}
    rows[2] = rows[2].model_copy(update=shared)
    return rows


@pytest.mark.parametrize(
    ("task", "source", "candidates", "positives"),
    [
        ("eg2ex", "a2/ego", ("b/exo", "a1/exo", "a2/exo"), (2, 1)),
        ("ex2eg", "a1/exo", ("a1/ego", "b/ego"), (0,)),
        ("ex2eg", "a1/exo", ("b/ego", "a2/ego"), (1,)),
        ("t2v", "a1", ("a2/exo", "a1/exo", "b/exo"), (1, 0)),
        ("v2t", "a1/ego", ("b", "a2", "a1"), (2, 1)),
        ("eg2ex", "b/ego", ("a1/exo", "b/exo"), (1,)),
        ("t2v", "b", ("b/exo", "b/ego"), (0,)),
        ("eg2ex", "b/ego", ("a1/exo", "b/exo"), (0,)),  # an answer of another pair is that alone
    ],
)
def test_candidates_that_are_partners_like_the_answer_are_right(
    tmp_path: Path, task, source, candidates, positives
) -> None:
    write_table(tmp_path / CLIPS_TABLE, make_camera_rows())
    row = QueryRow(
        split="train", task=task, source=source, candidates=candidates, answer=positives[0]
    )
    write_table(tmp_path / QUERIES_TABLE, [row])
    (query,) = FolderDataset(tmp_path).queries("train", task)
    assert query.positives == positives
    assert query.cluster == ("b" if source.startswith("b") else "a1")


def test_the_error_of_an_empty_folder_says_how_to_create_a_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data init"):
        FolderDataset(tmp_path)


def test_the_error_of_a_folder_that_does_not_exist_does_not_offer_to_create_a_table(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="nothing is not a folder; a data set is"):
        FolderDataset(tmp_path / "nothing")


def test_the_fingerprint_changes_with_either_table(tmp_path: Path) -> None:
    first = write_dataset(tmp_path).fingerprint
    assert write_dataset(tmp_path).fingerprint == first
    assert write_dataset(tmp_path, scene="attic").fingerprint != first
    write_dataset(tmp_path)
    (tmp_path / QUERIES_TABLE).write_text("\n")
    assert FolderDataset(tmp_path).fingerprint != first
    assert all(not FolderDataset(tmp_path).queries(split, "eg2ex") for split in SPLITS)


@pytest.mark.skipif(not DOCS.is_file(), reason="not a checkout")
@pytest.mark.parametrize("schema", [ClipRow, QueryRow])
def test_the_published_schema_is_the_one_that_is_read(schema: type) -> None:
    text = DOCS.read_text()
    table = text.partition(f"## `{'clips' if schema is ClipRow else 'queries'}`")[2].partition("##")
    columns = [
        name.strip(" `")
        for line in table[0].splitlines()
        if line.startswith("| `")
        for name in line.split("|")[1].split(",")
    ]
    assert columns == list(schema.model_fields)


@pytest.mark.parametrize("method", ["clips", "pairs", "queries"])
def test_an_unknown_split_or_task_is_answered_with_the_nearest(folder: Path, method: str) -> None:
    task = ("eg2ex",) if method == "queries" else ()
    with pytest.raises(UsageError, match=r"unknown split 'tset'\. Did you mean 'test'"):
        getattr(FolderDataset(folder), method)("tset", *task)
    with pytest.raises(UsageError, match=r"unknown task 'eg2x'\. Did you mean 'eg2ex'"):
        FolderDataset(folder).queries("test", "eg2x")  # type: ignore[arg-type]
