"""`score`: embeddings that were made elsewhere give what a run of their method gives."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import CommandLine

import egoexobench as ee
from egoexobench.errors import DataError, NoticeWarning, UsageError
from egoexobench.records.schema import Record
from egoexobench.results.run_result import RunResult

Score = Callable[..., RunResult]


@pytest.fixture
def score(dataset: str, tmp_path: Path) -> Score:
    """Score with the defaults of these tests; a keyword replaces one."""

    def score_with(*arguments: object, **options: object) -> RunResult:
        defaults = {"dataset": dataset, "evidence": "video", "out": tmp_path, "progress": False}
        return ee.score(*arguments, **defaults | options)

    return score_with


def list_scores(record: Record) -> dict:
    """Everything that was scored, without the protocol, which embeddings do not know."""
    hidden = {"track", "track_fingerprint"}
    scores = {("", score.key): score.model_dump(exclude=hidden) for score in record.scores}
    for item in record.references:
        scores |= {(item.name, s.key): s.model_dump(exclude=hidden) for s in item.scores}
    return scores


def test_the_embeddings_of_a_run_give_its_numbers_to_the_last_digit(
    honest_run: RunResult, score: Score
) -> None:
    result = score(honest_run.path.with_suffix(".embeddings.safetensors"))
    assert list_scores(result.record) == list_scores(honest_run.record)
    assert not result.skipped_tasks
    verification = result.verify()
    assert verification.is_verified, verification.differences
    assert verification.skipped == ()


def test_a_file_of_embed_gives_the_tracks_of_the_run_as_well(
    honest_run: RunResult, dataset: str, external_cache: Path, tmp_path: Path
) -> None:
    command_line = CommandLine(tmp_path)
    settings = ("--set", "epochs=2", "--set", "embed_dim=16", "--dataset", dataset)
    done = command_line("embed", "soundbridge", *settings, "--out", "e.safetensors")
    assert done.returncode == 0, done.stderr
    options = ("--dataset", dataset, "--evidence", "video,audio", "--name", "Sound-Twin 2 (ours)")
    done = command_line("score", "e.safetensors", *options, "--authors", "N. N.", "--json")
    assert done.returncode == 0, done.stderr
    record = Record.model_validate_json(done.stdout)
    expected = {score.key: score for score in honest_run.record.scores}
    assert {score.key: score for score in record.scores} == {
        key: score for key, score in expected.items() if key.task not in ("scene", "action")
    }
    assert record.method.external.authors == "N. N."
    compared = command_line("compare", str(honest_run.path), "runs", "--json")
    assert compared.returncode == 0, compared.stderr


def test_the_table_and_the_record_say_that_nothing_was_audited(
    vectors: tuple[dict, dict], score: Score
) -> None:
    result = score(*vectors, evidence="video,audio", name="theirs", authors="A Lab")
    method = result.record.method
    assert method.external.kind == "embeddings"
    assert method.external.evidence == "claimed"
    assert method.declared_inputs.video == ("video", "audio")
    assert "given by A Lab, not audited: computed from video and audio" in str(result)
    unknown = score(*vectors, evidence="unknown")
    assert unknown.record.method.declared_inputs.video == ()
    assert "not audited: what they were computed from is unknown" in str(unknown)


def test_recognition_needs_the_embeddings_of_every_split(
    vectors: tuple[dict, dict], score: Score
) -> None:
    result = score(*vectors)
    reasons = {item.task: item.reason for item in result.skipped_tasks}
    assert reasons.keys() == {"scene", "action"}
    assert "8 of 8 labeled clips of split train have no embedding" in reasons["scene"]
    with pytest.raises(UsageError, match="action: 8 of 8 labeled clips of split train"):
        score(*vectors, tasks="action")


def test_without_texts_the_tasks_with_texts_are_skipped(
    vectors: tuple[dict, dict], score: Score
) -> None:
    result = score(vectors[0])
    reasons = {item.task: item.reason for item in result.skipped_tasks}
    assert reasons["t2v"] == reasons["v2t"] == "no embeddings of texts were given"


@pytest.mark.slow
def test_a_clip_without_embedding_is_refused_or_counted(
    vectors: tuple[dict, dict], score: Score
) -> None:
    videos, texts = vectors
    some = {name: vector for name, vector in videos.items() if name != "m/exo"}
    with pytest.raises(DataError, match=r"1 of 8 clips of split test have no embedding.*'m/exo'"):
        score(some, texts)
    with pytest.warns(NoticeWarning, match="queries that need them are left out"):
        result = score(some, texts, allow_missing=True, tasks="eg2ex")
    (gallery,) = (item for item in result.record.scores if item.policy == "gallery")
    assert (gallery.num_queries, gallery.num_dropped, gallery.num_missing_candidates) == (3, 1, 1)
    assert result.record.coverage.num_excluded == {"no embedding": 1}
    assert result.verify().is_verified


def test_half_the_clips_and_half_the_texts_are_refused(
    vectors: tuple[dict, dict], score: Score
) -> None:
    videos, texts = vectors
    with pytest.raises(DataError, match="4 of 8 clips of split test have no embedding"):
        score(dict(list(videos.items())[::2]), texts)
    with pytest.raises(DataError, match="2 of 4 texts of split test have no embedding"):
        score(videos, dict(list(texts.items())[::2]))


def test_ids_that_are_not_those_of_the_data_set_are_refused_or_named(
    vectors: tuple[dict, dict], score: Score
) -> None:
    videos, texts = vectors
    pairs = {name.partition("/")[0]: vector for name, vector in videos.items()}
    with pytest.raises(DataError, match=r"none of the 4 ids is that of a clip .*such as 'a/ego'"):
        score(pairs, texts)
    with pytest.warns(NoticeWarning, match="1 of 9 ids are of no clip .*first 'other'"):
        score(videos | {"other": videos["m/ego"]}, texts, tasks="eg2ex")


def test_embeddings_of_another_data_set_with_the_same_ids_are_refused(
    honest_run: RunResult, dataset: str, tmp_path: Path
) -> None:
    from egoexobench.features.embeddings_file import read_embeddings, write_embeddings

    sides = read_embeddings(honest_run.path.with_suffix(".embeddings.safetensors"))
    header = {"dataset": "synthetic:seed=3", "dataset_fingerprint": "0123456789abcdef"}
    write_embeddings(tmp_path / "e.safetensors", sides, header)
    with pytest.raises(DataError, match="of data set synthetic:seed=3 with the fingerprint 01234"):
        ee.score(tmp_path / "e.safetensors", dataset=dataset, out=tmp_path, progress=False)


def test_python_says_how_an_array_without_ids_gets_them(dataset: str, tmp_path: Path) -> None:
    np.save(tmp_path / "bare.npy", np.ones((2, 3), np.float32))
    with pytest.raises(UsageError, match=r"bare\.npy without ids: give a dictionary of vectors"):
        ee.score(tmp_path / "bare.npy", dataset=dataset, out=tmp_path, progress=False)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_candidates_are_ranked_by_the_similarity_that_is_named(
    vectors: tuple[dict, dict], score: Score, similarity: str
) -> None:
    rng = np.random.default_rng(0)
    videos = {name: rng.standard_normal(3) * rng.uniform(0.1, 9) for name in vectors[0]}
    result = score(videos, tasks="eg2ex", similarity=similarity)
    queries = sorted(name for name in videos if name.endswith("ego"))
    candidates = [name.replace("ego", "exo") for name in queries]
    targets = np.stack([videos[name] for name in candidates])
    norms = np.linalg.norm(targets, axis=1) if similarity == "cosine" else 1
    ranks = result.ranks().query("policy == 'gallery'").set_index("source").optimistic
    for row, name in enumerate(queries):
        scores = targets @ videos[name] / norms
        assert ranks[name] == 1 + (scores > scores[row]).sum()


def test_claims_are_the_protocol_of_the_track(vectors: tuple[dict, dict], score: Score) -> None:
    claims = {"frames": 8, "sampling": "egoexolearn", "template": "{}"}
    track = score(vectors[0], tasks="eg2ex", claims=claims).record.scores[0].track
    assert {name: track[name] for name in claims} == claims
    track = score(vectors[0], tasks="eg2ex").record.scores[0].track
    assert (track["sampling"], track["frames"], track["template"]) == ("unknown", 0, "unknown")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evidence": "sight"}, "argument 'evidence': unknown evidence 'sight'.*video"),
        ({"claims": {"fps": 3}}, "argument 'claims': unknown claim 'fps'"),
        ({"claims": {"frames": "many"}}, "claim 'frames' is 'many'"),
        ({"claims": {"frames": -1}}, "frames and resolution"),
        ({"name": "a:b"}, "name 'a:b' is not valid"),
        ({"name": "a\u200bb"}, "is not valid"),
        ({"similarity": "l2"}, "argument 'similarity'"),
        ({"videos": 3}, "argument 'videos': expected vectors by id"),
        ({"videos": np.zeros((40, 9))}, r"expected vectors by id, .*; got array[^\n]{,120}\Z"),
        ({"answers": "a.jsonl"}, "argument 'answers': expected either videos"),
    ],
)
def test_a_wrong_argument_is_named(
    vectors: tuple[dict, dict], score: Score, options: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        score(**{"videos": vectors[0]} | options)


@pytest.mark.slow
def test_missing_media_leave_out_shortcuts_and_nothing_else(
    vectors: tuple[dict, dict], folder: Path, honest_run: RunResult, tmp_path: Path
) -> None:
    for name in ("clips.jsonl", "queries.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.warns(NoticeWarning, match="32 of 32 media files of folder are missing"):
        result = ee.score(
            *vectors, dataset=f"folder:path={tmp_path}", out=tmp_path / "runs", progress=False
        )
    assert {item.name for item in result.record.references} == {"chance", "oracle"}
    expected = {s.key: s.metrics for s in honest_run.record.scores}
    assert all(expected[score.key] == score.metrics for score in result.record.scores)
    assert result.verify().is_verified


def test_a_record_of_given_embeddings_is_not_run_again(
    vectors: tuple[dict, dict], score: Score, tmp_path: Path
) -> None:
    result = score(*vectors, tasks="eg2ex")
    with pytest.raises(UsageError, match="made elsewhere, so that it cannot be run again"):
        ee.rerun(result.path, out=tmp_path)


@pytest.mark.slow
def test_the_command_reads_an_array_with_an_ids_file(
    vectors: tuple[dict, dict], dataset: str, tmp_path: Path
) -> None:
    videos, texts = vectors
    command_line = CommandLine(tmp_path)
    for name, side in (("v", videos), ("t", texts)):
        np.save(tmp_path / f"{name}.npy", np.stack(list(side.values())))
        (tmp_path / f"{name}.txt").write_text("".join(f"{item}\n" for item in side))
    options = ("--dataset", dataset, "--evidence", "unknown", "--json")
    files = ("v.npy", "--ids", "v.txt", "--texts", "t.npy", "--text-ids", "t.txt")
    done = command_line("score", *files, *options)
    assert done.returncode == 0, done.stderr
    assert {score["task"] for score in json.loads(done.stdout)["scores"]} >= {"eg2ex", "v2t"}
    assert command_line("verify", "runs").returncode == 0
    for arguments, reason in (
        (("v.npy", *options), "these arrays with --ids, in their order"),
        (options, "name either files of embeddings"),
        (("v.npy", "--answers", "v.txt", *options), "or a file of answers"),
        (("v.npy", "--dataset", dataset), "Missing option '--evidence'"),
    ):
        done = command_line("score", *arguments)
        assert done.returncode == 2
        assert reason in done.stderr
