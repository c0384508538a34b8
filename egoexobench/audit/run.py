"""Measures what a method reads: each modality is exchanged between clips."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from egoexobench.audit.batches import check_batches
from egoexobench.audit.data_access import list_media_paths, list_opened_files, watch_parts
from egoexobench.audit.fresh_data import check_fresh_data
from egoexobench.audit.hit_rates import SwappedSplit, measure_hit_rates
from egoexobench.audit.invariance import check_invariances
from egoexobench.audit.joint_swap import encode_swapped
from egoexobench.audit.modality_swap import (
    BANKS_BY_MODALITY,
    ROUNDING_TOLERANCE,
    SwapResult,
    list_banks,
    measure_shift,
    swap_modality,
)
from egoexobench.audit.patched_code import find_patched_code
from egoexobench.audit.recorded_embeddings import compare_recorded_embeddings
from egoexobench.errors import UsageError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.embed import (
    EMBEDDING_SIDES,
    embed_inputs,
)
from egoexobench.experiment.inputs import PreparedInputs
from egoexobench.experiment.prepare import TrainedMethod, embed_split, train_method
from egoexobench.experiment.scorer_ranker import collect_tokens, create_comparison
from egoexobench.experiment.scorer_training import train_scorer
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.records.audit import (
    FAILING_VERDICTS,
    Audit,
    EmbeddingShift,
    HitRateShift,
    ModalitySwap,
    SwapVerdict,
)
from egoexobench.types import Evidence

WEAK_RATIO = 0.01
"""An input is weak if its shift is below this share of the largest shift."""


def audit_method(config: RunConfig, context: RunContext, record: Path | None = None) -> Audit:
    """Train a method, or load its weights, and measure what its embeddings depend on.

    Args:
        config: the method and the data set.
        context: creates the parts and shows the stages.
        record: of the same run; its embeddings must be those of the audit.

    Raises:
        UsageError: for a name or an option that is not valid.
        DataError: for a file, a row or a clip that cannot be used.
    """
    trained = train_method(config, context)
    if claims := trained.parts.claims:
        raise UsageError(
            f"the features of {' and '.join(claims)} were made elsewhere, so that no audit can say "
            "what they were computed from; audit the method with the encoder that made them"
        )
    trained = train_scorer(trained, context.progress)
    before = embed_split(trained, (TEST_SPLIT,))
    comparison = create_comparison(trained.parts)
    inputs = trained.scored.inputs
    tokens = comparison and collect_tokens(trained.model, trained.parts, inputs, TEST_SPLIT)
    scored = SwappedSplit(before, tokens, comparison)
    swaps: list[ModalitySwap] = []
    shifts: list[HitRateShift] = []
    with context.progress.stage("swap", len(BANKS_BY_MODALITY)) as advance:
        for modality in get_args(Evidence):
            result = swap_modality(
                inputs,
                modality,
                TEST_SPLIT,
                trained.parts.seed,
                encode_joint=partial(encode_swapped, trained),
            )
            after = embed_inputs(trained.model, trained.parts, result.inputs, (TEST_SPLIT,))
            tokens = comparison and collect_tokens(
                trained.model, trained.parts, result.inputs, TEST_SPLIT
            )
            swapped = SwappedSplit(after, tokens, comparison)
            measured = _measure_swap(trained, modality, result, before=scored, after=swapped)
            swaps += measured
            if any(swap.shift.num_moved for swap in measured):
                shifts += measure_hit_rates(
                    trained.scored.dataset,
                    modality,
                    scored,
                    swapped,
                    similarity=trained.parts.method.similarity,
                )
            advance(1)
    swaps = _mark_weak(swaps)
    files = _list_dataset_files(config, context, trained)
    with watch_parts(trained.scored.dataset, files) as watch:
        checks = check_invariances(trained, _find_reference_shift(swaps), context.progress)
    batches = check_batches(trained, before, context.progress)
    fresh = check_fresh_data(trained, before, context.progress)
    recorded = compare_recorded_embeddings(record, before) if record else ()
    verdicts: set[str] = {swap.verdict for swap in swaps}
    verdicts |= {check.verdict for check in checks} | {check.verdict for check in fresh}
    verdicts |= {check.verdict for check in batches} | {check.verdict for check in recorded}
    accesses, patched = sorted(watch.accesses), find_patched_code()
    return Audit(
        method=trained.record,
        dataset=trained.scored.record,
        seed=trained.parts.seed,
        swaps=tuple(swaps),
        shifts=tuple(shifts),
        invariances=tuple(checks),
        batches=tuple(batches),
        fresh_data=tuple(fresh),
        recorded=recorded,
        accesses=tuple(accesses),
        patched=tuple(patched),
        passed=FAILING_VERDICTS.isdisjoint(verdicts) and not accesses and not patched,
    )


def _list_dataset_files(
    config: RunConfig, context: RunContext, trained: TrainedMethod
) -> frozenset[str]:
    """The annotation files of a data set, its media files and their folders."""

    def read_annotation() -> None:
        context.registry.create("dataset", config.dataset).clips(TEST_SPLIT)

    media = [clip.media for clip in trained.scored.inputs.usable.all_clips]
    return list_opened_files(read_annotation) | list_media_paths(media)


def _measure_swap(
    trained: TrainedMethod,
    modality: Evidence,
    result: SwapResult,
    *,
    before: SwappedSplit,
    after: SwappedSplit,
) -> list[ModalitySwap]:
    """The shift of the embeddings of each side by the swap of one modality.

    Of a method with a scorer, the mean of the tokens that it reads counts as a part of them.
    """
    swaps = []
    for side in EMBEDDING_SIDES:
        left, right = before.get_side(side), after.get_side(side)
        if left is None or right is None:
            continue
        shift = measure_shift(left, right)
        is_declared = modality in trained.parts.declared_inputs[side]
        is_identical = is_declared and _has_identical_inputs(
            trained.scored.inputs, modality, result.changed_ids
        )
        swaps.append(
            ModalitySwap(
                embedding=side,
                modality=modality,
                declared=is_declared,
                num_changed=len(result.changed_ids),
                shift=shift,
                verdict=_get_verdict(shift, is_declared=is_declared, is_identical=is_identical),
            )
        )
    return swaps


def _get_verdict(shift: EmbeddingShift, *, is_declared: bool, is_identical: bool) -> SwapVerdict:
    if not is_declared:
        return "leak" if shift.num_moved else "unused"
    if shift.max > ROUNDING_TOLERANCE:
        return "used"
    return "indistinguishable" if is_identical else "ignored"


def _mark_weak(swaps: Sequence[ModalitySwap]) -> list[ModalitySwap]:
    """Mark the inputs that move embeddings much less than another input does."""
    largest = {
        side: max((s.shift.median for s in swaps if s.embedding == side), default=0.0)
        for side in EMBEDDING_SIDES
    }
    return [
        swap.model_copy(update={"verdict": "weak"})
        if swap.verdict == "used" and swap.shift.median < WEAK_RATIO * largest[swap.embedding]
        else swap
        for swap in swaps
    ]


def _has_identical_inputs(
    inputs: PreparedInputs, modality: Evidence, changed_ids: frozenset[str]
) -> bool:
    """Whether all clips have the same input, so that a swap shows nothing.

    Two recordings are never equal: if their tokens are, the encoder ignores them. Sound captions
    are not stored as text, so equal tokens of them count as equal captions.
    """
    match modality:
        case "narration":
            return len({pair.narration for pair in inputs.pairs[TEST_SPLIT]}) < 2
        case "sound_caption":
            return not changed_ids
    features, clips = inputs.features, inputs.clips[TEST_SPLIT]
    if features.joint is not None:
        without_sound = features.without_sound if modality == "audio" else {}
        return all(clip.id in without_sound for clip in clips)
    banks: list[FeatureBank] = [getattr(features, name) for name in list_banks(features, modality)]
    return not any(bank.has(clip.id) for bank in banks for clip in clips if clip.id in bank.index)


def _find_reference_shift(swaps: Sequence[ModalitySwap]) -> float:
    """The median distance by which another video or audio moves a video embedding."""
    return max(
        swap.shift.median
        for swap in swaps
        if swap.embedding == "video" and swap.modality in ("video", "audio")
    )
