"""Two-way blocks over tokens of frozen encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor, nn

from egoexobench.toolbox.layers import masked_mean
from egoexobench.types import EmptyQueryRule, TokenCase, Tokens
from egoexobench_plugins.eclipse.blocks import TwoWayBlock


@final
class EclipseFusion(nn.Module):
    """Blocks of video (context) and sound (query), and the mean of the video after them."""

    empty_query: EmptyQueryRule = "context-alone"

    def __init__(
        self, width: int, *, depth: int, heads: int, dual: bool, reverse_norm: bool
    ) -> None:
        super().__init__()
        self.reverse_norm = dual and reverse_norm
        self.blocks = nn.ModuleList(
            TwoWayBlock(
                width,
                heads,
                dual=dual,
                reverse_norm=reverse_norm,
                has_sound_branch=dual and index < depth - 1,  # nothing reads the sound of the last
                is_padded=True,
            )
            for index in range(depth)
        )
        for block in self._list_blocks():
            block.make_identity()

    @property
    def idle_weights(self) -> Mapping[TokenCase, Sequence[str]]:
        """One sound token, or one of video, is a single key; `reverse_norm` maps no values."""
        cross, back = "blocks.*.vis_audio_attn", "blocks.*.audio_vis_attn"
        has_back = any(block.dual for block in self._list_blocks())
        of_video = ["blocks.*.attn", back] if has_back else ["blocks.*.attn"]
        if self.reverse_norm:
            unread = (f"{cross}.in_proj_weight:value", f"{cross}.out_proj.weight")
            return {
                "several-tokens": unread,
                "one-context-token": _name_query_and_key([cross, *of_video]),
            }
        return {
            "one-query-token": _name_query_and_key([cross]),
            "one-context-token": _name_query_and_key(of_video),
        }

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)`` of sound ``(B, Tq, D)`` and video ``(B, Tc, D)``."""
        video, sound = context, self._pool_sound(query)
        for block in self.blocks:
            video, sound = block(video, sound)
        return masked_mean(video)

    def _pool_sound(self, sound: Tokens) -> Tokens:
        """Return the sound as it is, or as one token for `reverse_norm`."""
        if not self.reverse_norm:
            return sound
        return Tokens(masked_mean(sound)[:, None], sound.mask.any(1, keepdim=True))

    def _list_blocks(self) -> list[TwoWayBlock]:
        return [block for block in self.blocks if isinstance(block, TwoWayBlock)]


def _name_query_and_key(names: Sequence[str]) -> list[str]:
    return [f"{name}.in_proj_weight:{part}" for name in names for part in ("query", "key")]
