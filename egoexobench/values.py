"""Old names of :mod:`egoexobench.types`. They still work; each use warns with the new name."""

import warnings
from collections.abc import Iterable

from egoexobench import types
from egoexobench.errors import get_renamed

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
    if name != "Query":
        return get_renamed(name, RENAMED, old=__name__, new=types)
    warnings.warn(
        f"{__name__}.Query is deprecated: use egoexobench.types.Query(source, "
        "Gallery(candidates), (answer, *also), cluster)",
        FutureWarning,
        stacklevel=2,
    )
    return make_query
