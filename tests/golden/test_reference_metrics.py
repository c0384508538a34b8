"""The references' own rules on cases worked by hand, and where ours agrees with them."""

import sys

import numpy as np
import pytest
import torch
from reference_metrics import ae2, choices, gallery, graded
from sklearn.metrics import average_precision_score, ndcg_score

from egoexobench.evaluation import classification, metrics
from egoexobench.evaluation.ranks import compute_ranks


def rank_scores(scores, answers):
    """Our ranks; columns are told by unit vectors, which is exact."""
    table = torch.from_numpy(np.ascontiguousarray(scores))
    columns = torch.eye(table.shape[1], dtype=table.dtype)
    return compute_ranks(table, columns, torch.as_tensor(answers), similarity="dot")


def make_scores(seed, shape, step=None):
    """Random scores; with a step they are rounded to it, so that many tie."""
    values = np.random.default_rng(seed).normal(size=shape)
    return values if step is None else np.round(values / step) * step


def test_egoinstructor_counts_every_tied_rank_so_constant_scores_look_worse_than_chance():
    assert gallery.compute_egoinstructor_ranks(np.ones((3, 3))) == [0, 1, 2] * 3
    outputs = gallery.score_egoinstructor(np.ones((4, 4)))
    assert outputs["R1"] == 25
    one_tie = np.array([[2.0, 2.0], [0.0, 1.0]])
    assert gallery.compute_egoinstructor_ranks(one_tie) == [0, 1, 0]
    assert gallery.score_egoinstructor(one_tie)["R1"] == pytest.approx(200 / 3)


@pytest.mark.parametrize("step", [None, 0.8])
def test_a_gallery_has_the_ranks_of_ours_but_for_the_rule_of_ties(step):
    scores = make_scores(1, (20, 20), step)
    rows, columns = rank_scores(scores, range(20)), rank_scores(scores.T, range(20))
    best, mean = gallery.score_text_to_video(scores), gallery.score_video_to_text(scores)
    assert best["MeanR"] == pytest.approx(rows.optimistic.double().mean().item())
    assert best["MedR"] == np.median(rows.optimistic)
    assert mean["MeanR"] == pytest.approx(metrics.expected_rank(columns).mean())
    listed = [
        position - 1
        for first, last in zip(rows.optimistic.tolist(), rows.pessimistic.tolist(), strict=True)
        for position in range(first, last + 1)
    ]
    assert gallery.compute_egoinstructor_ranks(scores) == listed
    if step is None:
        assert gallery.score_egoinstructor(scores)["R5"] == pytest.approx(
            100 * metrics.hit_rate_at_k(rows, 5).mean()
        )


def test_with_several_texts_a_video_takes_its_best_and_padding_is_left_out():
    # texts 0 and 1 are of video 0, texts 2 and 3 of video 1; columns are videos
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.4], [0.3, 0.7]])
    assert gallery.score_text_to_video(scores)["R1"] == 50
    assert gallery.score_video_to_text(scores)["R1"] == 50
    assert gallery.score_video_to_text(scores)["MeanR"] == 1.5
    real = np.array([True, False, True, True])
    assert gallery.score_text_to_video(scores, real)["R1"] == pytest.approx(200 / 3)
    assert gallery.score_video_to_text(scores, real)["R1"] == 100


def test_the_geometric_mean_is_zero_where_nothing_is_first():
    assert gallery.score_text_to_video(np.eye(4)[::-1])["geometric_mean_R1-R5-R10"] == 0


@pytest.mark.parametrize("step", [None, 1.0])
def test_listed_questions_stand_between_both_ends_of_ours(step):
    rng = np.random.default_rng(2)
    scores, answers = make_scores(3, (60, 20), step), rng.integers(0, 20, 60)
    types = np.repeat([1, 2], 30)
    first = choices.score_first_maximum(scores, answers, types, choices.ASSOCIATION)
    shares = choices.score_soundbridge(scores, answers, types)
    for name, kind in zip(choices.ASSOCIATION, (1, 2), strict=True):
        own = rank_scores(scores[types == kind], answers[types == kind])
        for k in (1, 5, 10):
            least = 100 * (own.pessimistic <= k).double().mean()
            most = 100 * (own.optimistic <= k).double().mean()
            assert least <= shares[f"{name}_top{k}"] <= most
            assert (least == most) == (step is None)
        if step is None:
            assert shares[f"{name}_top1"] == first[name]


def test_the_first_of_equal_scores_is_taken():
    outputs = choices.score_first_maximum(
        np.ones((2, 5)), np.array([0, 1]), np.array([7, 9]), ("a", "b")
    )
    assert outputs == {"a": 100, "b": 0}


def test_torch_topk_takes_neither_the_first_of_equal_scores_nor_the_same_for_each_k():
    scores = make_scores(9, (200, 20), 1.0)
    best = {k: choices.select_torch_topk(scores, k) for k in (1, 5, 10)}
    for k, columns in best.items():
        values = np.take_along_axis(scores, columns, 1)
        np.testing.assert_array_equal(values, -np.sort(-scores, 1)[:, :k])
    assert (best[1][:, 0] != scores.argmax(1)).any()
    assert any(set(five) - set(ten[:5]) for five, ten in zip(best[5], best[10], strict=True))


@pytest.mark.skipif(sys.platform != "linux", reason="the C++ library decides which of equal scores")
def test_torch_topk_decides_by_the_position_and_the_number_of_candidates():
    for num_candidates, k, columns in (
        (20, 1, [12]),
        (20, 5, [12, 14, 13, 15, 11]),
        (63, 1, [41]),
        (64, 1, [0]),
    ):
        table = np.zeros((3, num_candidates), np.float32)
        assert choices.select_torch_topk(table, k).tolist() == [columns] * 3


def test_precision_of_epic_is_the_usual_one_where_relevancy_is_all_or_nothing():
    similarity = make_scores(4, (12, 9))
    hits = (np.random.default_rng(5).random((12, 9)) < 0.4).astype(float)
    hits[:, 0] = 1
    usual = np.mean([average_precision_score(h, s) for h, s in zip(hits, similarity, strict=True)])
    assert graded.ek100_precision(similarity, hits) == pytest.approx(usual)
    # by hand: the item in front is relevant by a half, so the hit behind it has (0.5 + 1) / 2
    assert graded.ek100_precision(np.array([[2.0, 1.0]]), np.array([[0.5, 1.0]])) == 0.75
    assert graded.ek100_precision(np.array([[2.0, 1.0]]), np.array([[0.0, 1.0]])) == 0.5


def test_gain_of_epic_is_the_usual_one_cut_at_what_is_relevant():
    similarity, relevancy = make_scores(6, (8, 10)), np.random.default_rng(7).random((8, 10))
    usual = ndcg_score(relevancy, similarity)
    assert graded.compute_ek100_gain(similarity, relevancy) == pytest.approx(usual)
    # by hand: one relevant item, so only the first place counts
    assert graded.compute_ek100_gain(np.array([[2.0, 1.0]]), np.array([[0.0, 0.3]])) == 0


def test_precision_of_charades_is_ours_and_its_mean_is_spoiled_by_an_empty_class():
    rng = np.random.default_rng(8)
    scores, truth = rng.normal(size=(30, 6)), rng.random((30, 6)) < 0.3
    truth[:, 2] = False
    shown = np.where(truth.any(1, keepdims=True), scores, -np.inf)
    ours = classification.average_precision(shown, truth, np.ones((1, 30)))
    outputs = graded.charades_precision(scores, truth)
    np.testing.assert_allclose(outputs, ours[0])
    assert np.isnan(outputs.mean())
    assert classification.class_mean(ours)[0] == pytest.approx(np.nanmean(outputs))
    weighted = np.nansum(graded.weight_charades_precision(outputs, truth))
    assert weighted == pytest.approx(np.average(np.nan_to_num(outputs), weights=truth.sum(0)))


def make_walk(seed, length=40):
    """A video whose embedding moves steadily through three phases."""
    time = np.linspace(0, 3, length, endpoint=False)
    noise = np.random.default_rng(seed).normal(scale=0.01, size=(length, 2))
    return np.stack([time, time**2], 1) + noise, time.astype(np.int64)


def make_videos(count):
    parts = [make_walk(seed) for seed in range(count)]
    lengths = np.array([len(embeds) for embeds, _ in parts])
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), lengths


def test_videos_that_move_alike_have_nearly_perfect_scores_in_all_of_ae2():
    embeds, phases, lengths = make_videos(4)
    owners, every = np.repeat(np.arange(4), lengths), np.ones(len(embeds), bool)
    assert ae2.score_classification(embeds, phases, embeds, phases) > 0.95
    assert ae2.score_retrieval(embeds, phases, owners, queries=every, gallery=every) > 0.95
    assert ae2.compute_tau(embeds, lengths) > 0.99
    assert min(ae2.score_progression((embeds, phases, lengths), (embeds, phases, lengths))) > 0.99


def test_a_video_against_its_mirror_has_a_tau_of_minus_one():
    first, last = np.arange(21.0)[:, None], np.arange(21.0)[::-1, None] + 0.2
    assert ae2.compute_tau(np.concatenate([first, last]), np.array([21, 21])) == pytest.approx(-1)
    assert ae2.compute_tau(np.concatenate([first, first]), np.array([21, 21])) == pytest.approx(1)


def test_retrieval_never_looks_into_the_query_s_own_video():
    embeds = np.array([[0.0], [0.0], [1.0], [2.0]])
    phases, owners = np.array([0, 0, 1, 0]), np.array([0, 0, 1, 1])
    asking = np.array([True, False, False, False])
    # nearest elsewhere is frame 2 of another phase, then frame 3: precision 1 / 2
    assert (
        ae2.score_retrieval(embeds, phases, owners, queries=asking, gallery=np.ones(4, bool)) == 0.5
    )
    assert (
        ae2.score_retrieval(
            embeds, phases, owners, queries=asking, gallery=np.array([1, 1, 1, 0], bool)
        )
        == 0
    )


def test_the_column_of_time_starts_anew_with_every_video():
    outputs = ae2.append_time(np.zeros((5, 1)), np.array([3, 2]))
    assert outputs[:, 1].tolist() == pytest.approx([0, 0.001, 0.002, 0, 0.001])
