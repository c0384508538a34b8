from dataclasses import replace
from functools import partial

import pytest
import torch
from fake_parts import PassThroughEncoder
from torch.nn import functional

from egoexobench.errors import UsageError
from egoexobench.method import COMPACT_DEFAULTS, Method
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.toolbox.layers import CrossAttention, make_sinusoidal_positions, masked_mean
from egoexobench.types import Tokens

METHOD = replace(
    COMPACT_DEFAULTS,
    name="m",
    captioner="rules",
    anchor="sound-text",
    objective="info-nce",
    embed_dim=16,
)


def make_model(method: Method = METHOD, seed: int = 0, **fusions: bool) -> EmbeddingModel:
    encoders = {
        "video": PassThroughEncoder("video", 6),
        "audio": PassThroughEncoder("audio", 5),
        "text": PassThroughEncoder("text", 4),
    }
    factories = {
        name: partial(CrossAttention, method.embed_dim, 4, residual)
        for name, residual in fusions.items()
    }
    model = EmbeddingModel(
        method,
        encoders,
        video_fusion=factories.get("video"),  # type: ignore[arg-type]
        text_fusion=factories.get("text"),  # type: ignore[arg-type]
        seed=seed,
    )
    return model.eval()


def make_tokens(batch: int, count: int, dim: int, seed: int = 0) -> Tokens:
    values = torch.randn(batch, count, dim, generator=torch.Generator().manual_seed(seed))
    return Tokens(values, torch.ones(batch, count, dtype=torch.bool))


@pytest.mark.parametrize("residual", [True, False])
def test_another_query_gives_another_embedding_if_the_context_has_several_tokens(
    residual: bool,
) -> None:
    torch.manual_seed(0)
    fusion = CrossAttention(16, 4, residual)
    context = make_tokens(2, 5, 16)
    one, other = (fusion(make_tokens(2, 3, 16, seed), context) for seed in (1, 2))
    assert (one - other).abs().max() > 1e-3


def test_without_a_residual_a_single_context_token_makes_the_query_irrelevant() -> None:
    # softmax over one key is 1: the reason why T must stay an axis
    torch.manual_seed(0)
    fusion = CrossAttention(16, 4, residual=False)
    context = make_tokens(2, 1, 16)
    one, other = (fusion(make_tokens(2, 3, 16, seed), context) for seed in (1, 2))
    assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(("width", "heads"), [(6, 4), (8, 0), (8, 16)])
def test_heads_that_do_not_divide_the_width_are_one_line(width: int, heads: int) -> None:
    with pytest.raises(UsageError, match=f"width={width} must be a multiple of the {heads} "):
        CrossAttention(width, heads, residual=True)


def test_cross_attention_is_the_papers_equations_2_to_4() -> None:
    torch.manual_seed(0)
    fusion = CrossAttention(8, 2, residual=False)
    query, context = make_tokens(1, 3, 8, 1), make_tokens(1, 4, 8, 2)
    weight, bias = fusion.attention.in_proj_weight, fusion.attention.in_proj_bias
    q, k, v = (
        functional.linear(x, weight[i * 8 : i * 8 + 8], bias[i * 8 : i * 8 + 8])
        for i, x in enumerate((query.values[0], context.values[0], context.values[0]))
    )
    heads = []
    for h in range(2):
        part = slice(4 * h, 4 * h + 4)
        scores = q[:, part] @ k[:, part].T / 4**0.5
        heads.append(scores.softmax(-1) @ v[:, part])
    expected = fusion.attention.out_proj(torch.cat(heads, -1)).mean(0)
    assert torch.allclose(fusion(query, context)[0], expected, atol=1e-6)


@pytest.mark.parametrize("fused", [{}, {"video": True, "text": True}, {"video": False}])
def test_video_embeddings_do_not_depend_on_batch_order_or_padding(fused: dict[str, bool]) -> None:
    model = make_model(**fused)
    video, audio = make_tokens(6, 4, 6), make_tokens(6, 7, 5)
    order = torch.tensor([3, 1, 5, 0, 2, 4])

    def select_rows(tokens: Tokens, rows: torch.Tensor, pad: int = 0) -> Tokens:
        values = functional.pad(tokens.values[rows], (0, 0, 0, pad), value=9.0)
        return Tokens(values, functional.pad(tokens.mask[rows], (0, pad)))

    with torch.inference_mode():
        complete = model.embed_video("ego", video, audio)
        shuffled = model.embed_video("ego", select_rows(video, order), select_rows(audio, order))
        padded = model.embed_video(
            "ego", select_rows(video, order, 3), select_rows(audio, order, 2)
        )
        alone = model.embed_video(
            "ego", select_rows(video, order[:1]), select_rows(audio, order[:1])
        )
    assert torch.allclose(complete[order], shuffled, atol=1e-5)
    assert torch.allclose(complete[order], padded, atol=1e-5)
    assert torch.allclose(complete[order[:1]], alone, atol=1e-5)
    assert torch.allclose(complete.norm(dim=1), torch.ones(6), atol=1e-5)


def test_view_dependent_weights_differ_and_shared_ones_do_not() -> None:
    video, audio = make_tokens(2, 4, 6), make_tokens(2, 7, 5)
    with torch.inference_mode():
        separate = make_model(video=True)
        assert not torch.allclose(
            separate.embed_video("ego", video, audio), separate.embed_video("exo", video, audio)
        )
        shared = make_model(replace(METHOD, share_view_weights=True), video=True)
        assert torch.equal(
            shared.embed_video("ego", video, audio), shared.embed_video("exo", video, audio)
        )


def test_a_clip_without_audio_is_embedded_from_its_frames() -> None:
    model = make_model(video=True)
    video, audio = make_tokens(2, 4, 6), make_tokens(2, 7, 5)
    mute = Tokens(audio.values, torch.tensor([[False] * 7, [True] * 7]))
    with torch.inference_mode():
        muted = model.embed_video("ego", video, mute)
        audible = model.embed_video("ego", video, audio)
    assert torch.isfinite(muted).all()
    assert torch.allclose(muted[1], audible[1], atol=1e-5)
    assert not torch.allclose(muted[0], audible[0], atol=1e-3)


def test_swapping_a_part_does_not_change_the_initial_weights_of_another() -> None:
    plain, fused = make_model(), make_model(video=True, text=True)
    weights = fused.state_dict()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, weights[name]), name
    other = make_model(seed=1).state_dict()
    assert any(not torch.equal(v, other[k]) for k, v in plain.state_dict().items())


def test_text_embeddings_read_the_texts_of_their_kind() -> None:
    model = make_model(text=True)
    narration, caption, other_caption = (
        make_tokens(2, 5, 4, 1),
        make_tokens(2, 3, 4, 2),
        make_tokens(2, 3, 4, 3),
    )
    with torch.inference_mode():
        for kind, reads in (("narration", False), ("sound_caption", True), ("sound_text", True)):
            one = model.embed_text(narration, caption, kind)  # type: ignore[arg-type]
            two = model.embed_text(narration, other_caption, kind)  # type: ignore[arg-type]
            assert torch.allclose(one, two, atol=1e-6) is not reads


def test_an_untrained_method_has_no_weights() -> None:
    bare = replace(METHOD, objective=None, anchor=None)
    model = make_model(bare)
    assert list(model.parameters()) == []
    audio = make_tokens(2, 7, 5)
    result = model.embed_video("ego", None, audio)
    assert torch.allclose(result, functional.normalize(audio.values.mean(1), dim=-1))


def test_the_mean_ignores_padding() -> None:
    values = torch.tensor([[[1.0], [3.0], [100.0]], [[5.0], [7.0], [9.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_mean(Tokens(values, mask)).tolist() == [[2.0], [0.0]]


def test_every_position_has_its_own_encoding() -> None:
    result = make_sinusoidal_positions(50, 16)
    assert result.shape == (50, 16)
    assert torch.cdist(result, result).fill_diagonal_(1).min() > 0.1
