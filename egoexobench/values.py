"""Old names of :mod:`egoexobench.types`. They still work; each use warns with the new name."""

import warnings
from collections.abc import Iterable

from egoexobench import types

RENAMED = {
    "ACROSS": "CROSS_VIEW_TASKS",
    "Classes": "LabelSpace",
    "MEASURED": "SCORED_TASKS",
    "Measured": "ScoredTask",
    "Policy": "CandidatePolicy",
    "RECOGNITION": "RECOGNITION_TASKS",
    "RETRIEVAL": "RETRIEVAL_TASKS",
    "Sound": "Audio",
}


def make_query(
    source: str,
    candidates: Iterable[str],
    answer: int,
    cluster: str,
    also: Iterable[int] = (),
) -> types.Query:
    """Return a query from the fields that queries had before version 0.2."""
    return types.Query(source, types.Gallery(tuple(candidates)), (answer, *also), cluster)


def __getattr__(name: str) -> object:
    new = RENAMED.get(name, name)
    value: object = getattr(types, new)
    if name == "Query":
        value, new = make_query, "Query(source, Gallery(candidates), (answer, *also), cluster)"
    warnings.warn(
        f"egoexobench.values.{name} is deprecated: use egoexobench.types.{new}",
        FutureWarning,
        stacklevel=2,
    )
    return value
