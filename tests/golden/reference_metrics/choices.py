"""Accuracy over listed candidates, in percent, a question type at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egoexobench.evaluation.arrays import Floats

Ints = NDArray[np.int64]

ASSOCIATION = ("Ego->Exo", "Exo->Ego")
"""EgoExoLearn's and SoundBridge's names of the smallest type and of the next."""
EGOMCQ = ("Intra-video", "Inter-video")
"""LaViLa's and EgoVLP's."""
EGOINSTRUCTOR = ("Inter-video", "Intra-video")
"""EgoInstructor's of the same types: they are swapped."""


def score_first_maximum(
    scores: Floats, answers: Ints, types: Ints, names: tuple[str, ...]
) -> dict[str, float]:
    """Top-1 as EgoExoLearn, LaViLa, EgoVLP and EgoInstructor count it.

    Of candidates that tie for the best score the first is taken (OpenGVLab/EgoExoLearn e1f11b1,
    facebookresearch/LaViLa 8002b5a, Jazzcharles/Egoinstructor 8492ba0).

    Args:
        scores: ``(N, C)``.
        answers: place of each right candidate, ``(N,)``.
        types: ``(N,)``.
        names: of the types in rising order.
    """
    right = scores.argmax(1) == answers
    kinds = np.unique(types)
    return {
        name: 100 * float(right[types == kind].mean())
        for name, kind in zip(names, kinds, strict=True)
    }


def score_soundbridge(scores: Floats, answers: Ints, types: Ints) -> dict[str, float]:
    """Share of questions with the answer among the best 1, 5 and 10.

    Which of several equal scores is among them is the library's choice there; here the first are
    (shhuangcoder/SoundBridge 3c4ca7f).
    """
    order = (-scores).argsort(1, kind="stable")
    position = (order == answers[:, None]).argmax(1)
    return {
        f"{name}_top{k}": 100 * float((position[types == kind] < k).mean())
        for name, kind in zip(ASSOCIATION, np.unique(types), strict=True)
        for k in (1, 5, 10)
    }
