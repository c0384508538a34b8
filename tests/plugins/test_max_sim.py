"""Late interaction is the mean of the largest cosines, computed here one by one."""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from egoexobench.errors import UsageError
from egoexobench.types import Tokens
from egoexobench_plugins.max_sim import max_sim


def make_tokens(seed, *lengths):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(max(lengths))[None, :] < torch.tensor(lengths)[:, None]
    return Tokens(torch.randn(len(lengths), max(lengths), 8, generator=generator), mask)


def test_a_score_is_the_mean_of_the_largest_cosine_of_each_query_token():
    queries, candidates = make_tokens(0, 4, 2), make_tokens(1, 1, 5, 3)
    scores = max_sim(8).score(queries, candidates, torch.zeros(0))
    for q in range(2):
        for k in range(3):
            mine, theirs = (
                queries.values[q][queries.mask[q]],
                candidates.values[k][candidates.mask[k]],
            )
            best = [max(float(cosine_similarity(a, b, dim=0)) for b in theirs) for a in mine]
            torch.testing.assert_close(float(scores[q, k]), sum(best) / len(best))


def test_the_similarity_of_the_embeddings_is_added_if_it_has_a_weight():
    queries, candidates = make_tokens(0, 4, 2), make_tokens(1, 1, 5, 3)
    similarity = torch.rand(2, 3)
    scores = max_sim(8).score(queries, candidates, similarity)
    weighted = max_sim(8, similarity_weight=3.0).score(queries, candidates, similarity)
    torch.testing.assert_close(weighted, scores + 3 * similarity)
    with pytest.raises(UsageError, match="similarity_weight=nan of scorer 'max-sim'"):
        max_sim(8, similarity_weight=float("nan"))


def test_what_has_no_token_scores_zero():
    queries, candidates = make_tokens(0, 4, 0), make_tokens(1, 0, 5)
    scores = max_sim(8).score(queries, candidates, torch.zeros(0))
    assert scores[1].tolist() == [0, 0]
    assert scores[0, 0] == 0
    assert scores[0, 1] != 0
