"""Checks that a method has what its scorer compares, before anything is encoded."""

from __future__ import annotations

from collections.abc import Mapping

from egoexobench.errors import UsageError
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.method import Method
from egoexobench.protocols import AnyScorer, TextScorer


def check_scorer_inputs(
    method: Method, encoders: Mapping[str, EncoderRunner], scorer: AnyScorer | None
) -> None:
    """Check that a scorer of texts with videos has both, and sound if it reads it.

    It reads the tokens that the embeddings are computed from, and no others: so sound that the
    method does not fuse with frames is not there for it.

    Raises:
        UsageError: with what is missing, and the setting that helps.
    """
    if not isinstance(scorer, TextScorer):
        return
    name = f"scorer={method.scorer} of method {method.name!r}"
    if "text" not in encoders:
        raise UsageError(f"{name} compares texts with videos: set text=NAME")
    if method.video_query != "audio" or not {"video", "joint"} & encoders.keys():
        raise UsageError(
            f"{name} compares texts with frames, and the method embeds "
            f"{'sound captions with them' if method.video_query != 'audio' else 'sound alone'}; "
            f"set {'video_query=audio' if method.video_query != 'audio' else 'video=NAME'}"
        )
    if scorer.reads_sound and not ("audio" in encoders and method.video_fusion):
        raise UsageError(
            f"{name} reads frames and sound of a video, and the method does not fuse sound with "
            "frames: set audio=NAME and video_fusion=NAME"
        )
    if method.objective and method.project:
        return
    roles = {"joint", "video", "video_exo", "text"} | ({"audio"} if scorer.reads_sound else set())
    widths = {role: encoders[role].encoder.dim for role in encoders if role in roles}
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{role} has {dim} features" for role, dim in widths.items())
        raise UsageError(
            f"{name} compares tokens of one width, but {listed}, and nothing maps one to another; "
            "an objective with project=true does"
        )
