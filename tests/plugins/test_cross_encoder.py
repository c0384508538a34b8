"""The cross-encoder starts as the similarity of the embeddings, and training adds a correction."""

import pytest
import torch

from egoexobench.errors import UsageError
from egoexobench.types import Tokens
from egoexobench_plugins.cross_encoder import cross_encoder

WIDTH = 8


def make_inputs() -> tuple[Tokens, Tokens, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    sides = [
        Tokens(torch.randn(count, 5, WIDTH, generator=generator), torch.ones(count, 5).bool())
        for count in (3, 4)
    ]
    return sides[0], sides[1], torch.rand(3, 4, generator=generator)


def test_before_training_a_score_is_the_similarity_times_the_scale() -> None:
    queries, candidates, similarity = make_inputs()
    scores = cross_encoder(WIDTH, scale=7.0).score(queries, candidates, similarity)
    torch.testing.assert_close(scores, 7 * similarity)


def test_a_step_of_training_adds_what_the_tokens_say() -> None:
    queries, candidates, similarity = make_inputs()
    torch.manual_seed(0)
    scorer = cross_encoder(WIDTH)
    optimizer = torch.optim.SGD(scorer.parameters(), lr=0.1)
    right = torch.tensor([2, 0, 3])
    losses = []
    for _ in range(3):
        loss = torch.nn.functional.cross_entropy(
            scorer.score(queries, candidates, similarity), right
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)
    scores = scorer.score(queries, candidates, torch.zeros(3, 4))
    assert float(scores.std()) > 0


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float) -> None:
    with pytest.raises(UsageError, match=f"^scale={scale} of scorer 'cross-encoder' must be"):
        cross_encoder(WIDTH, scale=scale)
