"""Recomputes the score of a track of frames: its metrics, intervals, oracle and content."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from egoexobench.errors import UsageError
from egoexobench.evaluation.labeled_frames import (
    hash_labeled_frames,
    score_frame_oracle,
    score_frame_positions,
    score_labeled_frames,
)
from egoexobench.evaluation.references import chance_score
from egoexobench.evaluation.tasks import find_frame_task
from egoexobench.records.schema import ScoreRecord
from egoexobench.types import FRAME_DIRECTIONS
from egoexobench.verification.bundle_content import BundleContent
from egoexobench.verification.compare_scores import (
    iter_reference_differences,
    iter_score_differences,
)


def iter_frame_differences(content: BundleContent, score: ScoreRecord) -> Iterator[str]:
    """Yield one line for each thing in a score on frames that is not as the record says."""
    location = f"scores.{score.key.label}"
    task, frames = find_frame_task(score.task), content.frames
    direction = next((name for name in FRAME_DIRECTIONS if name == score.policy), None)
    if frames is None or task is None or direction is None:
        yield f"{location}: its frames are not beside the record"
        return
    if hash_labeled_frames(frames) != score.track.get("content"):
        yield f"{location}.track.content: it is not the hash of the frames beside the record"
    references, seed = content.record.references, content.record.seed
    without_method = {"oracle": score_frame_oracle, "position": score_frame_positions}
    try:
        for name, compute in without_method.items():
            recomputed = compute(frames, task, direction, rng=np.random.default_rng(seed))
            yield from iter_reference_differences(references, name, score.key, recomputed)
        if frames.has_vectors:
            rng = np.random.default_rng(seed)
            recomputed = score_labeled_frames(frames, task, direction, rng=rng)
            yield from iter_score_differences(location, score, recomputed)
            guess = chance_score(recomputed)
            yield from iter_reference_differences(references, "chance", score.key, guess)
    except UsageError as error:  # without scikit-learn
        yield f"{location}: it cannot be recomputed: {error}"
