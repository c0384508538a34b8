"""Top candidates that are not those of the ranks, the embeddings or the scorer are refuted."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from forged_bundle import ForgedBundle

from egoexobench.records.store import read_record
from egoexobench.records.top_file import iter_top_candidates
from egoexobench.verification.bundle import verify_bundle

Lines = list[Any]


def find_lines(lines: Lines) -> Lines:
    """The lines of one track, which the tests change; all others stay."""
    return [line for line in lines if (line["task"], line["policy"]) == ("t2v", "both-views")]


def swap_places(lines: Lines) -> Lines:
    for line in find_lines(lines):
        (first, _), (second, _) = line["candidates"][:2]
        scores = [score for _, score in line["candidates"][:2]]
        line["candidates"][:2] = [[second, scores[0]], [first, scores[1]]]
    return lines


def drop_first(lines: Lines) -> Lines:
    for line in find_lines(lines):
        del line["candidates"][0]
    return lines


def raise_scores(lines: Lines) -> Lines:
    for line in find_lines(lines):
        line["candidates"] = [[name, score + 0.001] for name, score in line["candidates"]]
    return lines


def repeat_candidate(lines: Lines) -> Lines:
    candidates = find_lines(lines)[0]["candidates"]
    candidates[1][0] = candidates[0][0]
    return lines


def name_stranger(lines: Lines) -> Lines:
    line = find_lines(lines)[0]
    wrong = [item for item in line["candidates"] if item[0] not in line["positives"]]
    wrong[0][0] = "no clip"
    return lines


def move_query(lines: Lines) -> Lines:
    first, second = (lines.index(line) for line in find_lines(lines)[:2])
    lines[first], lines[second] = lines[second], lines[first]
    return lines


def drop_all(lines: Lines) -> Lines:
    return [line | {"candidates": []} for line in lines]


@pytest.mark.parametrize(
    ("forge", "message"),
    [
        (swap_places, "top candidates of"),
        (drop_first, "top candidates of"),
        (drop_all, "are not 1 of its gallery"),
        (raise_scores, "are not those of the embeddings"),
        (repeat_candidate, "one stands twice"),
        (name_stranger, "are not 5 of its gallery"),
        (lambda lines: lines[::-1], "at the rank of"),
        (move_query, "at the rank of"),
        (lambda lines: [line for line in lines if line["task"] != "t2v"], "0 queries have top"),
    ],
)
def test_a_forged_list_is_a_difference(
    bundle: ForgedBundle, forge: Callable[[Lines], Lines], message: str
) -> None:
    bundle.edit_lines("top.jsonl", forge)
    differences = verify_bundle(bundle.record).differences
    assert differences
    assert all("top candidates" in line for line in differences)
    assert any(message in line for line in differences), differences


def test_without_embeddings_the_ranks_still_refute_a_list(bundle: ForgedBundle) -> None:
    bundle.drop_file("embeddings.safetensors")
    assert verify_bundle(bundle.record).is_verified
    bundle.edit_lines("top.jsonl", swap_places)
    (line,) = verify_bundle(bundle.record).differences
    assert "where the ranks are" in line


def test_every_ranked_query_has_its_candidates_and_a_record_without_them_is_as_good(
    bundle: ForgedBundle,
) -> None:
    record = read_record(bundle.record)
    top = list(iter_top_candidates(bundle.record, record))
    ranks = bundle.get_file("ranks.jsonl").read_text().splitlines()
    ranked = [row for row in map(json.loads, ranks) if row["task"] not in ("scene", "action")]
    assert [line.source for line in top] == [row["source"] for row in ranked]
    assert all(len(line.candidates) <= 5 for line in top)
    bundle.drop_file("top.jsonl")
    assert verify_bundle(bundle.record).is_verified
