"""Checks, for every clip and text of the test split, that its embedding does not read its batch.

All of them are read from their source again and encoded and embedded alone, in another order, with
other companions and with padding, each time by parts that are built anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from egoexobench.errors import EgoExoBenchError, format_exception_line
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.embed import SplitEmbeddings
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.experiment.remeasure import (
    PLANS,
    Deviation,
    RebuiltMethod,
    Selection,
    measure_from_source,
    measure_from_tokens,
    prepare_selection,
    rebuild_method,
)
from egoexobench.features.batch_plan import SCORING_PLAN
from egoexobench.protocols import Progress
from egoexobench.records.audit import BatchCheck, BatchCondition
from egoexobench.types import VIEWS

CHUNK = 64
"""Clips or texts that are read from their source at once."""
WHOLE_CONDITIONS: tuple[BatchCondition, ...] = ("order", "companions")
"""Conditions under which the whole split is embedded at once, too."""
LARGEST_DISTANCE = 1e9
"""Stands for rows that cannot be compared because their number differs."""


def check_batches(
    trained: TrainedMethod, scored: SplitEmbeddings, progress: Progress
) -> list[BatchCheck]:
    """Return how far tokens and embeddings move under each condition, by part.

    Args:
        trained: the trained method.
        scored: its embeddings of the test split.
        progress: shows the stage, one step for each chunk.

    Raises:
        DataError: if a clip does not decode.
        PartError: if a part returns something wrong.
    """
    methods = {condition: rebuild_method(trained, scored) for condition in PLANS}
    chunks = _split_items(methods["alone"])
    deviations: list[Deviation] = []
    with progress.stage("batches", len(chunks)) as advance:
        for chunk in chunks:
            try:
                deviations += _measure_chunk(methods, chunk)
            except EgoExoBenchError:
                raise
            except Exception as error:  # the same items were encoded before: the call is the cause
                return [_make_error_check(trained, chunk, error)]
            advance(1)
    split = Selection(
        [clip for chunk in chunks for clip in chunk.clips],
        [name for chunk in chunks for name in chunk.text_ids],
    )
    for condition in WHOLE_CONDITIONS:
        deviations += measure_from_tokens(methods[condition], split, condition)
    return list(_summarize_deviations(deviations))


def _measure_chunk(
    methods: Mapping[BatchCondition, RebuiltMethod], chunk: Selection
) -> list[Deviation]:
    """Read a chunk from its source once, and compute it under every condition."""
    prepared = prepare_selection(methods["alone"], chunk)
    return [
        deviation
        for condition, method in methods.items()
        for deviation in measure_from_source(method, chunk, prepared, condition)
    ]


def _make_error_check(trained: TrainedMethod, chunk: Selection, error: Exception) -> BatchCheck:
    num_items = len(chunk.clips) + len(chunk.text_ids)
    return BatchCheck(
        condition="companions",
        part=f"method {trained.parts.method.name!r}",
        role="video" if chunk.clips else "text",
        stage="tokens",
        num_items=num_items,
        num_moved=num_items,
        max=LARGEST_DISTANCE,
        tolerance=0.0,
        farthest=None,
        error=format_exception_line(error),
        verdict="error",
    )


def _split_items(method: RebuiltMethod) -> list[Selection]:
    """Return chunks of clips that hold both views, and chunks of texts, in seeded orders."""
    inputs = method.inputs
    clips = {clip.id: clip for clip in inputs.clips[TEST_SPLIT]}
    texts = inputs.text_ids[TEST_SPLIT] if inputs.features.narration is not None else ()
    ordered = SCORING_PLAN.sort(clips, " ".join(VIEWS))
    chunks = [Selection([clips[name] for name in names], ()) for names in _split_names(ordered)]
    names_of_texts = _split_names(SCORING_PLAN.sort(texts, "text"))
    return chunks + [Selection((), names) for names in names_of_texts]


def _split_names(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]


def _summarize_deviations(deviations: Iterable[Deviation]) -> Iterator[BatchCheck]:
    """Yield one check for each part, stage and condition."""
    groups: dict[tuple[str, str, bool, BatchCondition], list[Deviation]] = {}
    for item in deviations:
        key = item.part, item.role, item.is_embedding, item.condition
        groups.setdefault(key, []).append(item)
    for (part, role, is_embedding, condition), items in groups.items():
        distances = np.concatenate([item.distances for item in items])
        tolerance = min(item.tolerance for item in items)
        num_moved = int((distances > tolerance).sum())
        farthest = max(items, key=lambda item: float(item.distances.max(initial=0.0)))
        yield BatchCheck(
            condition=condition,
            part=part,
            role=role,
            stage="embedding" if is_embedding else "tokens",
            num_items=len(distances),
            num_moved=num_moved,
            max=min(float(distances.max(initial=0.0)), LARGEST_DISTANCE),
            tolerance=tolerance,
            farthest=farthest.ids[int(farthest.distances.argmax())] if num_moved else None,
            verdict="batch_dependent" if num_moved else "independent",
        )
