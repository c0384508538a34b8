"""The summarizer of A2Summ: joint attention, and a score of each frame and each sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.types import Tokens
from egoexobench_plugins.joint_attention.attention import JointAttention, JointSize, JointTokens

_SHARED = "multiway_list."


class Summary(NamedTuple):
    """Logits ``(B, T)`` of being a key frame or a key sentence, and the tokens behind them."""

    video_logits: Tensor
    text_logits: Tensor
    tokens: JointTokens


@final
class Summarizer(nn.Module):
    """Scores frames and sentences for an extractive summary.

    No data set here has labels of key frames, so no method trains it: it is A2Summ as released, for
    weights and losses (boheumd/A2Summ 5c7dcea).
    """

    def __init__(self, size: JointSize) -> None:
        super().__init__()
        self.attention = JointAttention(size)
        self.fc_video, self.fc_text = _make_head(size), _make_head(size)

    def forward(
        self, video: Tokens, text: Tokens, frame_sentences: Tensor | None = None
    ) -> Summary:
        """Score frames ``(B, Tv, Dv)`` and sentences ``(B, Tt, Dt)``, as `JointAttention` reads."""
        tokens: JointTokens = self.attention(video, text, frame_sentences)
        scores = self.fc_video(tokens.video), self.fc_text(tokens.text)
        return Summary(scores[0][..., 0], scores[1][..., 0], tokens)

    def load_released_state(self, state: Mapping[str, Tensor]) -> None:
        """Load weights with the names of the release, all of them.

        Raises:
            DataError: if layers that share their weights differ.
        """
        renamed: dict[str, Tensor] = {}
        num_own = len(self.attention.multiway_list)
        for name, value in state.items():
            key = name
            if name.startswith(_SHARED):
                number, _, rest = name.removeprefix(_SHARED).partition(".")
                key = f"{_SHARED}{int(number) % num_own}.{rest}"
            key = key if key.startswith("fc_") else f"attention.{key}"
            if not torch.equal(renamed.setdefault(key, value), value):
                raise DataError(f"{name} differs from that of the first layer; set layers=own")
        self.load_state_dict(renamed, strict=True)


def _make_head(size: JointSize) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(size.width, size.width),
        nn.ReLU(),
        nn.Dropout(size.dropout),
        nn.Linear(size.width, 1),
    )
