"""A text decides how frames and sound are pooled; without training they are nearly the mean."""

import pytest
import torch
from torch.nn.functional import cosine_similarity, layer_norm

from egoexobench.errors import UsageError
from egoexobench.types import Tokens
from egoexobench_plugins.text_pool import tefal, text_pool
from egoexobench_plugins.text_pool.model import TextPoolScorer

WIDTH = 8


def make_tokens(rows: int, count: int, seed: int) -> Tokens:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, count, WIDTH, generator=generator)
    return Tokens(values, torch.ones(rows, count).bool())


TEXT, VIDEO, AUDIO = make_tokens(3, 4, 0), make_tokens(5, 6, 1), make_tokens(5, 7, 2)
SIMILARITY = torch.zeros(3, 5)


def score(scorer: TextPoolScorer, audio: Tokens | None = None) -> torch.Tensor:
    with torch.inference_mode():
        return scorer.eval().score_texts(TEXT, VIDEO, audio, SIMILARITY)


def test_at_the_start_frames_are_weighed_by_their_likeness_to_the_text() -> None:
    text = TEXT.values.mean(1)
    expected = torch.zeros(3, 5)
    for row in range(3):
        for column in range(5):
            normed = layer_norm(VIDEO.values[column], (WIDTH,))
            query = layer_norm(text[row], (WIDTH,))
            weights = (normed @ query / WIDTH**0.5).softmax(0)
            pooled = layer_norm(weights @ normed, (WIDTH,))  # its double has the same norm
            expected[row, column] = cosine_similarity(text[row], pooled, dim=0) / 0.1
    torch.testing.assert_close(
        score(text_pool(WIDTH, temperature=0.1)), expected, atol=1e-4, rtol=1e-4
    )


def test_a_video_without_sound_is_compared_by_its_frames_alone() -> None:
    silent = Tokens(AUDIO.values, AUDIO.mask.clone())
    silent.mask[1] = False
    scores, frames = score(tefal(WIDTH), silent), score(text_pool(WIDTH))
    torch.testing.assert_close(scores[:, 1], frames[:, 1])
    assert float((scores - frames)[:, [0, 2, 3, 4]].abs().min()) > 0


def test_the_two_blocks_of_tefal_have_weights_of_their_own() -> None:
    scorer = tefal(WIDTH)
    before = score(scorer, AUDIO)
    with torch.no_grad():
        scorer.audio.linear_proj.weight[0].zero_()
    assert not torch.allclose(score(scorer, AUDIO), before)
    names = {name for name, _ in scorer.named_parameters()}
    assert {name.replace("audio.", "video.") for name in names} == {
        name for name in names if not name.startswith("audio.")
    }


def test_with_one_frame_there_is_nothing_to_weigh() -> None:
    scorer = text_pool(WIDTH).train()
    frame = Tokens(VIDEO.values[:, :1], VIDEO.mask[:, :1])
    scorer.score_texts(TEXT, frame, None, SIMILARITY).square().sum().backward()
    attention = scorer.video.cross_attn
    assert float(attention.q_proj.weight.grad.abs().max()) == 0
    assert float(attention.v_proj.weight.grad.abs().max()) > 0


def test_a_step_of_training_lowers_the_loss() -> None:
    torch.manual_seed(0)
    scorer = tefal(WIDTH, dropout=0.0)
    optimizer = torch.optim.SGD([w for w in scorer.parameters() if w.requires_grad], lr=0.05)
    losses = []
    for _ in range(4):
        scores = scorer.score_texts(TEXT, VIDEO, AUDIO, SIMILARITY)
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor([2, 0, 3]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, "width=8 must be a multiple of the 3 attention heads"),
        ({"dropout": 1.0}, "dropout=1.0 must be 0 or more and below 1"),
        ({"temperature": 0.0}, "temperature=0.0 must be more than 0 and finite"),
        ({"temperature": float("nan")}, "temperature=nan must be more than 0 and finite"),
        ({"batch_size": 1}, "batch_size=1 of a scorer is invalid"),
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tefal(WIDTH, **options)
