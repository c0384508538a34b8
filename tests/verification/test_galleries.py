"""Queries that their policy does not give are refuted, even if the track is made again."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from forged_bundle import ForgedBundle, find_score

from egoexobench.verification.bundle import verify_bundle

Rows = list[dict[str, Any]]


def is_gallery_query(row: dict[str, Any], task: str = "eg2ex") -> bool:
    return (row["kind"], row.get("task"), row.get("policy")) == ("query", task, "gallery")


def narrow_galleries(rows: Rows) -> Rows:
    """Each query has two candidates."""
    galleries = {row["gallery"]: row["ids"] for row in rows if row["kind"] == "gallery"}
    forged: Rows = []
    for row in rows:
        if not is_gallery_query(row):
            forged.append(row)
            continue
        ids = galleries[row["gallery"]]
        right = ids[row["positives"][0]]
        wrong = next(name for name in ids if name != right)
        number = 1000 + len(forged)
        forged.append({"kind": "gallery", "gallery": number, "ids": [right, wrong]})
        forged.append(row | {"gallery": number, "positives": [0]})
    return forged


def drop_query(rows: Rows) -> Rows:
    dropped = next(row for row in rows if is_gallery_query(row))
    return [row for row in rows if row is not dropped]


def repeat_query(rows: Rows) -> Rows:
    row = next(row for row in rows if is_gallery_query(row))
    return [*rows, row | {"cluster": "another"}]


def add_positives(rows: Rows) -> Rows:
    return [row | {"positives": [0, 1]} if is_gallery_query(row) else row for row in rows]


def use_answer_as_source(rows: Rows) -> Rows:
    """The source is the answer itself."""
    galleries = {row["gallery"]: row["ids"] for row in rows if row["kind"] == "gallery"}
    return [
        row | {"source": galleries[row["gallery"]][row["positives"][0]]}
        if is_gallery_query(row)
        else row
        for row in rows
    ]


def swap_views(rows: Rows) -> Rows:
    other = {"ego": "exo", "exo": "ego"}
    return [row | {"view": other[row["view"]]} if row["kind"] == "view" else row for row in rows]


FORGERIES: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "galleries of two": (narrow_galleries, r"galleries, where the policy gives 1"),
    "a query left out": (drop_query, r"no query has the answer"),
    "a query twice": (repeat_query, r"is asked 2 times"),
    "more answers": (add_positives, r"eg2ex and ex2eg are of other pairs"),
    "the answer as source": (use_answer_as_source, r"is among its own candidates"),
    "views": (swap_views, r"a candidate is no exo clip"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_queries_that_the_policy_does_not_give_are_refuted(bundle: ForgedBundle, name: str) -> None:
    forge, reason = FORGERIES[name]
    bundle.edit_lines("queries.jsonl", forge)
    differences = verify_bundle(bundle.record).differences
    assert any(re.search(reason, line) for line in differences), differences


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("t2v", "queries: t2v gallery has queries and no score"),
        ("scene", "queries: scene has labeled clips or class scores and no score"),
    ],
)
def test_a_score_that_was_left_out_is_refuted_by_its_queries(
    bundle: ForgedBundle, task: str, reason: str
) -> None:
    def drop_score(fields: Any) -> None:
        for item in (fields, *fields["references"]):
            item["scores"] = [score for score in item["scores"] if score["task"] != task]
        del fields["counts"]["num_queries"][task]

    bundle.edit_record(drop_score)
    bundle.edit_lines("ranks.jsonl", lambda rows: [r for r in rows if r["task"] != task])
    assert reason in str(verify_bundle(bundle.record))


def test_association_cannot_be_left_out(bundle: ForgedBundle) -> None:
    def drop_score(fields: Any) -> None:
        for item in (fields, *fields["references"]):
            item["scores"] = [s for s in item["scores"] if s["task"] != "association"]
        del fields["counts"]["num_queries"]["association"]
        assert find_score(fields)

    bundle.edit_record(drop_score)
    assert "association gallery: missing" in str(verify_bundle(bundle.record))


def test_embeddings_of_another_dataset_are_refuted(bundle: ForgedBundle) -> None:
    bundle.edit_tensors(
        "embeddings.safetensors", lambda tensors, header: header.update(dataset="0123")
    )
    assert "they are of data set 0123" in str(verify_bundle(bundle.record))


@pytest.mark.parametrize("name", ["settings", "overlap", "consistency"])
def test_what_every_bundle_says_cannot_be_left_out(bundle: ForgedBundle, name: str) -> None:
    bundle.edit_record(lambda fields: fields.update({name: None}))
    assert f"{name}: missing" in str(verify_bundle(bundle.record))
