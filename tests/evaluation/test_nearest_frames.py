"""The nearest frames from tiles are those of complete distances, also where many tie."""

import numpy as np
import pytest
from frame_videos import make_frames, make_videos
from scipy.spatial.distance import cdist

from egoexobench.evaluation import nearest_frames
from egoexobench.evaluation.frame_retrieval import rank_frames
from egoexobench.evaluation.tied_precision import compute_precision_at_k, compute_tied_precision

TOP_K = (1, 5, 10)


def rank_slowly(frames, queries, gallery):
    """Average precisions from complete distances in 64 bits, and which queries have ties."""
    values, tied = {k: [] for k in TOP_K}, 0
    vectors = frames.vectors.astype(float)
    for row in np.flatnonzero(queries):
        others = np.flatnonzero(gallery & (frames.videos != frames.videos[row]))
        if not len(others):
            continue
        distances = cdist(vectors[row][None], vectors[others], "sqeuclidean")[0]
        hits = frames.labels[others] == frames.labels[row]
        distinct, groups = np.unique(distances, return_inverse=True)
        sizes = np.bincount(groups, minlength=len(distinct))
        relevant = np.bincount(groups, hits, minlength=len(distinct)).astype(int)
        listed = tuple(zip(sizes.tolist(), relevant.tolist(), strict=True))
        for k in TOP_K:
            values[k].append(compute_tied_precision(listed, k))
        first = np.sort(distances)[: max(TOP_K) + 1]
        tied += bool((np.diff(first) == 0).any())
    return values, tied


@pytest.mark.parametrize("tile_size", [2**24, 700])
@pytest.mark.parametrize(
    ("lengths", "step"),
    [([40, 35, 60, 20], None), ([40, 35, 60, 20], 1.0), ([700, 600, 3, 1, 900], None)],
)
def test_precisions_are_those_of_complete_distances(lengths, step, tile_size, monkeypatch):
    monkeypatch.setattr(
        nearest_frames, "TILE_SIZE", tile_size * 8 if sum(lengths) > 999 else tile_size
    )
    frames = make_videos(0, lengths, step=step)
    every = np.ones(len(frames.labels), bool)
    sides = [(every, every), (frames.is_ego, ~frames.is_ego)]
    for queries, gallery in sides if sum(lengths) < 999 else sides[1:]:
        asking = queries & (frames.positions % (25 if sum(lengths) > 999 else 1) == 0)
        ranking = rank_frames(frames, asking, gallery, TOP_K)
        expected, tied = rank_slowly(frames, asking, gallery)
        for k in TOP_K:
            np.testing.assert_allclose(ranking.precisions[k], expected[k], atol=1e-12)
        assert ranking.num_tied == tied
        assert tied or step is None


def test_equal_embeddings_give_exactly_chance():
    frames = make_frames(np.ones((240, 4)), np.tile([0, 1, 1], 80), [100, 80, 60])
    every = np.ones(240, bool)
    ranking = rank_frames(frames, every, every, TOP_K)
    assert ranking.num_tied == 240
    for k in TOP_K:
        chance = [
            compute_tied_precision(((size, relevant),), k)
            for size, relevant in zip(
                ranking.num_candidates.tolist(), ranking.num_relevant.tolist(), strict=True
            )
        ]
        np.testing.assert_allclose(ranking.precisions[k], chance, atol=1e-12)


def test_vectors_far_from_the_origin_are_told_apart_by_their_small_differences():
    near = make_videos(3, [50, 50, 50])
    shift = np.float32(2.0**12)
    grid = np.round(near.vectors * 64) / 64  # exact after the shift
    every = np.ones(150, bool)
    moved = make_frames(grid + shift, near.labels, near.lengths)
    still = make_frames(grid, near.labels, near.lengths)
    for k in TOP_K:
        np.testing.assert_array_equal(
            rank_frames(moved, every, every, TOP_K).precisions[k],
            rank_frames(still, every, every, TOP_K).precisions[k],
        )


def test_one_huge_vector_does_not_hide_the_differences_of_others():
    frames = make_videos(4, [60, 60, 60])
    vectors = frames.vectors.copy()
    vectors[7] = 1e9
    every = np.ones(180, bool)
    changed = make_frames(vectors, frames.labels, frames.lengths)
    expected, _ = rank_slowly(changed, every, every)
    for k in TOP_K:
        np.testing.assert_allclose(
            rank_frames(changed, every, every, TOP_K).precisions[k], expected[k], atol=1e-12
        )


def test_fewer_candidates_than_k_all_count_and_a_query_without_any_is_left_out():
    frames = make_frames([[0.0], [1.0], [5.0]], [0, 1, 1], [1, 1, 1], ("ego", "exo", "exo"))
    every = np.ones(3, bool)
    ranking = rank_frames(frames, every, frames.is_ego, (10,))
    assert ranking.rows.tolist() == [1, 2]  # the ego frame has no candidate of another video
    assert ranking.num_candidates.tolist() == [1, 1]
    ranking = rank_frames(frames, every, every, (10,))
    # of frame 1: frame 0 is nearer and of another phase, so that its hit is second
    assert ranking.precisions[10].tolist() == [0, 0.5, 1]


def test_without_ties_it_is_the_plain_average_precision():
    frames = make_videos(5, [30, 30])
    every = np.ones(60, bool)
    ranking = rank_frames(frames, every, every, (5,))
    other = slice(30, 60)
    distances = cdist(frames.vectors[:1], frames.vectors[other])[0]
    hits = frames.labels[other][distances.argsort()] == frames.labels[0]
    assert ranking.precisions[5][0] == pytest.approx(compute_precision_at_k(hits[None], 5)[0])
