"""Scores of the retrieval tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from egoexobench.errors import DataError
from egoexobench.evaluation import metrics
from egoexobench.evaluation.ranks import Ranks, ranks
from egoexobench.evaluation.score import Row, Score
from egoexobench.evaluation.summary import summarise
from egoexobench.types import CandidatePolicy, Embeddings, Gallery, Query, Similarity, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator


def score_retrieval(
    queries: Sequence[Query],
    source: Embeddings,
    target: Embeddings,
    rng: Generator,
    *,
    policy: CandidatePolicy,
    similarity: Similarity = "cosine",
    views: Mapping[str, View] | None = None,
) -> Score:
    """Score the questions of one track.

    A question is dropped where its source or all its right answers have no embedding, under
    ``mcq20`` also where any of its candidates has none; a ``gallery`` goes on without the
    candidate. The order of the queries does not matter.

    Args:
        queries: of one task.
        source: holds the sources.
        target: holds the candidates; may be the same.
        rng: the source of chance of the intervals.
        policy: of the queries.
        similarity: what the candidates are ranked by.
        views: the view of each clip, to break the score down by that of the source, or of the
            answer where the source is a text. The score is then the mean of both sides, however
            many questions each has.

    Raises:
        DataError: no question is left, or an embedding is not finite.
    """
    kept, missing = complete(queries, source, target, policy)
    if not kept:
        raise DataError(
            f"none of {len(queries)} questions can be scored; each needs an embedding of its "
            "source and of its answer"
        )
    kept.sort(key=lambda query: (query.source, query.positive_ids[0], query.cluster))
    found = rank(kept, source, target, similarity)
    sides = _sides(kept, views or {}) if policy != "both-views" else [""] * len(kept)
    parts = {
        side: _score(kept, found, [at for at, each in enumerate(sides) if each == side], rng)
        for side in sorted(set(sides))
        if len(set(sides)) > 1
    }
    whole = _score(kept, found, range(len(kept)), rng, sides)
    return Score(
        whole.metrics,
        whole.n,
        whole.clusters,
        whole.candidates,
        dropped=len(queries) - len(kept),
        missing=missing,
        rows=_rows(kept, found),
        parts=parts,
    )


def complete(
    queries: Sequence[Query], source: Embeddings, target: Embeddings, policy: CandidatePolicy
) -> tuple[list[Query], int]:
    """Return the questions that can be asked, and how many candidates left their gallery."""
    kept: list[Query] = []
    missing: set[str] = set()
    remaining: dict[Gallery, Gallery] = {}
    for query in queries:
        if query.gallery not in remaining:
            ids = query.gallery.ids
            remaining[query.gallery] = Gallery(tuple(name for name in ids if name in target.index))
            missing.update(name for name in ids if name not in target.index)
        present = remaining[query.gallery]
        positives = tuple(
            present.index[name] for name in query.positive_ids if name in present.index
        )
        if query.source not in source.index or not positives:
            continue
        if len(present.ids) == len(query.gallery.ids):
            kept.append(query)
        elif policy != "mcq20":
            kept.append(Query(query.source, present, positives, query.cluster))
    return kept, len(missing) if policy != "mcq20" else 0


def rank(
    queries: Sequence[Query],
    source: Embeddings,
    target: Embeddings,
    similarity: Similarity = "cosine",
) -> Ranks:
    """Rank the best positive of every query: one matrix product for the queries of one gallery."""
    found = torch.zeros(5, len(queries), dtype=torch.int64)
    for places in _groups(queries):
        group = [queries[place] for place in places]
        asked = source.vectors[torch.tensor([source.index[query.source] for query in group])]
        positives = [query.positives for query in group]
        if len({query.gallery for query in group}) == 1:
            rows = [target.index[name] for name in group[0].gallery.ids]
            gallery = target.vectors[torch.tensor(rows)]
            part = ranks(asked, gallery, positives, similarity=similarity)
        else:
            listed = [[target.index[name] for name in query.gallery.ids] for query in group]
            part = ranks(
                asked,
                target.vectors,
                positives,
                choices=torch.tensor(listed),
                similarity=similarity,
            )
        found[:, places] = torch.stack(
            [part.optimistic, part.pessimistic, part.candidates, part.right, part.level]
        )
    return Ranks(*found)


def _groups(queries: Sequence[Query]) -> list[list[int]]:
    """Places of the queries of each gallery, then of the listed questions of each length."""
    shared: dict[Gallery, list[int]] = {}
    for place, query in enumerate(queries):
        shared.setdefault(query.gallery, []).append(place)
    galleries, listed = [], dict[int, list[int]]()
    for places in shared.values():
        if len(places) > 1:
            galleries.append(places)
        else:
            length = len(queries[places[0]].gallery.ids)
            listed.setdefault(length, []).extend(places)
    return galleries + list(listed.values())


def _sides(queries: Sequence[Query], views: Mapping[str, View]) -> list[str]:
    return [views.get(query.source, views.get(query.positive_ids[0], "text")) for query in queries]


def _score(
    queries: Sequence[Query],
    found: Ranks,
    places: Sequence[int],
    rng: Generator,
    sides: Sequence[str] = (),
) -> Score:
    part = found.take(torch.tensor(list(places)))
    clusters = [queries[place].cluster for place in places]
    size = (int(part.candidates.min()), int(part.candidates.max()))
    metrics_of = summarise(part, clusters, rng, sides)
    return Score(metrics_of, len(places), len(set(clusters)), size)


def _rows(queries: Sequence[Query], found: Ranks) -> tuple[Row, ...]:
    columns = (
        found.optimistic.tolist(),
        found.pessimistic.tolist(),
        found.candidates.tolist(),
        metrics.top(found, 1).tolist(),
        found.right.tolist(),
        found.level.tolist(),
    )
    return tuple(
        Row(
            query.source,
            query.positive_ids,
            best,
            worst,
            size,
            hit,
            query.cluster,
            right,
            level,
        )
        for query, best, worst, size, hit, right, level in zip(queries, *columns, strict=True)
    )
