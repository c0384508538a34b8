"""A2Summ: joint attention as a fusion, its forms, and its losses."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from egoexobench.errors import DataError, UsageError
from egoexobench.testing import check_fusion
from egoexobench.types import Tokens
from egoexobench_plugins.info_nce import info_nce
from egoexobench_plugins.joint_attention import a2summ
from egoexobench_plugins.joint_attention.attention import (
    JointAttention,
    JointSize,
    find_spoken,
    match_times,
)
from egoexobench_plugins.joint_attention.losses import (
    compute_focal_loss,
    compute_inter_loss,
    compute_intra_loss,
    select_key_tokens,
)
from egoexobench_plugins.joint_attention.summarizer import Summarizer

WIDTH = 16


def make_tokens(rows: int, count: int, seed: int, width: int = WIDTH) -> Tokens:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, count, width, generator=generator)
    return Tokens(values, torch.ones(rows, count).bool())


def make_size(**changes: object) -> JointSize:
    values = {"video_dim": 6, "text_dim": 4, "width": WIDTH, "num_layers": 2, "positions": 9}
    return JointSize(**{**values, **changes})


def list_gradients(result: Tensor, tokens: Tokens) -> Tensor:
    """The largest gradient of a result to each token."""
    (gradient,) = torch.autograd.grad(result.square().sum(), tokens.values, retain_graph=True)
    return gradient.abs().amax(2)[0]


@pytest.mark.parametrize(
    "options",
    [
        {"output": "video"},
        {"output": "video", "layers": "own"},
        {"output": "video", "depth": 1},
        {"layers": "own", "depth": 3},
    ],
)
def test_every_form_keeps_the_contract(options: dict[str, object]) -> None:
    check_fusion(partial(a2summ, **options))


def test_shared_layers_have_the_weights_of_one() -> None:
    def count(**options: object) -> int:
        return sum(w.numel() for w in a2summ(WIDTH, **options).attention.multiway_list.parameters())

    assert count(depth=4) == count(depth=1)
    assert count(depth=4, layers="own") == 4 * count(depth=1)


def test_a_clip_without_sound_is_the_class_token_of_the_video_alone() -> None:
    torch.manual_seed(0)
    fusion = a2summ(WIDTH).eval()
    video, sound = make_tokens(2, 5, 1), make_tokens(2, 3, 2)
    silent = Tokens(sound.values, torch.zeros_like(sound.mask))
    alone = a2summ(WIDTH, output="video").eval()
    alone.load_state_dict(fusion.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(fusion(silent, video), alone(silent, video))
        torch.testing.assert_close(
            fusion(silent, video), fusion(Tokens(9 * silent.values, silent.mask), video)
        )
        assert not torch.allclose(fusion(sound, video), fusion(silent, video))
        assert not torch.allclose(fusion(sound, video), alone(sound, video))


def test_more_tokens_than_positions_are_one_line() -> None:
    fusion = a2summ(WIDTH, positions=6)
    fusion(make_tokens(1, 5, 0), make_tokens(1, 5, 1))
    with pytest.raises(DataError, match="6 tokens and a class token need 7 positions, and there"):
        fusion(make_tokens(1, 5, 0), make_tokens(1, 6, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 5}, "width=16 must be a multiple of the 5 attention heads"),
        ({"depth": 0}, "num_layers=0 must be 1 or more"),
        ({"positions": 1}, "positions=1 must be 2 or more"),
        ({"dropout": -0.1}, "dropout=-0.1 must be 0 or more and below 1"),
    ],
)
def test_an_invalid_option_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        a2summ(WIDTH, **options)


def test_by_time_a_sentence_reads_its_frames_and_class_tokens_their_own_side() -> None:
    torch.manual_seed(0)
    model = JointAttention(make_size(num_layers=1, has_segments=True)).eval()
    video, text = make_tokens(1, 4, 0, 6), make_tokens(1, 2, 1, 4)
    video.values.requires_grad_()
    text.values.requires_grad_()
    result = model(video, text, torch.tensor([[0, 0, 1, 1]]))
    assert (list_gradients(result.text[0, 0], video) > 0).tolist() == [True, True, False, False]
    assert (list_gradients(result.video[0, 3], text) > 0).tolist() == [False, True]
    assert (list_gradients(result.video_class, video) > 0).all()
    assert not (list_gradients(result.text[0, 0], text) == 0).any()
    assert (list_gradients(result.video_class, text) == 0).all()
    assert (list_gradients(result.text_class, video) == 0).all()
    free = model(video, text)
    assert (list_gradients(free.text[0, 0], video) > 0).all()
    assert (list_gradients(free.video_class, text) > 0).all()


def test_padding_belongs_to_no_sentence_whatever_its_number() -> None:
    numbers = torch.tensor([[0, 1, 1, 7]])
    video_mask = torch.tensor([[True, True, False, False]])
    text_mask = torch.tensor([[True, True, True]])
    spoken = find_spoken(numbers, video_mask, text_mask)[0]
    assert spoken.nonzero().tolist() == [[0, 0], [1, 1]]
    text_mask[0, 1] = False
    spoken = find_spoken(numbers, video_mask, text_mask)
    assert spoken[0].nonzero().tolist() == [[0, 0]]
    assert match_times(spoken)[0, 5].tolist() == [False] * 5 + [True] * 4  # the text class token


def test_segment_positions_are_off_by_one_as_released() -> None:
    torch.manual_seed(0)
    model = JointAttention(make_size(num_layers=1, has_segments=True)).eval()
    video, text = make_tokens(1, 3, 0, 6), make_tokens(1, 2, 1, 4)
    numbers = torch.tensor([[0, 1, 1]])
    rows = model.pos_embed_segment
    result = model(video, text, numbers)
    for tokens, positions in ((result.video_class, [0, 1]), (result.text_class, [0, 1, 2])):
        # frames have the rows of sentences 0 and 1; the text that of its class token, then 1 and 2
        (gradient,) = torch.autograd.grad(tokens.square().sum(), rows, retain_graph=True)
        assert (gradient[0].abs().amax(1) > 0).nonzero().flatten().tolist() == positions


def test_layers_that_differ_are_not_loaded_as_one() -> None:
    own = Summarizer(make_size(layers="own"))
    state = {
        name.removeprefix("attention."): value.clone() for name, value in own.state_dict().items()
    }
    Summarizer(make_size(layers="own")).load_released_state(state)
    with pytest.raises(DataError, match=r"^multiway_list\.1\.\S+ differs from that of the first"):
        Summarizer(make_size()).load_released_state(state)
    equal = {name: state[name.replace("multiway_list.1.", "multiway_list.0.")] for name in state}
    Summarizer(make_size()).load_released_state(equal)


def test_the_loss_between_samples_is_that_of_the_objective_of_the_method() -> None:
    video, text = normalize(torch.randn(5, 8), dim=1), normalize(torch.randn(5, 8), dim=1)
    objective = info_nce(denominator="all", symmetric=True, learn=True)
    expected = objective(video, video, text, text, []) / 2  # it adds the losses of two views
    loss = compute_inter_loss(3 * video, text / 2, torch.tensor(math.log(1 / 0.07)))
    torch.testing.assert_close(loss, expected)


def test_negatives_are_far_from_key_tokens_and_the_highest_first() -> None:
    tokens, logits = torch.arange(12.0)[:, None], torch.zeros(12)
    labels = torch.zeros(12, dtype=torch.long)
    labels[2] = 1
    logits[3], logits[9], logits[7], logits[6] = 9, 4, 5, 8
    key, negatives = select_key_tokens(tokens, logits, labels, ratio=4)
    assert key.flatten().tolist() == [2]
    assert negatives.flatten().tolist() == [7, 9, 8]  # 6 is only four steps away
    labels[:] = 1
    assert select_key_tokens(tokens, logits, labels, ratio=4)[1].shape == (0, 1)


def test_the_scale_within_a_sample_is_raw_as_released_or_an_exponential() -> None:
    key, other, negatives = torch.randn(2, 4), torch.randn(3, 4), torch.randn(5, 4)
    raw = compute_intra_loss(key, other, negatives, torch.tensor(2.0).exp())
    torch.testing.assert_close(
        raw, compute_intra_loss(key, other, negatives, torch.tensor(2.0), form="exp")
    )
    query = normalize(key.mean(0), dim=0)
    cosines = (
        torch.cat([normalize(other.mean(0), dim=0)[None], normalize(negatives, dim=1)]) @ query
    )
    scores = [math.exp(math.exp(2) * float(value)) for value in cosines]
    assert float(raw) == pytest.approx(-math.log(scores[0] / sum(scores)), rel=1e-4)
    assert not torch.isclose(raw, compute_intra_loss(key, other, negatives, torch.tensor(2.0)))


def test_the_focal_loss_is_the_mean_over_real_tokens_and_both_classes() -> None:
    logits = torch.tensor([[0.3, -1.2, 5.0]])
    labels, mask = torch.tensor([[1, 0, 1]]), torch.tensor([[True, True, False]])
    terms = []
    for value, label in ((0.3, 1), (-1.2, 0)):
        probability = 1 / (1 + math.exp(-value))
        right = probability if label else 1 - probability
        terms.append(-0.25 * (1 - right) ** 2 * math.log(right))
        terms.append(-0.75 * (1 - right) ** 2 * math.log(right))
    loss = compute_focal_loss(logits, labels, mask)
    assert float(loss) == pytest.approx(sum(terms) / 4, rel=1e-5)


def test_a_sure_answer_has_a_finite_loss_and_gradient() -> None:
    logits = torch.tensor([[400.0, -400.0]], requires_grad=True)
    loss = compute_focal_loss(logits, torch.tensor([[0, 1]]), torch.ones(1, 2).bool())
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert bool(logits.grad.isfinite().all())
