"""What a method really reads: each modality is exchanged between clips, and what moves is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import torch

from egoexobench.audit.invariance import doors
from egoexobench.audit.modality_swap import BANKS, ROUNDING, exchanged, movement
from egoexobench.evaluation import metrics
from egoexobench.evaluation.retrieval import complete, rank
from egoexobench.evaluation.tracks import questions
from egoexobench.experiment import build
from egoexobench.experiment.clock import Clock
from egoexobench.experiment.config import Request
from egoexobench.experiment.embed import SIDES, Embedded, embed
from egoexobench.experiment.prepare import Ready, ready
from egoexobench.experiment.report import data_of, recipe_of
from egoexobench.experiment.scoring import SPLIT
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.protocols import Progress
from egoexobench.records.audit import (
    FAILING_VERDICTS,
    Audit,
    EmbeddingShift,
    HitRateShift,
    ModalitySwap,
    Verdict,
)
from egoexobench.registry import Registry
from egoexobench.types import RETRIEVAL_TASKS, Embeddings, Evidence, Query

FAINT = 0.01
"""Share of the largest movement below which evidence that is used counts as faint."""


def audit(request: Request, registry: Registry, progress: Progress) -> Audit:
    """Train a method, or load it, and see what its embeddings move with.

    Raises:
        UsageError: for a name or an option that cannot work.
        DataError: for a file, a row or a clip that is not what it must be.
    """
    method = ready(request, registry, progress, Clock())
    before = method.embed((SPLIT,))
    swaps: list[ModalitySwap] = []
    shifts: list[HitRateShift] = []
    with progress.stage("swap", len(BANKS)) as advance:
        for modality in get_args(Evidence):
            found, after = _swap(method, modality, before)
            swaps += found
            if any(swap.movement.moved for swap in found):
                shifts += _shifts(method, modality, before, after)
            advance(1)
    swaps = _faint(swaps)
    found_doors = doors(method, _far(swaps), progress)
    verdicts: set[str] = {swap.verdict for swap in swaps} | {door.verdict for door in found_doors}
    return Audit(
        method=recipe_of(request, registry, method.kit),
        dataset=data_of(request.dataset, registry, method.dataset),
        seed=request.seed,
        swaps=tuple(swaps),
        shifts=tuple(shifts),
        doors=tuple(found_doors),
        passed=not FAILING_VERDICTS & verdicts,
    )


def _swap(
    method: Ready, modality: Evidence, before: Embedded
) -> tuple[list[ModalitySwap], Embedded]:
    inputs, differ = exchanged(method.gathered, modality, SPLIT, method.kit.seed)
    mixed = replace(method.gathered, inputs=inputs)
    after = embed(method.model, mixed, method.anchor, (SPLIT,))
    declared = build.declared(method.kit)
    found = []
    for side in SIDES:
        one, other = before.side(side), after.side(side)
        if one is None or other is None:
            continue
        moved, says = movement(one, other), modality in declared[side]
        found.append(
            ModalitySwap(
                embedding=side,
                modality=modality,
                declared=says,
                exchanged=len(differ),
                movement=moved,
                verdict=_verdict(says, moved, alike=says and _alike(method, modality, differ)),
            )
        )
    return found, after


def _verdict(declared: bool, moved: EmbeddingShift, *, alike: bool) -> Verdict:
    if not declared:
        return "leak" if moved.moved else "unused"
    if moved.largest > ROUNDING:
        return "used"
    return "alike" if alike else "dead"


def _faint(swaps: Sequence[ModalitySwap]) -> list[ModalitySwap]:
    """Mark what moves embeddings next to nothing, beside what moves them most."""
    most = {
        side: max((s.movement.median for s in swaps if s.embedding == side), default=0.0)
        for side in SIDES
    }
    return [
        one.model_copy(update={"verdict": "faint"})
        if one.verdict == "used" and one.movement.median < FAINT * most[one.embedding]
        else one
        for one in swaps
    ]


def _alike(method: Ready, modality: Evidence, differ: frozenset[str]) -> bool:
    """Whether no clip has other evidence than the next, so that an exchange tells nothing.

    Two recordings are never equal: where their tokens are, the encoder is dead. Sound captions
    are not kept as text, so equal tokens of theirs count as equal captions.
    """
    match modality:
        case "narration":
            return len({pair.narration for pair in method.gathered.pairs[SPLIT]}) < 2
        case "sound_caption":
            return not differ
    banks: list[FeatureBank | None] = [
        getattr(method.gathered.inputs, one) for one in BANKS[modality]
    ]
    return not any(
        bank.has(clip.id)
        for bank in banks
        if bank is not None
        for clip in method.gathered.clips[SPLIT]
        if clip.id in bank.index
    )


def _shifts(
    method: Ready, modality: Evidence, before: Embedded, after: Embedded
) -> list[HitRateShift]:
    found = []
    for task in RETRIEVAL_TASKS:
        old, new = before.sides(task), after.sides(task)
        asked = questions(method.dataset, SPLIT, task, "gallery")
        if old is None or new is None or not (kept := complete(asked, *old, "gallery")[0]):
            continue
        moves = [not torch.equal(a.vectors, b.vectors) for a, b in zip(old, new, strict=True)]
        found.append(
            HitRateShift(
                task=task,
                modality=modality,
                n=len(kept),
                before=_top(kept, *old),
                query=_top(kept, new[0], old[1]) if moves[0] else None,
                candidate=_top(kept, old[0], new[1]) if moves[1] else None,
                both=_top(kept, *new),
            )
        )
    return found


def _top(asked: Sequence[Query], source: Embeddings, target: Embeddings) -> float:
    return 100 * float(metrics.top(rank(asked, source, target), 1).mean())


def _far(swaps: Sequence[ModalitySwap]) -> float:
    """The median distance by which other pictures or sounds move video embeddings."""
    return max(
        swap.movement.median
        for swap in swaps
        if swap.embedding == "video" and swap.modality in ("video", "audio")
    )
