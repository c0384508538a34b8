"""Compares the embeddings of an audit with those that lie beside the record of a run.

A part could find out that it is audited and be honest as long as it is. Then its embeddings are
not those that the run scored.
"""

from __future__ import annotations

from pathlib import Path

import torch

from egoexobench.audit.modality_swap import measure_shift
from egoexobench.errors import DataError
from egoexobench.experiment.embed import EmbeddingSide, SplitEmbeddings
from egoexobench.records.artifacts import EMBEDDINGS_SUFFIX, check_artifact, find_artifact
from egoexobench.records.audit import RecordedEmbeddingsCheck
from egoexobench.records.bundle import TEXTS, VIDEOS, read_stored_embeddings
from egoexobench.records.store import read_record
from egoexobench.types import Embeddings

MAX_DISTANCE = 1e-3
"""Cosine distance up to which another processor explains a difference."""
_TENSORS: dict[EmbeddingSide, str] = {"video": VIDEOS, "text": TEXTS}


def compare_recorded_embeddings(
    path: Path, embeddings: SplitEmbeddings
) -> tuple[RecordedEmbeddingsCheck, ...]:
    """Compare the embeddings of the test split with those beside a record, item by item.

    Raises:
        DataError: if the record or its embeddings are missing or were changed.
    """
    record = read_record(path)
    artifact = find_artifact(record, EMBEDDINGS_SUFFIX)
    if artifact is None:
        raise DataError(f"{path} has no embeddings; run again without --no-embeddings")
    stored = read_stored_embeddings(check_artifact(path, artifact))
    return tuple(
        _compare_stored(record.id, side, scored, embeddings.get_side(side))
        for side, name in _TENSORS.items()
        if (scored := stored.get(name)) is not None  # a side that no task needs is not stored
    )


def _compare_stored(
    record_id: str, side: EmbeddingSide, scored: Embeddings, current: Embeddings | None
) -> RecordedEmbeddingsCheck:
    shift = None
    if current is not None and scored.index.keys() <= current.index.keys():
        vectors = current.vectors[torch.tensor([current.index[name] for name in scored.ids])]
        if vectors.shape == scored.vectors.shape:
            shift = measure_shift(scored, Embeddings(scored.ids, vectors))
    is_same = shift is not None and shift.max <= MAX_DISTANCE
    return RecordedEmbeddingsCheck(
        record=record_id,
        embedding=side,
        shift=shift,
        verdict="same_embeddings" if is_same else "other_embeddings",
    )
