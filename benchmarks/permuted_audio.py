"""Trains and tests SoundBridge with audio that is swapped between the clips of a split and view."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from egoexobench.audit.modality_swap import swap_modality
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.build import build_model, build_parts
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.prepare import TrainedMethod, embed_split, train_method
from egoexobench.experiment.scoring import score_tasks
from egoexobench.experiment.training import train_or_load
from egoexobench.files import write_text_atomic
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.types import RETRIEVAL_TASKS, SPLITS


def score_permuted_audio(dataset: str, seed: int, file: str) -> None:
    """Write the gallery R@1 of the retrieval tasks, in percent, as JSON."""
    config = RunConfig(Spec("soundbridge"), Spec.parse(dataset), RETRIEVAL_TASKS, seed=seed)
    trained = _permute_audio(train_method(config, RunContext(Registry(), NullProgress())))
    scoring = score_tasks(
        embed_split(trained, (TEST_SPLIT,)),
        parts=trained.parts,
        scored=trained.scored,
        tasks=RETRIEVAL_TASKS,
        progress=NullProgress(),
    )
    values = {
        result.track.task: result.score.metrics["hit_rate_at_1"].value
        for result in scoring.tracks
        if result.track.policy == "gallery"
    }
    write_text_atomic(Path(file), json.dumps(values))


def _permute_audio(trained: TrainedMethod) -> TrainedMethod:
    """The same method, trained again on the swapped audio."""
    inputs = trained.scored.inputs
    for split in SPLITS:
        inputs = swap_modality(inputs, "audio", split, trained.parts.seed).inputs
    scored = replace(trained.scored, inputs=inputs)
    parts = build_parts(trained.parts.resolved, trained.parts.device)
    model = build_model(parts)
    with _empty_cache():
        best_epoch = train_or_load(model, parts, scored, NullProgress())
    return replace(
        trained,
        parts=parts,
        model=model,
        scored=scored,
        trained_on=scored,
        best_epoch=best_epoch,
    )


@contextmanager
def _empty_cache() -> Iterator[None]:
    """Hide the cache: the key of cached weights names the data set, but not the swap."""
    previous = os.environ.get("EGOEXOBENCH_CACHE")
    with TemporaryDirectory() as folder:
        os.environ["EGOEXOBENCH_CACHE"] = folder
        try:
            yield
        finally:
            del os.environ["EGOEXOBENCH_CACHE"]
            if previous is not None:
                os.environ["EGOEXOBENCH_CACHE"] = previous
