"""Ranks of the queries of a track from answers: scores or an order of candidates, or one choice.

For systems that have no embeddings, such as multimodal language models.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from egoexobench.errors import DataError
from egoexobench.evaluation.query_ranking import RankedQueries, sort_queries
from egoexobench.evaluation.ranks import Ranks
from egoexobench.hashing import sort_by_hash
from egoexobench.types import CandidatePolicy, Gallery, Query, Task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from egoexobench.evaluation.arrays import Floats

ID_LENGTH = 16
CANDIDATE_SALT = "candidates of a question"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system answers to one query; exactly one field is not None.

    A candidate is its id, or its position from 0 in the question (`list_candidates`).

    Attributes:
        order: candidates, the best first. Those that are left out tie behind it.
        scores: of every candidate, by id, or in the order of the question.
        choice: the candidate that the system takes for the right one.
    """

    order: Sequence[str | int] | None = None
    scores: Mapping[str, float] | Sequence[float] | None = None
    choice: str | int | None = None


def make_query_ids(task: Task, policy: CandidatePolicy, queries: Sequence[Query]) -> list[str]:
    """Return the id of each query: task, policy and a hash of its source and its candidates.

    The order of queries and of candidates does not matter.

    >>> make_query_ids("eg2ex", "mcq20", [Query("a", Gallery(("b", "c")), (0,), "take 1")])
    ['eg2ex-mcq20-9ba9e99c3bc977f0']
    """
    galleries = {gallery: _hash(sorted(gallery.ids)) for gallery in {q.gallery for q in queries}}
    return [
        f"{task}-{policy}-{_hash([task, policy, query.source, galleries[query.gallery]])}"
        for query in queries
    ]


def list_candidates(gallery: Gallery) -> list[str]:
    """Return the candidates in the order in which a question lists them, which says nothing."""
    return sort_by_hash(gallery.ids, CANDIDATE_SALT)


def rank_answers(
    task: Task,
    policy: CandidatePolicy,
    queries: Sequence[Query],
    answers: Mapping[str, Answer],
) -> RankedQueries | None:
    """Rank the queries that have an answer; None if no query has.

    Equal scores tie, as for embeddings. If one answer is a choice, only the first candidates of the
    track are known.

    Args:
        task: a retrieval task.
        policy: candidate policy of the queries.
        queries: every query of the track.
        answers: by id of the query; those of other queries are ignored.

    Raises:
        DataError: for an answer that is none to its query.

    >>> query = Query("a", Gallery(("b", "c")), (0,), "take 1")
    >>> (name,) = make_query_ids("eg2ex", "mcq20", [query])
    >>> rank_answers("eg2ex", "mcq20", [query], {name: Answer(order=["c", "b"])}).ranks.optimistic
    tensor([2])
    """
    ids = dict(zip(map(id, queries), make_query_ids(task, policy, queries), strict=True))
    answered = sort_queries([query for query in queries if ids[id(query)] in answers])
    if not answered:
        return None
    positions: dict[Gallery, dict[str, int]] = {}
    rows = []
    for query in answered:
        if query.gallery not in positions:
            listed = list_candidates(query.gallery)
            positions[query.gallery] = {name: index for index, name in enumerate(listed)}
        name = ids[id(query)]
        values = score_candidates(name, answers[name], positions[query.gallery])
        right = [positions[query.gallery][item] for item in query.positive_ids]
        rows.append(_rank_values(values, right))
    return RankedQueries(
        answered,
        Ranks(*torch.tensor(rows).T),
        num_dropped=len(queries) - len(answered),
        has_order=all(answers[ids[id(query)]].choice is None for query in answered),
    )


def score_candidates(name: str, answer: Answer, positions: Mapping[str, int]) -> Floats:
    """Return the scores of the candidates ``(K,)`` in the order of the question."""
    values = np.zeros(len(positions))
    if answer.choice is not None:
        values[_find_candidate(name, answer.choice, positions)] = 1.0
    elif answer.order is not None:
        places = [_find_candidate(name, item, positions) for item in answer.order]
        if len(set(places)) < len(places):
            repeated = next(item for item in answer.order if answer.order.count(item) > 1)
            raise DataError(f"the answer to {name} has candidate {repeated!r} twice in its order")
        values[places] = np.arange(len(places), 0, -1)
    elif answer.scores is not None:
        if len(answer.scores) != len(values):
            raise DataError(
                f"the answer to {name} has {len(answer.scores)} scores, where the query has "
                f"{len(values)} candidates"
            )
        scores = answer.scores
        items = scores.items() if hasattr(scores, "items") else enumerate(scores)
        for item, score in items:
            values[_find_candidate(name, item, positions)] = score
    if not np.isfinite(values).all():
        raise DataError(f"the answer to {name} has a score that is NaN or infinite")
    return values


def _find_candidate(name: str, item: str | int, positions: Mapping[str, int]) -> int:
    position = item if isinstance(item, int) else positions.get(item, -1)
    if not 0 <= position < len(positions):
        raise DataError(
            f"the answer to {name} names {item!r}, which is none of its {len(positions)} "
            f"candidates, such as {min(positions)!r}, or their positions 0 to {len(positions) - 1}"
        )
    return position


def _rank_values(values: Floats, right: Sequence[int]) -> tuple[int, int, int, int, int]:
    """Return the columns of `Ranks` of one query; only equal numbers tie."""
    best = values[right].max()
    num_tied = int((values[right] == best).sum())
    num_better = int((values > best).sum())
    num_equal = int((values == best).sum()) - num_tied
    return 1 + num_better, 1 + num_better + num_equal, len(values), len(right), num_tied


def _hash(value: object) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:ID_LENGTH]
