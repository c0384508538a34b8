"""Shortcut similarities against loops, cases worked by hand and recordings of compared pairs."""

import math
import tracemalloc
from itertools import product

import numpy as np
import pytest

from egoexobench.evaluation import query_ranking
from egoexobench.evaluation.retrieval import score_ranked_queries
from egoexobench.shortcuts import similarity, synchrony
from egoexobench.types import Gallery, Query

SAMPLE_RATE = 8000


def compare_sounds(sources, candidates):
    """Return the peaks of every source with every candidate, ``(S, C)``."""
    sounds = dict(enumerate([*sources, *candidates]))
    pairs = list(product(range(len(sources)), range(len(sources), len(sounds))))
    return synchrony.compute_gcc_phat(sounds, np.array(pairs)).reshape(
        len(sources), len(candidates)
    )


def score_shortcut(*arguments, policy):
    ranked = similarity.rank_shortcut(*arguments, policy=policy)
    assert ranked is not None
    return score_ranked_queries(ranked, rng=np.random.default_rng(0), policy=policy)


def look_up(scores, sources, candidates):
    def compare_gallery(gallery):
        columns = [candidates.index(name) for name in gallery.ids]
        return lambda names: scores[np.ix_([sources.index(name) for name in names], columns)]

    return compare_gallery


def test_closeness_is_the_negative_distance_of_two_numbers() -> None:
    similarities = similarity.negative_distance([1.0, 5.0], [2.0, 5.0, 9.0])
    assert similarities.tolist() == [[-1, -4, -8], [-3, 0, -4]]


def test_a_level_is_in_decibel_of_full_scale() -> None:
    sine = np.sin(np.arange(SAMPLE_RATE) / 5)
    assert similarity.loudness_db(np.ones(9)) == pytest.approx(0)
    assert similarity.loudness_db(sine) == pytest.approx(20 * math.log10(math.sqrt(0.5)), abs=0.01)
    assert similarity.loudness_db(sine / 10) == pytest.approx(similarity.loudness_db(sine) - 20)
    assert similarity.loudness_db(np.zeros(9)) == similarity.QUIET


def test_a_label_is_equal_or_not() -> None:
    assert similarity.label_similarity(["a", "b"], ["b", "c", "a"]).tolist() == [
        [0, 0, 1],
        [1, 0, 0],
    ]


def test_tfidf_cosine_worked_by_hand() -> None:
    similarities = similarity.tfidf_cosine(
        ["Take the jar"], ["take the jar!", "open the door", "nothing"]
    )
    rare, common, most = (math.log(1 + 4 / n) for n in (1, 2, 3))
    own = math.sqrt(2 * common**2 + most**2)
    other = math.sqrt(2 * rare**2 + most**2)
    assert similarities[0].tolist() == pytest.approx([1, most**2 / (own * other), 0])


def test_tfidf_cosine_of_texts_without_words_is_zero() -> None:
    assert similarity.tfidf_cosine(["", "?"], ["a"]).tolist() == [[0], [0]]


def test_a_sound_at_two_microphones_is_matched_in_spite_of_delay_filter_and_noise() -> None:
    rng = np.random.default_rng(0)
    events = [rng.standard_normal(2 * SAMPLE_RATE).astype(np.float32) for _ in range(12)]
    recordings = []
    for event in events:
        late = np.roll(event, int(rng.integers(0, 400)))
        muffled = np.convolve(late, [0.5, 0.3, 0.2, 0.1], "same")
        recordings.append(
            (0.1 * muffled + 0.02 * rng.standard_normal(len(event))).astype(np.float32)
        )
    peaks = compare_sounds(events, recordings)
    assert (peaks.argmax(1) == np.arange(12)).all()
    assert np.diag(peaks).min() > 3 * np.where(np.eye(12), 0, peaks).max()


def test_the_peak_is_that_of_a_loop_over_lags() -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.standard_normal(60).astype(np.float32) for _ in range(2))
    size = 120
    spectrum = np.fft.fft(first, size) * np.conj(np.fft.fft(second, size))
    white = spectrum / np.abs(spectrum)
    lags = [
        sum(white[k] * np.exp(2j * np.pi * k * lag / size) for k in range(size)).real / size
        for lag in range(size)
    ]
    peaks = compare_sounds([first], [second])
    assert peaks[0, 0] == pytest.approx(max(lags), abs=1e-4)
    assert compare_sounds([second], [first])[0, 0] == pytest.approx(peaks[0, 0], abs=1e-5)
    assert compare_sounds([first], [first])[0, 0] == pytest.approx(1, abs=0.01)


def test_the_number_of_spectra_in_memory_changes_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    sounds = [rng.standard_normal(99).astype(np.float32) for _ in range(7)]
    peaks = compare_sounds(sounds, sounds)
    monkeypatch.setattr(synchrony, "SPECTRA_IN_MEMORY", 2)
    monkeypatch.setattr(synchrony, "CORRELATIONS_IN_MEMORY", 1)
    assert compare_sounds(sounds, sounds) == pytest.approx(peaks, abs=1e-6)


def test_silence_matches_nothing() -> None:
    zeros = np.zeros(50, np.float32)
    assert compare_sounds([zeros], [zeros, np.ones(50, np.float32)]).tolist() == [[0, 0]]


@pytest.mark.parametrize("policy", ["gallery", "mcq20"])
def test_a_matrix_is_scored_by_its_own_order_with_ties_shared(policy: str) -> None:
    names = tuple("uvwx")
    queries = [Query(str(i), Gallery(names), (i,), str(i)) for i in range(4)]
    scores = np.array([[9, 1, 1, 1], [5, 5, 5, 5], [3, 2, 1, 0], [-4, -3, -2, -1]], float)
    sources = ["0", "1", "2", "3"]
    score = score_shortcut(queries, sources, names, look_up(scores, sources, names), policy=policy)
    assert [(row.optimistic, row.pessimistic) for row in score.query_results] == [
        (1, 1), (1, 4), (3, 3), (1, 1),
    ]  # fmt: skip
    assert score.metrics["hit_rate_at_1"].value == pytest.approx(100 * (1 + 0.25 + 0 + 1) / 4)


def test_queries_without_a_row_or_a_column_are_counted_as_dropped() -> None:
    names = tuple("uvw")
    queries = [Query(str(i), Gallery(names), (i,), str(i)) for i in range(3)]
    sources, candidates = ["0", "2"], ("u", "v")
    score = score_shortcut(
        queries, sources, candidates, look_up(np.eye(2), sources, candidates), policy="gallery"
    )
    assert (score.num_queries, score.num_dropped, score.num_missing_candidates) == (1, 2, 1)


@pytest.mark.parametrize(
    ("compare", "values"),
    [
        (similarity.compare_numbers, [number / 7 for number in range(2000)]),
        (similarity.compare_labels, [f"scene {number % 9}" for number in range(2000)]),
        (similarity.compare_texts, [f"someone cuts {number}" for number in range(2000)]),
    ],
)
def test_the_memory_of_a_shortcut_does_not_grow_with_the_square_of_the_clips(
    compare, values, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A matrix of 2,000 clips has 32 MB, one of 44,000 candidates 15 GB."""
    monkeypatch.setattr(query_ranking, "BLOCK_SIZE", 2**15)
    sources = {f"s{number}": value for number, value in enumerate(values)}
    candidates = {f"c{number}": value for number, value in enumerate(values)}
    gallery = Gallery(tuple(candidates))
    queries = [Query(name, gallery, (row,), name) for row, name in enumerate(sources)]
    tracemalloc.start()
    score = score_shortcut(
        queries, [*sources], [*candidates], compare(sources, candidates), policy="gallery"
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(row.optimistic == 1 for row in score.query_results)
    assert peak < 12e6


def test_blocks_of_any_size_give_the_same_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {str(number): f"cut {number % 7} {'the ' * (number % 2)}jar" for number in range(40)}
    gallery = Gallery(tuple(texts))
    queries = [Query(name, gallery, (row, (row + 7) % 40), name) for row, name in enumerate(texts)]
    results = []
    for size in (1, 100, 10_000):
        monkeypatch.setattr(query_ranking, "BLOCK_SIZE", size)
        compare = similarity.compare_texts(texts, texts)
        results.append(score_shortcut(queries, [*texts], [*texts], compare, policy="gallery"))
    assert results[0] == results[1] == results[2]
