"""Fields of a record that contradict each other are refused when it is read, and by `verify`."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from forged_bundle import ForgedBundle, find_score, hash_tracks

from egoexobench.errors import DataError
from egoexobench.records.store import read_record
from egoexobench.verification.bundle import verify_bundle

Edit = Callable[[Any], object]


def set_field(*path: Any) -> Edit:
    """Set a field: the names of the way to it, then its value."""
    *names, last, value = path

    def edit(fields: Any) -> None:
        for name in names:
            fields = fields[name]
        fields[last] = value

    return edit


def edit_tracks(**changed: Any) -> Edit:
    def edit(fields: Any) -> None:
        scores = [*fields["scores"], *(s for item in fields["references"] for s in item["scores"])]
        for score in scores:
            score["track"].update(changed)
        hash_tracks(fields)

    return edit


def drop_primary_metric(fields: Any) -> None:
    del find_score(fields)["metrics"]["hit_rate_at_1"]


def repeat_role(fields: Any) -> None:
    fields["method"]["parts"].append(fields["method"]["parts"][0])


def raise_shortcut(fields: Any) -> None:
    fields["references"][-1]["scores"][0]["num_queries"] = 10**7


def fail_with_scores(fields: Any) -> None:
    fields["status"] = "failed"


def select_epoch(**changed: Any) -> Edit:
    """Another selection, in a record that does not list its epochs."""

    def edit(fields: Any) -> None:
        fields["epochs"] = []
        fields["checkpoint_selection"] |= changed

    return edit


def drop_epoch(fields: Any) -> None:
    fields |= {"epochs": [], "checkpoint_selection": None}


COVERAGE = {"num_clips": 5, "num_used": 500, "num_rejected": 7, "subset_hash": "x"}
CONTRADICTIONS: dict[str, tuple[Edit, str]] = {
    "name of the method": (set_field("method", "name", "mine"), r"method\.spec: 'soundbridge'"),
    "spec of the data": (set_field("dataset", "spec", "synthetic"), r"dataset\.spec: 'synthetic'"),
    "code of the terminal": (
        set_field("method", "spec", "soundbridge\x1b[31m"),
        r"method\.spec: .*x1b",
    ),
    "letter without width": (
        set_field("method", "spec", "sound\u200bbridge"),
        r"method\.spec: .*u200b",
    ),
    "turned direction": (
        set_field("method", "spec", "soundbridge\u202e"),
        r"method\.spec: .*u202e",
    ),
    "setting": (set_field("method", "overrides", "epochs", "200"), r"overrides\.epochs: '200'"),
    "part": (set_field("method", "overrides", "audio", "beats"), r"overrides\.audio: 'beats'"),
    "unknown setting": (set_field("method", "overrides", "foo", "1"), r"overrides\.foo: '1'"),
    "hyperparameter": (
        set_field("method", "hyperparameters", "num_frames", 4),
        r"track\.frames: 8",
    ),
    "role twice": (repeat_role, r"role video stands 2 times"),
    "seed below 0": (set_field("seed", -7), r"seed: -7"),
    "seed of 60 digits": (set_field("seed", 10**60), r"seed: 1000"),
    "time below 0": (set_field("seconds", "train", -5.0), r"seconds\.train: -5\.0"),
    "precision": (set_field("environment", "precision", "fp64"), r"environment\.precision: 'fp64'"),
    "threads": (set_field("environment", "num_threads", 10**9), r"environment\.num_threads"),
    "command": (set_field("command", ["run", "--seed", "5"]), r"command: --seed 5"),
    "epoch chosen on test": (select_epoch(split="test"), r"split: test"),
    "epoch beyond": (select_epoch(epoch=99), r"epoch: 99 of 2"),
    "no epoch": (drop_epoch, r"checkpoint_selection: "),
    "validation above 1": (select_epoch(validation_value=7.0), r"7\.0 is not"),
    "no queries counted": (set_field("counts", "num_queries", {}), r"num_queries\.\w+: missing"),
    "silent clips": (set_field("counts", "num_silent", 10**8), r"num_silent: 100000000 of"),
    "skipped clips": (set_field("counts", "num_skipped", 1), r"missing_audio is not 'skip'"),
    "captions": (set_field("captions", "num_missing", 10**9), r"captions\.num_missing"),
    "captions refused": (set_field("captions", "num_refused", {"x": 10**9}), r"num_refused"),
    "overlap": (set_field("overlap", "splits", []), r"overlap\.splits"),
    "overlapping clips": (set_field("overlap", "num_clips", 10**6), r"overlap\.num_clips"),
    "coverage": (set_field("coverage", COVERAGE), r"coverage: 500 used"),
    "nothing checked": (set_field("consistency", "num_clips", 0), r"consistency\.num_clips: 0"),
    "deviation": (set_field("consistency", "largest_deviation", 3.0), r"largest_deviation: 3\.0"),
    "tasks": (set_field("settings", "tasks", ["eg2ex"]), r"is no task of the settings"),
    "failed with scores": (fail_with_scores, r"a run that failed has none"),
    "primary metric": (drop_primary_metric, r"hit_rate_at_1 is missing"),
    "shortcut": (raise_shortcut, r"more than the oracle has"),
    "version of a task": (edit_tracks(version=99), r"track\.version: 99"),
    "similarity": (edit_tracks(similarity="l2"), r"track\.similarity: 'l2'"),
    "lists": (edit_tracks(lists="v9"), r"'gallery' is no policy of lists"),
    "frame sampling": (edit_tracks(sampling="seconds"), r"track\.sampling: 'seconds'"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_refused_when_the_record_is_read_and_by_verify(
    bundle: ForgedBundle, name: str
) -> None:
    edit, reason = CONTRADICTIONS[name]
    bundle.edit_record(edit)
    with pytest.raises(DataError, match=reason) as error:
        read_record(bundle.record)
    assert str(error.value).isprintable()
    assert any(re.search(reason, line) for line in verify_bundle(bundle.record).differences)


def test_a_key_that_stands_twice_is_refused_in_every_file(bundle: ForgedBundle) -> None:
    ranks = bundle.get_file("ranks.jsonl").read_bytes()
    bundle.replace_file("ranks.jsonl", ranks.replace(b"{", b'{"source": "x", ', 1))
    with pytest.raises(DataError, match=r"line 1: 'source' stands twice"):
        read_record(bundle.record)
    bundle.replace_file("ranks.jsonl", ranks)
    queries = bundle.get_file("queries.jsonl").read_bytes()
    bundle.replace_file("queries.jsonl", queries.replace(b"{", b'{"kind": "x", ', 1))
    assert "line 1: 'kind' stands twice" in str(verify_bundle(bundle.record))
    bundle.replace_file("queries.jsonl", queries)
    bundle.record.write_text(bundle.record.read_text().replace("{", '{"seed": 99, ', 1))
    with pytest.raises(DataError, match=r"'seed' stands twice"):
        read_record(bundle.record)


def test_a_file_that_lies_beside_the_record_unnamed_is_refused(bundle: ForgedBundle) -> None:
    def drop_name(fields: Any) -> None:
        named = [a for a in fields["artifacts"] if "embeddings" not in a["file"]]
        fields["artifacts"] = named

    bundle.edit_record(drop_name)
    with pytest.raises(DataError, match=r"embeddings\.safetensors lies beside the record"):
        read_record(bundle.record)
    assert "lies beside" in str(verify_bundle(bundle.record))


def test_a_query_that_has_two_ranks_is_refused(bundle: ForgedBundle) -> None:
    def repeat(rows: list[Any]) -> list[Any]:
        (first, second, *_) = (i for i, row in enumerate(rows) if row.get("policy") == "gallery")
        rows[second] = rows[first]
        return rows

    bundle.edit_lines("ranks.jsonl", repeat)
    with pytest.raises(DataError, match=r"has 2 ranks"):
        read_record(bundle.record)


def test_an_id_may_hold_a_letter_that_ends_a_line_elsewhere(bundle: ForgedBundle) -> None:
    """JSON writes U+2028 and U+0085 as they are."""
    first_line = bundle.get_file("queries.jsonl").read_text().splitlines()[0]
    name = json.loads(first_line)["clips"][0]
    for kind in ("ranks.jsonl", "queries.jsonl"):
        content = bundle.get_file(kind).read_text()
        renamed = content.replace(f'"{name}"', f'"{name}\u2028\u0085"')
        bundle.replace_file(kind, renamed.encode())
    read_record(bundle.record)
    assert "JSON" not in str(verify_bundle(bundle.record))
