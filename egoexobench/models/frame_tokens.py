"""The tokens of videos in time: what tracks on frames score and what sequences are trained with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from egoexobench.errors import PartError
from egoexobench.features.batch_plan import SCORING_PLAN
from egoexobench.models.feature_inputs import FeatureInputs, read_frames
from egoexobench.types import Tokens, View

if TYPE_CHECKING:
    from egoexobench.models.embedding_model import EmbeddingModel


class FrameTokens(NamedTuple):
    """Tokens ``(B, T, D)`` in the order of time, real ones first, and their times ``(B, T)``, s.

    Times are from the start of the clip; those of padding are 0.
    """

    tokens: Tokens
    times: Tensor


def embed_frame_tokens(
    model: EmbeddingModel, inputs: FeatureInputs, ids: Sequence[str], view: View
) -> FrameTokens:
    """Return the tokens of the videos of some clips of one view, before fusion.

    Raises:
        PartError: if the encoder gives a clip another number of tokens than times.
    """
    video, _ = read_frames(model, inputs, ids, view=view, plan=SCORING_PLAN)
    tokens = model.list_frame_tokens(view, video)
    order = (~tokens.mask).long().argsort(dim=1, stable=True)  # real tokens first
    values = tokens.values.gather(1, order[..., None].expand_as(tokens.values))
    times = torch.zeros(tokens.mask.shape)
    for row, (name, count) in enumerate(zip(ids, tokens.mask.sum(1).tolist(), strict=True)):
        of_clip = inputs.clip_times[name].tokens
        if len(of_clip) != count:
            raise PartError(
                f"{model.labels[model.video_role[view]]}: {count} tokens of clip {name} have "
                f"{len(of_clip)} times"
            )
        times[row, :count] = torch.from_numpy(of_clip)
    return FrameTokens(Tokens(values, tokens.mask.gather(1, order)), times.to(values.device))
