"""What finds the answer without learning anything: scores of every source with every candidate.

A score matrix is ``(S, C)``, float64, larger where a candidate is likelier. ``duration``,
``loudness`` and ``synchrony`` are computed from media, as any method may be. ``label`` and
``wording`` are computed from the annotation, which no method is handed: they are not methods but
say what a leak of the annotation would be worth on a track.
"""

from __future__ import annotations

import re
from collections import Counter
from math import log
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.retrieval import score_retrieval
from egoexobench.types import Embeddings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator

    from egoexobench.evaluation.results import Score
    from egoexobench.types import CandidatePolicy, Query, View

QUIET = -120.0
"""Level of digital silence, dB."""
_WORD = re.compile(r"\w+")
_BLOCK = 32
"""Cross-correlations that are held at once."""


def negative_distance(sources: ArrayLike, candidates: ArrayLike) -> Floats:
    """Return how near two numbers are, ``-|a - b|``: of durations in s, or of levels in dB."""
    apart = np.asarray(sources, float)[:, None] - np.asarray(candidates, float)[None]
    return np.asarray(-np.abs(apart))


def loudness_db(samples: ArrayLike) -> float:
    """Return how loud a sound ``(S,)`` is: its root mean square in dB of full scale."""
    power = float(np.mean(np.square(np.asarray(samples, float))))
    return max(10 * np.log10(power), QUIET) if power > 0 else QUIET


def label_similarity(sources: Sequence[str], candidates: Sequence[str]) -> Floats:
    """Return 1 where two labels are equal, else 0."""
    return np.asarray(np.asarray(sources)[:, None] == np.asarray(candidates)[None], float)


def tfidf_cosine(sources: Sequence[str], candidates: Sequence[str]) -> Floats:
    """Return the cosine of two texts' words, each weighted by how rare it is among all texts.

    The weight is ``log(1 + N / n)`` for a word that n of N texts hold; a word that stands twice in
    a text counts once.
    """
    bags = [{*_WORD.findall(text.lower())} for text in (*sources, *candidates)]
    held = Counter(word for bag in bags for word in bag)
    column = {word: place for place, word in enumerate(sorted(held))}
    rows = np.zeros((len(bags), len(column)))
    for row, bag in zip(rows, bags, strict=True):
        for word in bag:
            row[column[word]] = log(1 + len(bags) / held[word])
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return np.asarray(rows[: len(sources)] @ rows[len(sources) :].T)


def gcc_phat_peak(
    sources: Sequence[NDArray[np.float32]],
    candidates: Sequence[NDArray[np.float32]],
    wanted: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return the peak over all lags of the generalised cross-correlation of two sounds.

    Spectra are whitened by the phase transform (GCC-PHAT; Knapp and Carter 1976): one sound
    recorded by two microphones gives a peak of up to 1 at their delay, whatever either does to
    its spectrum; two sounds give noise.

    Args:
        sources: samples ``(S,)`` of each, at one rate.
        candidates: likewise.
        wanted: ``(S, C)``, which scores are needed; the others are 0. None is all of them.
    """
    length = max(map(len, (*sources, *candidates)), default=1)
    size = fft.next_fast_len(2 * length, real=True)
    others = [_whitened(sound, size) for sound in candidates]
    found = np.zeros((len(sources), len(candidates)))
    for row, sound in enumerate(sources):
        columns = np.arange(len(candidates)) if wanted is None else np.flatnonzero(wanted[row])
        own = _whitened(sound, size)
        for start in range(0, len(columns), _BLOCK):
            part = columns[start : start + _BLOCK]
            product = own * np.conj(np.stack([others[place] for place in part]))
            found[row, part] = fft.irfft(product, size, axis=1, workers=-1).max(1)
    return found


def score_shortcut(
    queries: Sequence[Query],
    sources: Sequence[str],
    candidates: Sequence[str],
    scores: Floats,
    *,
    rng: Generator,
    policy: CandidatePolicy,
    views: Mapping[str, View] | None = None,
) -> Score:
    """Score a matrix on the questions of a track by the code that scores embeddings.

    A source's embedding is its row of scores, a candidate's is its own axis: their dot product is
    the score. What has no row or no column is missing, as a clip without an embedding is.

    Args:
        queries: of one task.
        sources: ids of the rows.
        candidates: ids of the columns.
        scores: ``(S, C)``.
        rng: the source of chance of the intervals.
        policy: of the queries.
        views: the view of each clip, to break the score down.
    """
    rows = Embeddings(tuple(sources), torch.from_numpy(np.asarray(scores, np.float64)))
    axes = Embeddings(tuple(candidates), torch.eye(len(candidates), dtype=torch.float64))
    return score_retrieval(
        queries, rows, axes, rng=rng, policy=policy, similarity="dot", views=views
    )


def _whitened(sound: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    spectrum = fft.rfft(np.asarray(sound, np.float32), size)
    strength = np.abs(spectrum)
    # bands that hold nothing are not raised to the strength of the others
    return np.asarray(spectrum / np.maximum(strength, 1e-3 * strength.max() + 1e-12), np.complex64)
