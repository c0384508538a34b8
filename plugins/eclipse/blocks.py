"""The two-way block of ECLIPSE: tokens of pictures and of sound attend to each other.

Names of parameters are those of the release (GenjiB/ECLIPSE 0f3bb93, modules/module_clip.py).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import final

import torch
from torch import Tensor, nn

from egoexobench.toolbox.layers import check_divisible, make_attention_mask
from egoexobench.types import Tokens


@final
class QuickGELU(nn.Module):
    """CLIP's activation, ``x * sigmoid(1.702 x)``."""

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return x * torch.sigmoid(1.702 * x)


@final
class TwoWayBlock(nn.Module):
    """A block of CLIP's vision transformer with two cross-attentions before it.

    With ``v`` the tokens of pictures and ``a`` those of sound, both as they come in::

        v' = v + Wv MHA(LNv(v), LNa(a), LNa(a))
        a' = a + Wa MHA(LNa(a), LNv(v), LNv(v))      with dual
        v' + MHSA(LN1(v')), and its MLP; a' gets neither

    The softmax over a single sound token is 1, so that every patch gets the same vector. With
    ``reverse_norm`` the sound attends to the patches instead, and each patch gets its weight (mean
    over heads) times LNa(a), without a map of values or outputs.

    Args:
        width: D of the tokens.
        heads: attention heads.
        dual: update the tokens of sound, too.
        reverse_norm: weights of the sound over patches. The release reads it with ``dual`` alone.
        has_sound_branch: whether the weights of the update of sound are there.
        is_padded: whether tokens of pictures may be padding; those of a frame are not.
        eps: epsilon of every norm.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        *,
        dual: bool,
        reverse_norm: bool,
        has_sound_branch: bool = True,
        is_padded: bool = False,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        check_divisible(width, heads)
        self.dual = dual and has_sound_branch
        self.reverse_norm = dual and reverse_norm
        self.is_padded = is_padded
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        layers = [("c_fc", nn.Linear(width, 4 * width)), ("gelu", QuickGELU())]
        self.mlp = nn.Sequential(OrderedDict([*layers, ("c_proj", nn.Linear(4 * width, width))]))
        self.vis_audio_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.vis_audio_ln_1 = nn.LayerNorm(width, eps=eps)
        self.vis_audio_fc = nn.Linear(width, width)
        self.audio_vis_ln_1 = nn.LayerNorm(width, eps=eps)
        if has_sound_branch:
            self.audio_vis_attn = nn.MultiheadAttention(width, heads, batch_first=True)
            self.audio_vis_fc = nn.Linear(width, width)

    def forward(self, video: Tokens, sound: Tokens) -> tuple[Tokens, Tokens]:
        """Return the tokens ``(N, T, D)`` of pictures and ``(N, S, D)`` of sound.

        A row without sound is what the block of CLIP makes of it.
        """
        normed_video = Tokens(self.vis_audio_ln_1(video.values), video.mask)
        normed_sound = Tokens(self.audio_vis_ln_1(sound.values), sound.mask)
        values = video.values + self._compute_update(normed_video, normed_sound)
        sound_values = sound.values
        if self.dual:
            mask = self._mask_video(normed_video, sound.values.shape[1])
            looked = _attend(self.audio_vis_attn, normed_sound, normed_video, mask)
            sound_values = sound_values + self.audio_vis_fc(looked)
        normed = Tokens(self.ln_1(values), video.mask)
        mask = self._mask_video(normed, values.shape[1])
        values = values + _attend(self.attn, normed, normed, mask)
        values = values + self.mlp(self.ln_2(values))
        return Tokens(values, video.mask), Tokens(sound_values, sound.mask)

    @torch.no_grad()
    def copy_self_attention(self) -> None:
        """Start as CLIP: new attention and norms are copies of the own ones, and Wv and Wa zero."""
        for name, module in self.named_children():
            if name in ("vis_audio_attn", "audio_vis_attn"):
                module.load_state_dict(self.attn.state_dict())
            if name in ("vis_audio_ln_1", "audio_vis_ln_1"):
                module.load_state_dict(self.ln_1.state_dict())
            if name in ("vis_audio_fc", "audio_vis_fc"):
                _set_zero(module)

    @torch.no_grad()
    def make_identity(self) -> None:
        """Start as the identity: what self-attention and MLP give is zero as well.

        The copies are made before. A copy of an output that is zero behind a Wv that is zero would
        never get a gradient.
        """
        self.copy_self_attention()
        _set_zero(self.attn.out_proj)
        _set_zero(self.mlp.get_submodule("c_proj"))

    def _compute_update(self, video: Tokens, sound: Tokens) -> Tensor:
        """Return what the pictures get of the sound ``(N, T, D)``; zeros for a row without any."""
        if self.reverse_norm:
            weights = self._weigh_patches(video, sound)  # (N, S, T)
            update = weights.transpose(1, 2) @ sound.values
        else:
            num_heads = self.vis_audio_attn.num_heads
            mask = make_attention_mask(sound, video.values.shape[1], num_heads)
            update = _attend(self.vis_audio_attn, video, sound, mask)
        return torch.where(sound.mask.any(1)[:, None, None], self.vis_audio_fc(update), 0.0)

    def _weigh_patches(self, video: Tokens, sound: Tokens) -> Tensor:
        """Return the attention of sound to patches, the mean over heads; zeros for padding."""
        mask = self._mask_video(video, sound.values.shape[1])
        weights = self.vis_audio_attn(
            sound.values, video.values, video.values, attn_mask=mask, need_weights=True
        )[1]
        real: Tensor = weights * sound.mask[..., None]
        return real

    def _mask_video(self, video: Tokens, num_queries: int) -> Tensor | None:
        if not self.is_padded:
            return None
        return make_attention_mask(video, num_queries, self.attn.num_heads)


def _attend(
    attention: nn.MultiheadAttention, query: Tokens, context: Tokens, mask: Tensor | None
) -> Tensor:
    """Return the attention of query tokens to the tokens of a context ``(N, T, D)``."""
    keys = context.values
    attended: Tensor = attention(query.values, keys, keys, attn_mask=mask, need_weights=False)[0]
    return attended


def _set_zero(module: nn.Module) -> None:
    for weight in module.parameters():
        weight.zero_()
