"""Accuracy over listed candidates, in percent, a question type at a time."""

from __future__ import annotations

import numpy as np
import torch
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
    """Share of questions with the answer among the best 1, 5 and 10, by the tie rule `torch-topk`.

    The released code asks for the best k with one `torch.topk` for each k
    (shhuangcoder/SoundBridge 3c4ca7f), see :func:`select_torch_topk`.
    """
    shares = {}
    for name, kind in zip(ASSOCIATION, np.unique(types), strict=True):
        rows = types == kind
        for k in (1, 5, 10):
            hits = select_torch_topk(scores[rows], k) == answers[rows][:, None]
            shares[f"{name}_top{k}"] = 100 * float(hits.any(1).mean())
    return shares


def select_torch_topk(scores: Floats, k: int) -> Ints:
    """Columns of the best k of each row, ``(N, k)``: the tie rule `torch-topk`.

    With ties it is neither the first columns nor the order of a sort. On the CPU it partitions
    (`nth_element` of the C++ library; `partial_sort` where 64 k <= K), and that decides by the
    position of a candidate, by K and by k, but neither by the batch nor by the threads:

    - of 20 equal scores the best is column 12, while `argmax` says 0; the best five are 11 to 15,
      and the best ten are another call with another choice;
    - so a candidate can be among the best 5 of `topk(5)` and not among the first 5 of `topk(10)`;
    - with 64 candidates or more the best of equal scores is column 0, for k = 1.

    A method whose scores tie gets what these positions hold, from 0 to 100 %. Our own rule,
    `expected`, takes the mean over all orders.
    """
    return torch.from_numpy(scores).topk(k, dim=1).indices.numpy()
