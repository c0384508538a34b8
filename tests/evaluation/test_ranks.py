import random
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from egoexobench.errors import DataError
from egoexobench.evaluation.metrics import expected_rank
from egoexobench.evaluation.ranks import compute_rank_bounds, compute_ranks


def rank_in_loop(queries, candidates, answers, choices=None):
    """The optimistic and pessimistic ranks, computed with lists and loops on whole numbers."""
    best, worst = [], []
    for row, query in enumerate(queries):
        listed = range(len(candidates)) if choices is None else choices[row]
        scores = [sum(a * b for a, b in zip(query, candidates[c], strict=True)) for c in listed]
        own = scores[answers[row]]
        best.append(1 + len([score for score in scores if score > own]))
        worst.append(len([score for score in scores if score >= own]))
    return best, worst


@st.composite
def gallery_cases(draw):
    width = draw(st.integers(1, 4))
    vector = st.lists(st.integers(-2, 2), min_size=width, max_size=width)
    candidates = draw(st.lists(vector, min_size=1, max_size=12))
    queries = draw(st.lists(vector, min_size=1, max_size=8))
    position = st.integers(0, len(candidates) - 1)
    answers = draw(st.lists(position, min_size=len(queries), max_size=len(queries)))
    return queries, candidates, answers


@given(gallery_cases())
def test_ranks_over_a_gallery_are_those_of_a_loop_ties_included(gallery):
    queries, candidates, answers = gallery
    result = compute_ranks(
        torch.tensor(queries), torch.tensor(candidates), torch.tensor(answers), similarity="dot"
    )
    best, worst = rank_in_loop(queries, candidates, answers)
    assert result.optimistic.tolist() == best
    assert result.pessimistic.tolist() == worst
    assert result.num_candidates.tolist() == [len(candidates)] * len(queries)


@given(gallery_cases(), st.integers(1, 6), st.randoms(use_true_random=False))
def test_ranks_over_listed_choices_are_those_of_a_loop(gallery, size, chance):
    queries, candidates, _ = gallery
    choices = [[chance.randrange(len(candidates)) for _ in range(size)] for _ in queries]
    answers = [chance.randrange(size) for _ in queries]
    result = compute_ranks(
        torch.tensor(queries),
        torch.tensor(candidates),
        torch.tensor(answers),
        choices=torch.tensor(choices),
        similarity="dot",
    )
    best, worst = rank_in_loop(queries, candidates, answers, choices)
    assert result.optimistic.tolist() == best
    assert result.pessimistic.tolist() == worst
    assert result.num_candidates.tolist() == [size] * len(queries)


def test_listing_the_whole_gallery_gives_the_ranks_of_the_gallery():
    torch.manual_seed(0)
    queries, candidates = torch.randn(9, 6), torch.randn(14, 6)
    answers = torch.randint(14, (9,))
    listed = compute_ranks(queries, candidates, answers, choices=torch.arange(14).expand(9, 14))
    complete = compute_ranks(queries, candidates, answers)
    assert torch.equal(listed.optimistic, complete.optimistic)
    assert torch.equal(listed.pessimistic, complete.pessimistic)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 40), st.sampled_from([1, 3, 17, 64, 256, 1024]))
def test_equal_candidates_tie_in_every_column_of_the_product(size, rows, width):
    torch.manual_seed(size * 1000 + width)
    candidates = torch.randn(1, width).expand(size, width).contiguous()
    result = compute_ranks(torch.randn(rows, width), candidates, torch.arange(rows) % size)
    assert result.optimistic.tolist() == [1] * rows
    assert result.pessimistic.tolist() == [size] * rows


def test_a_copy_of_the_answer_ties_and_a_similar_vector_does_not():
    torch.manual_seed(0)
    queries = torch.randn(50, 256)
    answers = queries + torch.randn(50, 256)
    near = answers + 1e-3 * torch.randn(50, 256)
    copies = compute_ranks(queries, torch.cat([answers, answers]), torch.arange(50))
    assert (copies.pessimistic - copies.optimistic).tolist() == [1] * 50
    close = compute_ranks(queries, torch.cat([answers, near]), torch.arange(50))
    assert (close.pessimistic == close.optimistic).float().mean() > 0.9


def test_a_huge_candidate_does_not_widen_the_ties_of_the_others():
    queries = torch.ones(1, 2)
    candidates = torch.tensor([[1.0, 1.0], [1.0, 1.0001], [1e8, -1e8]])
    result = compute_ranks(queries, candidates, torch.tensor([0]), similarity="dot")
    assert (result.optimistic.item(), result.pessimistic.item()) == (2, 2)


def test_the_cosine_ignores_length_and_the_dot_product_does_not():
    query = torch.tensor([[1.0, 0.0]])
    candidates = torch.tensor([[1.0, 0.0], [9.0, 9.0]])
    answer = torch.tensor([0])
    assert compute_ranks(query, candidates, answer).optimistic.item() == 1
    assert compute_ranks(query, candidates, answer, similarity="dot").optimistic.item() == 2


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_cosine_survives_tiny_and_huge_vectors(scale):
    torch.manual_seed(0)
    queries, candidates, answers = torch.randn(5, 8), torch.randn(9, 8), torch.arange(5)
    plain = compute_ranks(queries, candidates, answers)
    scaled = compute_ranks(queries * scale, candidates * scale, answers)
    assert torch.equal(plain.optimistic, scaled.optimistic)


def test_a_zero_vector_scores_zero_with_everything():
    zero = compute_ranks(torch.zeros(1, 3), torch.randn(7, 3), torch.tensor([2]))
    assert (zero.optimistic.item(), zero.pessimistic.item()) == (1, 7)
    against = compute_ranks(
        torch.ones(1, 3), torch.tensor([[0.0] * 3, [1.0] * 3, [-1.0] * 3]), zero.optimistic * 0
    )
    assert (against.optimistic.item(), against.pessimistic.item()) == (2, 2)


def test_one_candidate_is_first():
    result = compute_ranks(torch.randn(3, 4), torch.randn(1, 4), torch.zeros(3, dtype=torch.int64))
    assert expected_rank(result).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("chunk_size", [1, 40, 700])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_chunks_change_nothing(chunk_size, similarity):
    torch.manual_seed(0)
    queries, candidates = torch.randn(100, 8), torch.randn(60, 8)
    candidates[40:] = candidates[:20]
    answers = [torch.randperm(60)[: 1 + number % 4].tolist() for number in range(100)]
    choices = torch.randint(60, (100, 20))
    listed = [[answer % 20 for answer in row] for row in answers]
    for positives, options in ((answers, {}), (listed, {"choices": choices})):
        options["similarity"] = similarity
        complete = compute_ranks(queries, candidates, positives, **options)
        some = compute_ranks(queries, candidates, positives, chunk_size=chunk_size, **options)
        assert torch.equal(some.stack(), complete.stack())


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_choices_that_all_queries_share_are_those_candidates_alone(similarity):
    torch.manual_seed(0)
    queries, candidates = torch.randn(40, 8), torch.randn(90, 8)
    candidates[5] = torch.nan  # no candidate
    candidates[6] = 1e30
    rows = torch.randperm(83)[:50] + 7
    positives = [torch.randperm(50)[: 1 + number % 3].tolist() for number in range(40)]
    options = {"similarity": similarity, "chunk_size": 400}
    shared = compute_ranks(queries, candidates, positives, choices=rows, **options)
    alone = compute_ranks(queries, candidates[rows], positives, **options)
    assert torch.equal(shared.stack(), alone.stack())
    rows[3] = 5
    with pytest.raises(DataError, match="1 of 90 candidate embeddings contain NaN"):
        compute_ranks(queries, candidates, positives, choices=rows, **options)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_tiles_count_as_a_comparison_of_each_pair_does(similarity):
    torch.manual_seed(0)
    queries, candidates = torch.randn(1100, 24), torch.randn(700, 24)
    candidates[300:400], candidates[0] = candidates[:100], 0
    queries[7] = 0
    positives = [torch.randperm(700)[: 1 + number % 5].tolist() for number in range(1100)]
    positives[:50] = [[number, number + 300] for number in range(50)]
    result = compute_ranks(queries, candidates, positives, similarity=similarity, chunk_size=9000)
    choices = torch.arange(700).expand(1100, 700)
    listed = compute_ranks(queries, candidates, positives, similarity=similarity, choices=choices)
    assert torch.equal(result.stack(), listed.stack())
    assert int((result.optimistic < result.pessimistic).sum()) > 10
    assert int((result.num_tied_positives > 1).sum()) > 40


def test_the_order_of_queries_and_candidates_does_not_matter():
    torch.manual_seed(0)
    queries, candidates = torch.randn(30, 16), torch.randn(40, 16)
    answers = torch.randint(40, (30,))
    rows, columns = torch.randperm(30), torch.randperm(40)
    position = torch.argsort(columns)
    plain = compute_ranks(queries, candidates, answers)
    mixed = compute_ranks(queries[rows], candidates[columns], position[answers[rows]])
    assert torch.equal(mixed.optimistic, plain.optimistic[rows])
    assert torch.equal(mixed.pessimistic, plain.pessimistic[rows])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("side", ["query", "candidate"])
def test_an_embedding_that_is_not_finite_is_refused_by_row(bad, side):
    vectors = {"query": torch.ones(4, 3), "candidate": torch.ones(4, 3)}
    vectors[side][2, 1] = bad
    with pytest.raises(DataError, match=rf"1 of 4 {side} embeddings .* row 2"):
        compute_ranks(vectors["query"], vectors["candidate"], torch.arange(4))


@pytest.mark.parametrize("positives", [[-1], [5], [(0, 5)], [()]])
def test_a_positive_that_is_no_candidate_is_refused(positives):
    with pytest.raises(DataError, match="there are 5 candidates, 0 to 4"):
        compute_ranks(torch.ones(1, 2), torch.ones(5, 2), positives)


def test_half_precision_is_ranked_in_single_precision():
    torch.manual_seed(0)
    queries, candidates = torch.randn(20, 64).bfloat16(), torch.randn(90, 64).bfloat16()
    answers = torch.arange(20)
    half = compute_ranks(queries, candidates, answers)
    full = compute_ranks(queries.float(), candidates.float(), answers)
    assert torch.equal(half.optimistic, full.optimistic)


def test_no_query_has_no_rank():
    result = compute_ranks(torch.zeros(0, 4), torch.ones(3, 4), torch.zeros(0, dtype=torch.int64))
    assert result.optimistic.tolist() == []


def test_count_reads_the_ranks_off_a_row_of_scores():
    scores = torch.tensor([[3.0, 1.0, 2.0, 2.0], [5.0, 5.0, 5.0, 5.0]])
    best, worst = compute_rank_bounds(scores, torch.tensor([2, 0]))
    assert (best.tolist(), worst.tolist()) == ([2, 1], [3, 4])


def test_a_better_score_never_gives_a_worse_rank():
    chance = random.Random(0)
    scores = torch.tensor([[chance.random() for _ in range(30)]])
    result = []
    for value in torch.linspace(-0.1, 1.1, 40):
        scores[0, 7] = value
        result.append(compute_rank_bounds(scores, torch.tensor([7]))[0].item())
    assert all(later <= earlier for earlier, later in pairwise(result))
    assert (result[0], result[-1]) == (30, 1)


@given(gallery_cases(), st.data())
def test_the_best_of_several_right_answers_is_ranked_among_the_wrong_ones(gallery, data):
    queries, candidates, answers = gallery
    position = st.integers(0, len(candidates) - 1)
    others = [
        tuple(data.draw(st.sets(position, max_size=3), label="also") - {answer})
        for answer in answers
    ]
    result = compute_ranks(
        torch.tensor(queries),
        torch.tensor(candidates),
        [(answer, *other_answers) for answer, other_answers in zip(answers, others, strict=True)],
        similarity="dot",
    )
    for row, (query, answer, other_answers) in enumerate(
        zip(queries, answers, others, strict=True)
    ):
        scores = [
            sum(a * b for a, b in zip(query, candidate, strict=True)) for candidate in candidates
        ]
        right = {answer, *other_answers}
        best = max(scores[i] for i in right)
        wrong = [score for i, score in enumerate(scores) if i not in right]
        assert result.optimistic[row] == 1 + len([score for score in wrong if score > best])
        assert result.pessimistic[row] == 1 + len([score for score in wrong if score >= best])
        assert result.num_positives[row] == len(right)
        assert result.num_tied_positives[row] == len([i for i in right if scores[i] == best])


@pytest.mark.parametrize("scale", [1e-40, 1e-30, 1e30])
def test_the_length_of_a_vector_does_not_change_its_ranks(scale):
    generator = torch.Generator().manual_seed(0)
    candidates = torch.randn(50, 8, generator=generator)
    queries = candidates + 0.3 * torch.randn(50, 8, generator=generator)
    expected = compute_ranks(queries, candidates, list(range(50)))
    result = compute_ranks(queries * scale, candidates * scale, list(range(50)))
    assert result.optimistic.tolist() == expected.optimistic.tolist()
    assert result.pessimistic.tolist() == expected.pessimistic.tolist()
    assert len(set(result.optimistic.tolist())) > 1


@pytest.mark.parametrize("scale", [1e20, 1e-30])
def test_dot_products_out_of_range_are_an_error(scale):
    vectors = scale * torch.eye(4)
    with pytest.raises(DataError, match=r"dot products of 4 of 4 .* leave the range of .*float32"):
        compute_ranks(vectors, vectors, [0, 1, 2, 3], similarity="dot")


def test_huge_queries_and_tiny_candidates_are_in_range():
    eye = torch.eye(4)
    result = compute_ranks(1e30 * eye, 1e-30 * eye, [0, 1, 2, 3], similarity="dot")
    assert result.pessimistic.tolist() == [1] * 4
