"""Old names of :mod:`egoexobench.types`. They still work; each use warns with the new name."""

import warnings

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


def __getattr__(name: str) -> object:
    new = RENAMED.get(name, name)
    value: object = getattr(types, new)
    warnings.warn(
        f"egoexobench.values.{name} is deprecated: use egoexobench.types.{new}",
        FutureWarning,
        stacklevel=2,
    )
    return value
