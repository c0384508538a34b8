"""The fusion: class tokens of the joint attention as an embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, final

import torch
from torch import Tensor, nn

from egoexobench.types import EmptyQueryRule, TokenCase, Tokens
from egoexobench_plugins.joint_attention.attention import JointAttention, JointSize, JointTokens


@final
class JointFusion(nn.Module):
    """The mean of the class tokens of video and query, or that of the video.

    Args:
        size: of the joint attention; both sides are as wide as it is.
        output: which class token is the embedding.
    """

    empty_query: EmptyQueryRule = "context-alone"

    def __init__(self, size: JointSize, output: Literal["both", "video"]) -> None:
        super().__init__()
        self.attention = JointAttention(size)
        self.reads_both = output == "both"

    @property
    def idle_weights(self) -> Mapping[TokenCase, Sequence[str]]:
        """The feed-forward network of the query in the last layer, if its result is not read."""
        size = self.attention.size
        if self.reads_both or (size.layers == "shared" and size.num_layers > 1):
            return {}
        last = len(self.attention.multiway_list) - 1
        return {"several-tokens": (f"attention.multiway_list.{last}.ffn_text.*",)}

    def forward(self, query: Tokens, context: Tokens) -> Tensor:
        """Return embeddings ``(B, D)``."""
        tokens: JointTokens = self.attention(context, query)
        if not self.reads_both:
            return tokens.video_class
        mean = (tokens.video_class + tokens.text_class) / 2
        return torch.where(query.mask.any(1, keepdim=True), mean, tokens.video_class)
