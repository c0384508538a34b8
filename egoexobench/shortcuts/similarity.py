"""Similarities of sources and candidates that need no training.

A similarity matrix is ``(S, C)``, float64; a larger value means a better match. Duration, loudness
and synchrony are computed from media, which every method may read. Labels and words are computed
from annotations, which no method may read: their scores show what a leak of the annotations would
be worth on a track.
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
from scipy.sparse import csr_array

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
"""Cross-correlations in memory at once."""


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
    bags = [{*_WORD.findall(text.lower())} for text in (*sources, *candidates)]
    frequencies = Counter(word for bag in bags for word in bag)
    column = {word: index for index, word in enumerate(sorted(frequencies))}
    words = [sorted(bag) for bag in bags]
    weights = [[log(1 + len(bags) / frequencies[word]) for word in bag] for bag in words]
    lengths = [max(float(np.linalg.norm(row)), 1e-12) for row in weights]
    rows = csr_array(
        (
            [weight / n for row, n in zip(weights, lengths, strict=True) for weight in row],
            [column[word] for bag in words for word in bag],
            np.cumsum([0, *map(len, words)]),
        ),
        shape=(len(bags), len(column)),
        dtype=np.float64,
    )
    return np.asarray((rows[: len(sources)] @ rows[len(sources) :].T).toarray())


def gcc_phat_peak(
    sources: Sequence[NDArray[np.float32]],
    candidates: Sequence[NDArray[np.float32]],
    mask: NDArray[np.bool_] | None = None,
) -> Floats:
    """Return the peak over all lags of the generalized cross-correlation of two sounds.

    Spectra are whitened by the phase transform (GCC-PHAT; Knapp and Carter 1976): one sound
    recorded by two microphones gives a peak of up to 1 at their delay, whatever either does to
    its spectrum; two sounds give noise.

    Args:
        sources: samples ``(S,)`` of each, at one rate.
        candidates: likewise.
        mask: ``(S, C)``, True where a score is computed; the others are 0. None is all True.
    """
    length = max(map(len, (*sources, *candidates)), default=1)
    size = fft.next_fast_len(2 * length, real=True)
    spectra = [_whiten(sound, size) for sound in candidates]
    peaks = np.zeros((len(sources), len(candidates)))
    for row, sound in enumerate(sources):
        columns = np.arange(len(candidates)) if mask is None else np.flatnonzero(mask[row])
        own = _whiten(sound, size)
        for start in range(0, len(columns), _BLOCK):
            part = columns[start : start + _BLOCK]
            product = own * np.conj(np.stack([spectra[index] for index in part]))
            peaks[row, part] = fft.irfft(product, size, axis=1, workers=-1).max(1)
    return peaks


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
    """Score a similarity matrix on the queries of a track, with the code that scores embeddings.

    The embedding of a source is its row of scores, that of a candidate is a unit vector: their dot
    product is the score. An id without a row or column counts as a clip without an embedding.

    Args:
        queries: queries of one task.
        sources: ids of the rows.
        candidates: ids of the columns.
        scores: ``(S, C)``.
        rng: random numbers for the intervals.
        policy: candidate policy of the queries.
        views: view of each clip, for the scores of each view.
    """
    rows = Embeddings(tuple(sources), torch.from_numpy(np.asarray(scores, np.float64)))
    axes = Embeddings(tuple(candidates), torch.eye(len(candidates), dtype=torch.float64))
    return score_retrieval(
        queries, rows, axes, rng=rng, policy=policy, similarity="dot", views=views
    )


def _whiten(sound: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    spectrum = fft.rfft(np.asarray(sound, np.float32), size)
    strength = np.abs(spectrum)
    # Bands without energy are not amplified to the strength of the others.
    return np.asarray(spectrum / np.maximum(strength, 1e-3 * strength.max() + 1e-12), np.complex64)
