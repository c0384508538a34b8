"""Checks that the objective of a method fits its other parts and the data set it is trained on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from egoexobench.errors import UsageError
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.method import Method
from egoexobench.protocols import (
    Anchor,
    Dataset,
    HasTemporalAlignment,
    HasTokenTimes,
    Objective,
    SequenceObjective,
)

UNTRAINED_ROLES = (
    "audio",
    "text",
    "text_audio",
    "captioner",
    "video_fusion",
    "text_fusion",
    "anchor",
)
"""Roles that an objective on sequences does not train, as it reads the tokens of videos alone."""


def check_objective_parts(
    method: Method,
    objective: Objective | SequenceObjective | None,
    anchor: Anchor | None,
    encoders: Mapping[str, EncoderRunner],
) -> None:
    """Check that an objective gets what it compares, and that it trains everything that is scored.

    Raises:
        UsageError: with the settings that help.
    """
    name = f"method {method.name!r}"
    if not isinstance(objective, SequenceObjective):
        if objective is not None and anchor is None:
            raise UsageError(f"{name} needs an anchor because objective is set")
        return
    untrained = [role for role in UNTRAINED_ROLES if getattr(method, role)]
    if untrained:
        settings = " ".join(f"--set {role}=none" for role in untrained)
        raise UsageError(
            f"objective={method.objective} of {name} trains the tokens of the video encoder alone, "
            f"and not {', '.join(untrained)}; add {settings}"
        )
    if "video" not in encoders:
        raise UsageError(
            f"objective={method.objective} of {name} compares the frames of two videos: it needs a "
            "video encoder"
        )
    for role, runner in encoders.items():
        _check_token_times(f"objective={method.objective} of {name}", role, runner)


def _check_token_times(label: str, role: str, runner: EncoderRunner) -> None:
    encoder = runner.encoder
    if not isinstance(encoder, HasTokenTimes):
        raise UsageError(
            f"{label} compares tokens in time, and {runner.label} does not say the times of its "
            f"tokens; use a {role} encoder with a token for each frame, such as color-grid"
        )
    try:
        encoder.get_token_times(np.arange(64.0))
    except UsageError as error:
        raise UsageError(f"{label} compares tokens in time: {runner.label}: {error}") from error


def require_alignable(
    method: Method, objective: Objective | SequenceObjective | None, dataset: Dataset, name: str
) -> None:
    """Check that the two videos of a training pair show the same in the same order.

    Raises:
        UsageError: if the data set does not say so, and the objective compares them in time.
    """
    if not isinstance(objective, SequenceObjective):
        return
    if not (isinstance(dataset, HasTemporalAlignment) and dataset.alignable):
        raise UsageError(
            f"objective={method.objective} of method {method.name!r} aligns both videos of a pair "
            f"in time, and {name} does not say that they show the same actions in the same order"
        )
