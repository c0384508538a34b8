"""The shortcut `synchrony`: which clips are compared, and how alike their sounds are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats
from egoexobench.protocols import Progress
from egoexobench.shortcuts.similarity import CompareSources
from egoexobench.shortcuts.track_queries import TrackQueries
from egoexobench.toolbox.cores import map_in_threads
from egoexobench.types import Gallery

MAX_AUDIO_PAIRS = 300_000
"""Largest number of audio pairs of a track that are cross-correlated; each takes half a ms."""
MAX_SOUND_CLIPS = 8_000
"""Largest number of clips whose sounds are kept in memory, of up to 128 KB each."""
SPECTRA_IN_MEMORY = 512
"""Spectra of candidates in memory at once, of up to 256 KB each."""
CORRELATIONS_IN_MEMORY = 16
"""Correlations of a thread in memory at once, of up to 512 KB each."""

Pairs = NDArray[np.int64]
"""Positions of two clips each, ``(P, 2)``."""


@dataclass(frozen=True, slots=True)
class SynchronyPlan:
    """Which clips are compared, decided before anything is decoded.

    ``pairs`` has those of each track that are in no track before it, by the label of the track;
    ``skipped`` says of each track with too many pairs how many these are.
    """

    positions: Mapping[str, int]
    """Position of each clip in ``pairs``, by id."""
    pairs: dict[str, Pairs] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def sound_ids(self) -> set[str]:
        """Ids of the clips whose sounds are compared."""
        used = {index for pairs in self.pairs.values() for index in np.unique(pairs).tolist()}
        return {name for name, index in self.positions.items() if index in used}


def list_comparisons(tracks: Iterable[TrackQueries], clip_ids: Sequence[str]) -> SynchronyPlan:
    """Return which clips are compared with which; nothing grows with the square of the clips.

    Args:
        tracks: the tracks to score, all between the views.
        clip_ids: ids of the clips that can be decoded.
    """
    plan = SynchronyPlan({name: position for position, name in enumerate(clip_ids)})
    compared, used = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for track in tracks:
        if track.parts:
            if reasons := [plan.skipped[k.label] for k in track.parts if k.label in plan.skipped]:
                plan.skipped[track.label] = reasons[0]
            continue
        blocks = list(_iter_gallery_positions(track, plan.positions))
        # A pair stands in at most two cells of a gallery, (a, b) and (b, a).
        num_cells = max((len(rows) * len(columns) for rows, columns in blocks), default=0)
        if (num_least := num_cells // 2 - len(compared)) > MAX_AUDIO_PAIRS:
            plan.skipped[track.label] = _describe_limit(f"at least {num_least} pairs of sounds")
            continue
        cells = [np.zeros((0, 2), np.int64)]
        cells += [_combine_positions(rows, columns).reshape(-1, 2) for rows, columns in blocks]
        pairs = np.concatenate(cells)
        codes, first = np.unique(_encode_pairs(pairs, len(clip_ids)), return_index=True)
        pairs = pairs[first[~np.isin(codes, compared)]]
        clips = np.union1d(used, pairs)
        if len(pairs) > MAX_AUDIO_PAIRS:
            plan.skipped[track.label] = _describe_limit(f"{len(pairs)} pairs of sounds")
        elif len(clips) > MAX_SOUND_CLIPS:
            plan.skipped[track.label] = (
                f"{len(clips)} clips, and the sounds of at most {MAX_SOUND_CLIPS} are compared"
            )
        else:
            plan.pairs[track.label] = pairs
            compared, used = np.union1d(compared, codes), clips
    return plan


@dataclass(frozen=True, slots=True)
class SoundPeaks:
    """How alike two sounds are, for the pairs of a plan whose clips both have sound."""

    positions: Mapping[str, int]
    codes: NDArray[np.int64]
    """Of the pairs, ascending, ``(P,)``."""
    peaks: Floats
    """See :func:`compute_gcc_phat`, ``(P,)``."""

    def compare_gallery(self, gallery: Gallery) -> CompareSources:
        """Return what looks up the peaks of sources with a gallery with which they were compared.

        It has the form of a :data:`egoexobench.evaluation.query_ranking.CompareGallery`.
        """
        columns = self._locate(gallery.ids)

        def compare_sources(names: Sequence[str]) -> Floats:
            codes = _encode_pairs(
                _combine_positions(self._locate(names), columns), len(self.positions)
            )
            return np.asarray(self.peaks[np.searchsorted(self.codes, codes)])

        return compare_sources

    def _locate(self, names: Sequence[str]) -> list[int]:
        return [self.positions[name] for name in names]


def measure_peaks(
    plan: SynchronyPlan, sounds: Mapping[str, NDArray[np.float32]], progress: Progress
) -> SoundPeaks:
    """Compare the pairs of a plan whose clips both have a sound ``(S,)``, all at one rate."""
    by_position = {plan.positions[name]: sound for name, sound in sounds.items()}
    has_sound = np.zeros(len(plan.positions), bool)
    has_sound[[*by_position]] = True
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *plan.pairs.values()])
    pairs = pairs[has_sound[pairs].all(1)]
    codes = _encode_pairs(pairs, len(plan.positions))
    order = np.argsort(codes)
    with progress.stage("synchrony", len(pairs)) as advance:
        peaks = compute_gcc_phat(by_position, pairs, advance)
    return SoundPeaks(plan.positions, codes[order], peaks[order])


def compute_gcc_phat(
    sounds: Mapping[int, NDArray[np.float32]],
    pairs: Pairs,
    advance: Callable[[int], None] = lambda _count: None,
) -> Floats:
    """Return the peak over all lags of the generalized cross-correlation of two sounds.

    Spectra are whitened by the phase transform (GCC-PHAT; Knapp and Carter 1976): one sound
    recorded by two microphones gives a peak of up to 1 at their delay, whatever either does to
    its spectrum; two sounds give noise.

    Args:
        sounds: samples ``(S,)`` of each, at one rate, by the numbers of ``pairs``.
        pairs: numbers of two sounds each, ``(P, 2)``.
        advance: is called with the number of pairs that were compared.

    Returns:
        The peak of each pair, ``(P,)``.
    """
    from scipy import fft  # only where the scores are not stored already

    size = fft.next_fast_len(2 * max(map(len, sounds.values()), default=1), real=True)
    peaks = np.zeros(len(pairs))
    candidates = np.unique(pairs[:, 1])
    for start in range(0, len(candidates), SPECTRA_IN_MEMORY):
        block = candidates[start : start + SPECTRA_IN_MEMORY]
        spectra = _stack_conjugates([sounds[index] for index in block.tolist()], size)
        rows = np.flatnonzero(np.isin(pairs[:, 1], block))
        rows = rows[np.lexsort(pairs[rows].T[::-1])]
        groups = np.split(rows, np.flatnonzero(np.diff(pairs[rows, 0])) + 1)
        comparisons = [
            _Comparisons(sounds[int(pairs[group[0], 0])], np.searchsorted(block, pairs[group, 1]))
            for group in groups
        ]
        find_peaks = partial(_find_peaks, spectra=spectra, size=size)
        for group, values in zip(groups, map_in_threads(find_peaks, comparisons), strict=True):
            peaks[group] = values
            advance(len(group))
    return peaks


def _stack_conjugates(sounds: Sequence[NDArray[np.float32]], size: int) -> NDArray[np.complex64]:
    """Return the conjugates of the whitened spectra of sounds, ``(C, F)``."""
    spectra = np.empty((len(sounds), size // 2 + 1), np.complex64)
    for row, sound in zip(spectra, sounds, strict=True):
        np.conj(_whiten(sound, size), out=row)
    return spectra


class _Comparisons(NamedTuple):
    """A sound ``(S,)``, and the rows ``(K,)`` of the spectra with which it is compared."""

    sound: NDArray[np.float32]
    rows: NDArray[np.intp]


def _find_peaks(comparisons: _Comparisons, *, spectra: NDArray[np.complex64], size: int) -> Floats:
    """Return the peak of each comparison, ``(K,)``."""
    from scipy import fft

    spectrum, peaks = _whiten(comparisons.sound, size), np.zeros(len(comparisons.rows))
    products = np.empty((CORRELATIONS_IN_MEMORY, len(spectrum)), np.complex64)  # once, not by part
    for start in range(0, len(peaks), CORRELATIONS_IN_MEMORY):
        part = comparisons.rows[start : start + CORRELATIONS_IN_MEMORY]
        product = products[: len(part)]
        np.take(spectra, part, axis=0, out=product, mode="clip")  # "raise" would copy once more
        np.multiply(spectrum, product, out=product)
        peaks[start : start + len(part)] = fft.irfft(product, size, axis=1).max(1)
    return peaks


def _iter_gallery_positions(
    track: TrackQueries, positions: Mapping[str, int]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the positions of the sources and of the candidates of each gallery."""
    sources: dict[Gallery, dict[str, None]] = {}
    for query in track.queries:
        sources.setdefault(query.gallery, {})[query.source] = None
    for gallery, names in sources.items():
        yield (
            [positions[name] for name in names if name in positions],
            [positions[name] for name in gallery.ids if name in positions],
        )


def _combine_positions(rows: Sequence[int], columns: Sequence[int]) -> Pairs:
    """Return every pair of a row and a column, ``(R, C, 2)``."""
    return np.stack(
        np.meshgrid(np.array(rows, np.int64), np.array(columns, np.int64), indexing="ij"), -1
    )


def _encode_pairs(pairs: Pairs, num_clips: int) -> NDArray[np.int64]:
    """Return one number for each pair, the same for (a, b) and (b, a)."""
    return np.asarray(pairs.min(-1) * num_clips + pairs.max(-1))


def _describe_limit(count: str) -> str:
    return f"{count}, and at most {MAX_AUDIO_PAIRS} are compared"


def _whiten(sound: NDArray[np.float32], size: int) -> NDArray[np.complex64]:
    from scipy import fft

    spectrum = fft.rfft(np.asarray(sound, np.float32), size)
    strength = np.abs(spectrum)
    # Bands without energy are not amplified to the strength of the others.
    return np.asarray(spectrum / np.maximum(strength, 1e-3 * strength.max() + 1e-12), np.complex64)
