"""Checks that embeddings or answers that were made elsewhere are of the data set that is scored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from egoexobench.errors import DataError, notify
from egoexobench.evaluation.answers import Answer, make_query_ids
from egoexobench.evaluation.queries import build_queries, collect_labeled_clips
from egoexobench.evaluation.tasks import TEST_SPLIT, list_candidate_policies
from egoexobench.external.embeddings import find_absent
from egoexobench.protocols import Dataset
from egoexobench.types import (
    RETRIEVAL_TASKS,
    SPLITS,
    CandidatePolicy,
    Embeddings,
    Query,
    Task,
)

FINGERPRINT_KEY = "dataset_fingerprint"
"""Entry of the header of a file that `embed` writes."""
ALLOW_MISSING_HINT = (
    "--allow-missing goes on with the rest, and writes into the record how much that is"
)


def check_fingerprints(headers: Sequence[Mapping[str, str]], dataset: Dataset, name: str) -> None:
    """Check that files that say of which data set they are say that it is this one.

    Raises:
        DataError: if a file was made from other clips, whose ids can be the same.
    """
    for header in headers:
        fingerprint = header.get(FINGERPRINT_KEY, dataset.fingerprint)
        if fingerprint != dataset.fingerprint:
            raise DataError(
                f"the embeddings are of data set {header.get('dataset', 'of another version')} "
                f"with the fingerprint {fingerprint}, where {name} has {dataset.fingerprint}; "
                "name it with the options with which they were made"
            )


def check_ids(noun: str, ids: Collection[str], dataset_ids: Collection[str], name: str) -> None:
    """Check that ids are those of a data set; others are counted.

    Args:
        noun: what an id names, such as ``clip``.
        ids: of the embeddings.
        dataset_ids: of the data set.
        name: the data set, for messages.

    Raises:
        DataError: if none is.
    """
    foreign = [item for item in ids if item not in dataset_ids]
    if not foreign:
        return
    example = f"such as {min(dataset_ids)!r}" if dataset_ids else "and there is none"
    if len(foreign) == len(ids):
        raise DataError(
            f"none of the {len(ids)} ids is that of a {noun} of {name}, the first is "
            f"{foreign[0]!r}; an id says which {noun}, {example}"
        )
    notify(
        f"{len(foreign)} of {len(ids)} ids are of no {noun} of {name} and are ignored, first "
        f"{foreign[0]!r}"
    )


def check_complete(
    noun: str, required: Collection[str], embeddings: Embeddings | None, *, allow_missing: bool
) -> list[str]:
    """Return the required ids without an embedding.

    Raises:
        DataError: if there are some, unless ``allow_missing`` is set.
    """
    absent = find_absent(required, embeddings)
    if not absent:
        return []
    line = (
        f"{len(absent)} of {len(required)} {noun}s of split {TEST_SPLIT} have no embedding, the "
        f"first is {absent[0]!r}"
    )
    if not allow_missing:
        raise DataError(f"{line}; {ALLOW_MISSING_HINT}")
    notify(f"{line}; queries that need them are left out")
    return absent


def explain_unlabeled(
    dataset: Dataset, task: Task, videos: Embeddings, *, allow_missing: bool
) -> str | None:
    """Return why a recognition task cannot be scored from these embeddings; None if it can.

    Missing clips of the test split are counted in its score if ``allow_missing`` is set.
    """
    for split in SPLITS:
        ids = [clip.clip_id for clip in collect_labeled_clips(dataset, split, task)]
        absent = find_absent(ids, videos)
        if absent and not (split == TEST_SPLIT and allow_missing and len(absent) < len(ids)):
            return (
                f"{len(absent)} of {len(ids)} labeled clips of split {split} have no embedding, "
                f"the first is {absent[0]!r}; it needs those of {', '.join(SPLITS)}"
            )
    return None


def check_answers(
    dataset: Dataset,
    name: str,
    answers: Mapping[str, Answer],
    tasks: Sequence[Task],
    *,
    allow_missing: bool,
) -> None:
    """Check that answers are those to queries of a data set, and that none is missing.

    A track without any answer is one that the system was not asked.

    Raises:
        DataError: for an answer to no query; for a query without an answer, if another one of its
            track has one, unless ``allow_missing`` is set.
    """
    all_ids: set[str] = set()
    for task, policy, queries in iter_tracks(dataset):
        ids = make_query_ids(task, policy, queries)
        all_ids.update(ids)
        absent = [query for query in ids if query not in answers]
        if task not in tasks or not absent or len(absent) == len(ids):
            continue
        line = (
            f"{len(absent)} of {len(ids)} queries of {task} {policy} have no answer, the first is "
            f"{absent[0]}"
        )
        if not allow_missing:
            raise DataError(f"{line}; {ALLOW_MISSING_HINT}")
        notify(f"{line}; they are left out")
    foreign = [query for query in answers if query not in all_ids]
    if foreign:
        raise DataError(
            f"{len(foreign)} of {len(answers)} answers are to no query of {name}, the first to "
            f"{foreign[0]!r}; `egoexobench data questions` writes the ids of its queries"
        )


def iter_tracks(dataset: Dataset) -> Iterator[tuple[Task, CandidatePolicy, list[Query]]]:
    """Yield task, policy and queries of every retrieval track of the test split."""
    for task in RETRIEVAL_TASKS:
        for policy in list_candidate_policies(task, dataset):
            if queries := build_queries(dataset, TEST_SPLIT, task, policy):
                yield task, policy, queries
