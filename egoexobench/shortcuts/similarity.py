"""Similarities of sources and candidates that need no training.

Similarities are ``(S, C)``, float64, of some sources and some candidates; a larger value means a
better match. Duration, loudness and synchrony are computed from media, which every method may read.
Labels and words are computed from annotations, which no method may read: their scores show what a
leak of the annotations would be worth on a track.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.query_ranking import (
    CompareGallery,
    RankedQueries,
    filter_answerable,
    rank_queries_by_scores,
    sort_queries,
)
from egoexobench.types import Embeddings, Gallery

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from egoexobench.types import CandidatePolicy, Query

QUIET = -120.0
"""Level of digital silence, dB."""
_WORD = re.compile(r"\w+")
CompareSources = Callable[[Sequence[str]], Floats]


def negative_distance(sources: ArrayLike, candidates: ArrayLike) -> Floats:
    """Return ``-|a - b|`` ``(S, C)`` of two durations in s, or of two levels in dB."""
    differences = np.asarray(sources, float)[:, None] - np.asarray(candidates, float)[None]
    return np.asarray(-np.abs(differences))


def loudness_db(samples: ArrayLike) -> float:
    """Return the root mean square of a sound ``(S,)`` in dB of full scale."""
    power = float(np.mean(np.square(np.asarray(samples, float))))
    return max(10 * np.log10(power), QUIET) if power > 0 else QUIET


def label_similarity(sources: Sequence[str], candidates: Sequence[str]) -> Floats:
    """Return 1 where two labels are equal, else 0."""
    return np.asarray(np.asarray(sources)[:, None] == np.asarray(candidates)[None], float)


def tfidf_cosine(sources: Sequence[str], candidates: Sequence[str]) -> Floats:
    """Return the cosine of two texts' words, each weighted by how rare it is among all texts.

    The weight is ``log(1 + N / n)`` for a word that n of N texts contain; a word counts once for
    each text.
    """
    vectors = _make_tfidf_vectors([*sources, *candidates])
    return np.asarray((vectors[: len(sources)] @ vectors[len(sources) :].T).toarray())


def compare_numbers(
    sources: Mapping[str, float], candidates: Mapping[str, float]
) -> CompareGallery:
    """Compare durations in s, or levels in dB, by :func:`negative_distance`."""

    def compare_gallery(gallery: Gallery) -> CompareSources:
        right = [candidates[name] for name in gallery.ids]
        return lambda names: negative_distance([sources[name] for name in names], right)

    return compare_gallery


def compare_labels(sources: Mapping[str, str], candidates: Mapping[str, str]) -> CompareGallery:
    """Compare labels by :func:`label_similarity`."""

    def compare_gallery(gallery: Gallery) -> CompareSources:
        right = [candidates[name] for name in gallery.ids]
        return lambda names: label_similarity([sources[name] for name in names], right)

    return compare_gallery


def compare_texts(sources: Mapping[str, str], candidates: Mapping[str, str]) -> CompareGallery:
    """Compare texts by :func:`tfidf_cosine`; words are rare among the sources and candidates."""
    vectors = _make_tfidf_vectors([*sources.values(), *candidates.values()])
    source_rows = {name: row for row, name in enumerate(sources)}
    candidate_rows = {name: row for row, name in enumerate(candidates, len(sources))}

    def compare_gallery(gallery: Gallery) -> CompareSources:
        right = vectors[[candidate_rows[name] for name in gallery.ids]].T.tocsr()
        return lambda names: np.asarray(
            (vectors[[source_rows[name] for name in names]] @ right).toarray()
        )

    return compare_gallery


def rank_shortcut(
    queries: Sequence[Query],
    sources: Sequence[str],
    candidates: Sequence[str],
    compare: CompareGallery,
    *,
    policy: CandidatePolicy,
) -> RankedQueries | None:
    """Rank the queries of a track by similarities, by the rule that ranks by embeddings.

    Args:
        queries: queries of one task.
        sources: ids that can be compared; another id counts as a clip without an embedding.
        candidates: likewise.
        compare: compares sources with the candidates of a gallery.
        policy: candidate policy of the queries.

    Returns:
        None if no query can be ranked.
    """
    left, right = (Embeddings(tuple(ids), torch.empty(0)) for ids in (sources, candidates))
    answerable, num_missing = filter_answerable(queries, left, right, policy)
    if not answerable:
        return None
    answerable = sort_queries(answerable)
    return RankedQueries(
        answerable,
        rank_queries_by_scores(answerable, compare),
        num_dropped=len(queries) - len(answerable),
        num_missing_candidates=num_missing,
    )


def _make_tfidf_vectors(texts: Sequence[str]) -> csr_array:
    """Return the weighted words of each text, of length 1, ``(N, W)``."""
    from scipy.sparse import csr_array

    bags = [{*_WORD.findall(text.lower())} for text in texts]
    frequencies = Counter(word for bag in bags for word in bag)
    column = {word: index for index, word in enumerate(sorted(frequencies))}
    words = [sorted(bag) for bag in bags]
    weights = [[log(1 + len(bags) / frequencies[word]) for word in bag] for bag in words]
    lengths = [max(float(np.linalg.norm(row)), 1e-12) for row in weights]
    return csr_array(
        (
            [weight / n for row, n in zip(weights, lengths, strict=True) for weight in row],
            [column[word] for bag in words for word in bag],
            np.cumsum([0, *map(len, words)]),
        ),
        shape=(len(bags), len(column)),
        dtype=np.float64,
    )
