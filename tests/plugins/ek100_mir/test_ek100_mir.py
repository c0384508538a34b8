"""Relevance follows from classes, another matrix is refused, and the official metrics hold."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from ek100_root import make_row, make_rows, make_texts, write_ek100_root
from reference_metrics.graded import score_ek100_mir

import egoexobench as ee
from egoexobench.data.graded_queries import read_relevance
from egoexobench.errors import DataError
from egoexobench.protocols import Dataset
from egoexobench.testing import check_dataset
from egoexobench.types import Relevance
from egoexobench.verification.bundle import verify_bundle


def open_root(root: Path, **options: Path) -> Dataset:
    listed = "".join(f",{name}={value}" for name, value in options.items())
    return ee.dataset(f"ek100-mir:root={root}{listed}")


def open_relevance(dataset: Dataset) -> Relevance:
    relevance = read_relevance(dataset, "test")
    assert relevance is not None
    return relevance


def test_relevance_is_half_the_verb_and_half_the_nouns(tmp_path: Path) -> None:
    rows = [make_row(0, 0, [0, 1]), make_row(1, 0, [1, 2, 3]), make_row(2, 1, [0, 1, 1])]
    relevance = open_relevance(open_root(write_ek100_root(tmp_path, rows)))
    expected = [
        [1, 0.5 + 0.5 / 4, 0.5],
        [0.5 + 0.5 / 4, 1, 0.5 / 4],
        [0.5, 0.5 / 4, 1],
    ]
    assert relevance.values == pytest.approx(np.array(expected))


def test_clips_and_texts_are_those_of_the_tables(tmp_path: Path) -> None:
    dataset = open_root(write_ek100_root(tmp_path))
    check_dataset(dataset)
    clips = {clip.id: clip for clip in dataset.clips("test")}
    clip = clips["P02_02_1"]
    assert (clip.start, clip.end, clip.narration, clip.take) == (1.5, 2.5, "put knife", "P02_02")
    assert clip.nouns == ("knife",)
    assert clip.media == str(tmp_path.resolve() / "videos" / "P02" / "videos" / "P02_02.MP4")
    relevance = open_relevance(dataset)
    assert len({clips[name].narration for name in relevance.text_ids}) == len(relevance.text_ids)
    assert (dataset.pairs("test"), dataset.clips("train")) == ([], [])
    assert dataset.findings == ()


def test_a_video_is_found_in_either_layout(tmp_path: Path) -> None:
    root = write_ek100_root(tmp_path)
    (root / "videos").mkdir()
    (root / "videos" / "P02_02.MP4").touch()
    clips = {clip.id: clip for clip in open_root(root).clips("test")}
    assert clips["P02_02_1"].media == str(root.resolve() / "videos" / "P02_02.MP4")


WRONG_CLIPS = {
    "start_timestamp: '1.5' is no time": {"start_timestamp": "1.5"},
    "all_nouns: \"__import__('os')": {"all_nouns": "__import__('os').getcwd()"},
    "all_noun_classes: 'x' is not a list of integers": {"all_noun_classes": "x"},
    "verb_class": {"verb_class": "-1"},
    "narration 'P09_01_5' is not of video": {"narration_id": "P09_01_5"},
    "narration_id": {"narration_id": "../up"},
    "the span 3-1.5 s is empty": {"start_timestamp": "00:00:03.00", "stop_timestamp": "0:00:01.5"},
}


@pytest.mark.parametrize("reason", WRONG_CLIPS)
def test_a_wrong_clip_is_skipped_and_named(tmp_path: Path, reason: str) -> None:
    rows = make_rows()
    texts = make_texts(rows)
    rows[20] |= WRONG_CLIPS[reason]
    issue = open_root(write_ek100_root(tmp_path, rows, texts)).findings[0]
    location = "retrieval_annotations/EPIC_100_retrieval_test.csv, row 22: "
    assert str(issue).startswith(location + reason)


def test_a_text_of_no_clip_or_of_another_narration_is_skipped_and_named(tmp_path: Path) -> None:
    rows = make_rows()
    texts = make_texts(rows)
    texts[1]["narration"] = "dance"
    texts[2]["narration_id"] = "P01_01_99"
    texts.append(texts[0] | {"narration_id": rows[0]["narration_id"]})
    issues = open_root(write_ek100_root(tmp_path, rows, texts)).findings
    reasons = [issue.reason for issue in issues]
    assert reasons[0].startswith("narration 'P02_02_1' is 'dance', in EPIC_100_retrieval_test.csv")
    assert reasons[1] == "narration 'P01_01_99' is no valid row of EPIC_100_retrieval_test.csv"
    assert "is already in row 2" in reasons[2]


def test_a_matrix_is_compared_with_the_classes(tmp_path: Path) -> None:
    root = write_ek100_root(tmp_path)
    computed = open_root(root)
    values = open_relevance(computed).values
    np.save(tmp_path / "same.npy", values.astype(np.float64))
    dataset = open_root(root, relevance=tmp_path / "same.npy")
    assert dataset.findings == ()
    assert dataset.fingerprint != computed.fingerprint
    assert open_relevance(dataset).values == pytest.approx(values)


def change_order(values: np.ndarray) -> np.ndarray:
    return values[::-1]


WRONG_MATRICES = {
    r"has the shape \(\d+, 24\); the tables have 24 clips": np.transpose,
    "is in another order than the tables, .* the first is row 1, of clip 'P01_01_0'": change_order,
    "has values that are not from 0 to 1": lambda values: values * 2,
}


@pytest.mark.parametrize("reason", WRONG_MATRICES)
def test_a_matrix_of_another_order_or_shape_is_refused(tmp_path: Path, reason: str) -> None:
    root = write_ek100_root(tmp_path)
    values = open_relevance(open_root(root)).values
    np.savez(tmp_path / "other.npz", relevance=WRONG_MATRICES[reason](values))
    with pytest.raises(DataError, match=reason):
        open_root(root, relevance=tmp_path / "other.npz")


def test_single_rows_of_a_matrix_that_differ_are_named(tmp_path: Path) -> None:
    rows = make_rows() * 5
    rows = [row | {"narration_id": f"{row['video_id']}_{n}"} for n, row in enumerate(rows)]
    root = write_ek100_root(tmp_path, rows)
    values = open_relevance(open_root(root)).values.copy()
    values[7, 3] = 0.125
    np.save(tmp_path / "other.npy", values)
    dataset = open_root(root, relevance=tmp_path / "other.npy")
    (issue,) = dataset.findings
    assert not issue.dropped
    assert str(issue).startswith("other.npy, row 8: row 8, of clip 'P02_02_7' (retrieval_ann")
    assert open_relevance(dataset).values[7, 3] == pytest.approx(0.125)


def test_an_array_in_a_pickle_is_read_and_no_code_is_run(tmp_path: Path) -> None:
    root = write_ek100_root(tmp_path)
    values = open_relevance(open_root(root)).values
    (tmp_path / "relevance.pkl").write_bytes(pickle.dumps(values.astype(np.float64)))
    dataset = open_root(root, relevance=tmp_path / "relevance.pkl")
    assert open_relevance(dataset).values == pytest.approx(values)
    (tmp_path / "code.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(DataError, match=r"code.pkl: .*os\.system"):
        open_root(root, relevance=tmp_path / "code.pkl")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"objects.npy has no array of numbers"):
        open_root(root, relevance=tmp_path / "objects.npy")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04")
    np.savez_compressed(tmp_path / "damaged.npz", values)
    content = bytearray((tmp_path / "damaged.npz").read_bytes())
    content[60:100] = bytes(40)
    (tmp_path / "damaged.npz").write_bytes(content)
    for name in ("cut.npz", "damaged.npz"):
        with pytest.raises(DataError, match=f"{name} has no array of numbers"):
            open_root(root, relevance=tmp_path / name)
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([0.5]))
    with pytest.raises(DataError, match=r"list.pkl has no array of numbers"):
        open_root(root, relevance=tmp_path / "list.pkl")
    with pytest.raises(DataError, match=r"matrix.csv is not .npy, .npz, .pkl"):
        open_root(root, relevance=tmp_path / "matrix.csv")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_damaged_matrix_and_one_larger_than_the_memory_are_one_line(
    tmp_path: Path, suffix: str
) -> None:
    root, path = write_ek100_root(tmp_path), tmp_path / f"relevance{suffix}"
    with path.open("wb") as file:
        (np.savez if suffix == ".npz" else np.save)(file, np.zeros((24, 23)))
    content = path.read_bytes()
    bad_header = content.replace(b"(24, 23), }" + b" " * 10, b"(240000, 23000000), }")
    assert len(bad_header) == len(content)
    assert bad_header != content
    for data in (content[:-40], b"PK\x03\x04damaged", bad_header):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"relevance\.np. has no array of numbers"):
            open_root(root, relevance=path)


def test_a_cell_without_end_is_one_line(tmp_path: Path) -> None:
    root = write_ek100_root(tmp_path)
    path = root / "retrieval_annotations/EPIC_100_retrieval_test.csv"
    path.write_text(path.read_text() + '"' + "a" * 200_000)
    with pytest.raises(
        DataError, match=r"EPIC_100_retrieval_test.csv, line \d+: field larger than"
    ):
        open_root(root)


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no EPIC_100_retrieval_test.csv, in it or in retri"):
        open_root(tmp_path)


def test_the_official_metrics_are_those_of_the_tracks(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    root = write_ek100_root(tmp_path / "root")
    relevance = open_relevance(open_root(root))
    rng = np.random.default_rng(0)
    videos = {name: rng.normal(size=16) for name in relevance.clip_ids}
    texts = {name: rng.normal(size=16) for name in relevance.text_ids}
    result = ee.score(
        videos=videos,
        texts=texts,
        dataset=f"ek100-mir:root={root}",
        evidence="video",
        name="theirs",
        out=tmp_path,
        progress=False,
    )
    sides = [np.array(list(side.values())) for side in (videos, texts)]
    sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    official = score_ek100_mir(sides[0] @ sides[1].T, relevance.values.astype(float))
    scores = {score.task: score for score in result.record.scores}
    assert scores.keys() == {"t2v", "v2t", "text-video"}
    for name, label in (("mir_map", "mAP"), ("ndcg", "nDCG")):
        for task, way in (("t2v", "T2V"), ("v2t", "V2T"), ("text-video", "avg")):
            metric = scores[task].metrics[name]
            assert metric.value == pytest.approx(100 * official[label][way], abs=1e-4)
            assert metric.low < metric.value < metric.high
    assert scores["v2t"].num_clusters == 6  # videos
    assert "text-video mAP" in str(result)
    assert verify_bundle(result.path).is_verified
