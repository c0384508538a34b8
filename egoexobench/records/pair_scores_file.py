"""The file of pair scores beside a record: what a scorer gave to the candidates of each query.

``ID.pair-scores.safetensors`` has two tensors for each track that a scorer ranks,
``TASK POLICY candidates`` int32 ``(N, K)`` and ``TASK POLICY values`` float32 ``(N, K)``: see
:class:`egoexobench.evaluation.reranking.PairScores`. Queries are those that were ranked, sorted by
source, first positive and cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.evaluation.reranking import PairScores
from egoexobench.evaluation.tasks import SCORER_POLICIES
from egoexobench.tensor_file import write_tensor_file
from egoexobench.types import RETRIEVAL_TASKS, TrackKey

_CANDIDATES, _VALUES = "candidates", "values"


def write_pair_scores(path: Path, scores: Mapping[TrackKey, PairScores]) -> None:
    """Write the scores of each track atomically."""
    tensors = {}
    for key, item in scores.items():
        tensors[f"{key.label} {_CANDIDATES}"] = item.candidates.contiguous()
        tensors[f"{key.label} {_VALUES}"] = item.values.contiguous()
    write_tensor_file(path, save(tensors))


def read_pair_scores(path: Path) -> dict[TrackKey, PairScores]:
    """Return the scores of each track.

    Raises:
        DataError: if the file is of another kind, or a score is NaN or infinite.
    """
    try:
        with safe_open(path, framework="pt") as file:
            tensors: dict[str, Tensor] = {
                name: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118
            }
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is no safetensors file: {' '.join(str(error).split())}") from error
    scores: dict[TrackKey, PairScores] = {}
    for key in (TrackKey(task, policy) for task in RETRIEVAL_TASKS for policy in SCORER_POLICIES):
        candidates = tensors.pop(f"{key.label} {_CANDIDATES}", None)
        values = tensors.pop(f"{key.label} {_VALUES}", None)
        if candidates is None and values is None:
            continue
        if candidates is None or values is None:
            raise DataError(f"{path}: {key.label} has candidates or values and not both")
        if fault := _find_fault(candidates, values):
            raise DataError(f"{path}: {key.label} {fault}")
        scores[key] = PairScores(candidates, values)
    if tensors:
        raise DataError(f"{path}: unknown tensor {min(tensors)!r}")
    return scores


def _find_fault(candidates: Tensor, values: Tensor) -> str:
    if candidates.ndim != 2 or candidates.shape != values.shape:
        return f"has candidates of shape {tuple(candidates.shape)}, values {tuple(values.shape)}"
    if candidates.dtype != torch.int32 or values.dtype != torch.float32:
        return f"has candidates of {candidates.dtype} and values of {values.dtype}"
    return "" if bool(torch.isfinite(values).all()) else "has scores that are NaN or infinite"
