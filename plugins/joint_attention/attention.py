"""Joint attention of the tokens of a video and of a text, with a class token each (A2Summ)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox.layers import check_divisible
from egoexobench.types import Tokens

LayerSharing = Literal["shared", "own"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointSize:
    """The size of the network.

    Raises:
        UsageError: for an invalid number, or heads that do not divide `width`.
    """

    video_dim: int
    text_dim: int
    width: int
    num_layers: int
    heads: int = 8
    positions: int = 5000
    """Rows of the learned positions; the first is that of the class token."""
    dropout: float = 0.0
    layers: LayerSharing = "shared"
    """``shared``: all layers have the same weights, as in the release, which lists one module."""
    has_segments: bool = False
    """Whether sentences have positions of their own, which their frames get too."""
    norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        for name, minimum in (("width", 1), ("num_layers", 1), ("positions", 2)):
            if getattr(self, name) < minimum:
                raise UsageError(f"{name}={getattr(self, name)} must be {minimum} or more")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout={self.dropout} must be 0 or more and below 1")
        check_divisible(self.width, self.heads)


class JointTokens(NamedTuple):
    """What the attention gives: a class token ``(B, D)`` and tokens ``(B, T, D)`` of each side."""

    video_class: Tensor
    text_class: Tensor
    video: Tensor
    text: Tensor


@final
class JointAttention(nn.Module):
    """Transformer layers over the tokens of both sides as one sequence.

    Each side has a linear map to the width, a class token in front, learned positions and a type
    vector. A layer is a self attention of all tokens, and a feed-forward network of each side. The
    names of the weights are those of boheumd/A2Summ 5c7dcea.
    """

    def __init__(self, size: JointSize) -> None:
        super().__init__()
        self.size = size
        width, num_own = size.width, 1 if size.layers == "shared" else size.num_layers
        self.proj_fc_video = nn.Sequential(nn.Linear(size.video_dim, width))
        self.proj_fc_text = nn.Sequential(nn.Linear(size.text_dim, width))
        self.cls_token_video, self.cls_token_text = _make_rows(1, width), _make_rows(1, width)
        self.pos_embed_video = _make_rows(size.positions, width)
        self.pos_embed_text = _make_rows(size.positions, width)
        self.type_video, self.type_text = _make_rows(1, width), _make_rows(1, width)
        if size.has_segments:
            self.pos_embed_segment = _make_rows(size.positions, width)
        self.multiway_list = nn.ModuleList(_JointLayer(size) for _ in range(num_own))
        self.norm_video = nn.LayerNorm(width, eps=size.norm_eps)
        self.norm_text = nn.LayerNorm(width, eps=size.norm_eps)

    def forward(
        self, video: Tokens, text: Tokens, frame_sentences: Tensor | None = None
    ) -> JointTokens:
        """Attend over frames ``(B, Tv, Dv)`` and sentences ``(B, Tt, Dt)``.

        In a row without any sentence the video attends to itself alone, and its text class token
        means nothing.

        Args:
            video: frames.
            text: sentences.
            frame_sentences: ``(B, Tv)``, the sentence that is spoken in each frame, for the form of
                live streams: a frame and a sentence attend to each other only if they belong
                together, and class tokens to their own side. None: all tokens attend to all.

        Raises:
            DataError: if there are more tokens than positions.
        """
        video_mask = functional.pad(video.mask, (1, 0), value=True)
        text_mask = functional.pad(text.mask, (1, 0), value=True) & text.mask.any(1, keepdim=True)
        is_spoken = None
        if frame_sentences is not None:
            is_spoken = find_spoken(frame_sentences, video.mask, text.mask)
        frames = self._embed_video(video.values, is_spoken)
        sentences = self._embed_text(text.values, has_segments=is_spoken is not None)
        is_visible = torch.cat([video_mask, text_mask], 1)[:, None]  # (B, 1, N)
        if is_spoken is not None:
            is_visible = is_visible & match_times(is_spoken)
        values = torch.cat([frames, sentences], 1)
        is_visible = (is_visible | ~is_visible.any(2, keepdim=True))[:, None]  # no row of NaN
        for index in range(self.size.num_layers):
            layer = self.multiway_list[index % len(self.multiway_list)]
            values = layer(values, is_visible, frames.shape[1])
        frames = self.norm_video(values[:, : frames.shape[1]])
        sentences = self.norm_text(values[:, frames.shape[1] :])
        return JointTokens(frames[:, 0], sentences[:, 0], frames[:, 1:], sentences[:, 1:])

    def _embed_video(self, values: Tensor, is_spoken: Tensor | None) -> Tensor:
        frames = self.proj_fc_video(values)
        if is_spoken is not None:  # the row of its sentence, counted without a class token
            rows = self._get_rows(self.pos_embed_segment, is_spoken.shape[2])
            frames = frames + is_spoken.to(rows) @ rows[0]
        frames = _add_class_token(frames, self.cls_token_video)
        return frames + self._get_rows(self.pos_embed_video, frames.shape[1]) + self.type_video

    def _embed_text(self, values: Tensor, *, has_segments: bool) -> Tensor:
        sentences = _add_class_token(self.proj_fc_text(values), self.cls_token_text)
        if has_segments:  # row 0 is that of the class token: off by one, as in the release
            sentences = sentences + self._get_rows(self.pos_embed_segment, sentences.shape[1])
        return sentences + self._get_rows(self.pos_embed_text, sentences.shape[1]) + self.type_text

    def _get_rows(self, table: Tensor, count: int) -> Tensor:
        """Return the first positions, ``(1, count, D)``."""
        if count > self.size.positions:
            raise DataError(
                f"{count - 1} tokens and a class token need {count} positions, and there are "
                f"{self.size.positions}; set positions={count} or more"
            )
        return table[:, :count]


@final
class _JointLayer(nn.Module):
    """Self attention of all tokens, and a feed-forward network of each side; norms first."""

    def __init__(self, size: JointSize) -> None:
        super().__init__()
        width = size.width
        self.norm1_fused = nn.LayerNorm(width, eps=size.norm_eps)
        self.attn_fusion = _SelfAttention(size)
        self.norm2_video = nn.LayerNorm(width, eps=size.norm_eps)
        self.norm2_text = nn.LayerNorm(width, eps=size.norm_eps)
        self.ffn_video, self.ffn_text = _FeedForward(size), _FeedForward(size)

    def forward(self, values: Tensor, is_visible: Tensor, num_frames: int) -> Tensor:
        values = values + self.attn_fusion(self.norm1_fused(values), is_visible)
        frames, sentences = values[:, :num_frames], values[:, num_frames:]
        frames = frames + self.ffn_video(self.norm2_video(frames))
        sentences = sentences + self.ffn_text(self.norm2_text(sentences))
        return torch.cat([frames, sentences], 1)


@final
class _SelfAttention(nn.Module):
    """Self attention with separate maps; ``m`` joins the heads."""

    def __init__(self, size: JointSize) -> None:
        super().__init__()
        self.heads = size.heads
        self.q, self.k = nn.Linear(size.width, size.width), nn.Linear(size.width, size.width)
        self.v, self.m = nn.Linear(size.width, size.width), nn.Linear(size.width, size.width)
        self.k.bias.requires_grad_(False)  # one number for all tokens changes no softmax
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, values: Tensor, is_visible: Tensor) -> Tensor:
        """Tokens ``(B, N, D)``; the mask ``(B, 1, 1 or N, N)`` says which of them each one sees."""
        query, key, value = (
            layer(values).view(*values.shape[:2], self.heads, -1).transpose(1, 2)
            for layer in (self.q, self.k, self.v)
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=is_visible)
        result: Tensor = self.dropout(self.m(attended.transpose(1, 2).flatten(2)))
        return result


@final
class _FeedForward(nn.Module):
    """Two linear maps, four times as wide between them."""

    def __init__(self, size: JointSize) -> None:
        super().__init__()
        self.fc1 = nn.Linear(size.width, 4 * size.width)
        self.fc2 = nn.Linear(4 * size.width, size.width)
        self.dropout = nn.Dropout(size.dropout)

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.dropout(self.fc2(self.dropout(functional.gelu(self.fc1(values)))))
        return result


def find_spoken(frame_sentences: Tensor, video_mask: Tensor, text_mask: Tensor) -> Tensor:
    """Return which sentence is spoken in which frame, ``(B, Tv, Tt)``; padding belongs to none.

    Args:
        frame_sentences: ``(B, Tv)``, the sentence of each frame; any number is right for padding.
        video_mask: ``(B, Tv)``.
        text_mask: ``(B, Tt)``.
    """
    numbers = torch.arange(text_mask.shape[1], device=frame_sentences.device)
    is_spoken = frame_sentences[:, :, None] == numbers
    return is_spoken & video_mask[:, :, None] & text_mask[:, None]


def match_times(is_spoken: Tensor) -> Tensor:
    """Return which token may see which one by time, ``(B, N, N)``, with a class token a side.

    >>> match_times(torch.tensor([[[True], [True]]]))[0].int()
    tensor([[1, 1, 1, 0, 0],
            [1, 1, 1, 0, 1],
            [1, 1, 1, 0, 1],
            [0, 0, 0, 1, 1],
            [0, 1, 1, 1, 1]], dtype=torch.int32)

    Args:
        is_spoken: ``(B, Tv, Tt)``, whether a sentence is spoken in a frame.
    """
    across = functional.pad(is_spoken, (1, 0, 1, 0), value=False)  # (B, 1 + Tv, 1 + Tt)
    own_video = across.new_ones(len(across), across.shape[1], across.shape[1])
    own_text = across.new_ones(len(across), across.shape[2], across.shape[2])
    top = torch.cat([own_video, across], 2)
    return torch.cat([top, torch.cat([across.transpose(1, 2), own_text], 2)], 1)


def _add_class_token(values: Tensor, token: Tensor) -> Tensor:
    return torch.cat([token.to(values).expand(len(values), -1, -1), values], 1)


def _make_rows(count: int, width: int) -> nn.Parameter:
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(1, count, width), std=0.02))
