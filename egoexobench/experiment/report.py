"""Builds the record of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from torch import nn

from egoexobench.captioning.stats import CaptionSet
from egoexobench.data.audio_tracks import count_without_audio_track
from egoexobench.data.subset import hash_clip_ids
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.inputs import PreparedDataset, PreparedInputs
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.experiment.reference_scores import list_reference_scores
from egoexobench.experiment.scoring import ScoringResult
from egoexobench.experiment.validation import choose_validation
from egoexobench.experiment.value_choice import ValueChoice
from egoexobench.features.encoder_state import hash_state_dict
from egoexobench.method import (
    SCORER_VALIDATION_METRIC,
    TEXT_SCORER_VALIDATION_METRIC,
    VALIDATION_METRIC,
)
from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.protocols import TextScorer
from egoexobench.records.convert import to_record_score
from egoexobench.records.describe import describe_distribution
from egoexobench.records.environment import collect_environment, read_own_git_state
from egoexobench.records.schema import (
    CandidateValue,
    CaptionCounts,
    CheckpointSelection,
    ClipCounts,
    Consistency,
    Coverage,
    DistributionRecord,
    EpochRecord,
    Record,
    RunSettings,
    ScorerTrainingRecord,
    ValueSelection,
)
from egoexobench.records.shortcut_report import ShortcutScores
from egoexobench.records.store import make_record_id
from egoexobench.training.training_task import BestEpoch
from egoexobench.types import SPLITS

READ_STATES = ("audible", "silent", "no_track")
"""States of a clip whose audio track was looked for when it was encoded."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """When and how a run was started, and how long its stages took."""

    created: datetime
    config: RunConfig
    seconds: Mapping[str, float]
    """By stage."""
    consistency: Consistency
    """Result of the check that every run makes."""
    group: ProcessGroup = SINGLE
    """The processes that trained together."""


def build_record(
    trained: TrainedMethod,
    scoring: ScoringResult,
    shortcuts: Sequence[ShortcutScores],
    facts: RunFacts,
) -> Record:
    """Return the record of a run.

    Args:
        trained: the method and its data.
        scoring: the result on every track.
        shortcuts: scores that need no method, on the same data set.
        facts: when and how the run was started.
    """
    parts, scored, method = trained.parts, trained.scored, trained.record
    return Record(
        id=make_record_id(facts.created, parts.seed, method.fingerprint, scored.record.fingerprint),
        created=facts.created,
        command=facts.config.command,
        status="complete",
        method=method,
        seed=parts.seed,
        dataset=scored.record,
        trained_on=None if trained.trained_on is scored else trained.trained_on.record,
        checkpoint_selection=_describe_best_epoch(
            trained.best_epoch, choose_validation(parts, trained.trained_on).name
        ),
        value_selection=_describe_value(trained.value_choice),
        epochs=_list_epochs(trained.best_epoch),
        scorer_training=_describe_scorer_training(trained),
        counts=_count_data(scored, scoring),
        captions=_count_captions(scored.inputs.captions),
        overlap=trained.overlap,
        coverage=_measure_coverage(scored),
        scores=tuple(to_record_score(result.track, result.score) for result in scoring.tracks),
        references=list_reference_scores(scoring.tracks, shortcuts),
        settings=describe_settings(facts.config),
        consistency=facts.consistency,
        environment=collect_environment(
            _list_distributions(trained),
            device=parts.device.device,
            precision=parts.device.precision,
            group=facts.group,
        ),
        git=read_own_git_state(),
        seconds=dict(facts.seconds),
    )


def describe_settings(config: RunConfig) -> RunSettings:
    """Return the options of a run that no other field of its record holds."""
    return RunSettings(
        tasks=config.tasks,
        allow_missing=config.allow_missing,
        allow_overlap=config.allow_overlap,
        subset=None if config.subset is None else str(config.subset),
        device=config.device.device,
        compile=config.device.compile,
        micro_batch=config.device.micro_batch,
    )


def _list_distributions(trained: TrainedMethod) -> list[DistributionRecord]:
    parts = trained.parts.resolved.parts.values()
    distributions = {describe_distribution(item.part.distribution) for item in parts}
    for distribution in (trained.scored.record.distribution, trained.record.distribution):
        if distribution is not None:
            distributions.add(distribution)
    return list(distributions)


def _describe_best_epoch(best_epoch: BestEpoch | None, metric: str) -> CheckpointSelection | None:
    if best_epoch is None:
        return None
    return CheckpointSelection(
        split="val",
        validation_metric=metric,
        epoch=best_epoch.epoch,
        validation_value=best_epoch.validation_value,
    )


def _describe_scorer_training(trained: TrainedMethod) -> ScorerTrainingRecord | None:
    scorer = trained.parts.scorer
    reads_texts = isinstance(scorer, TextScorer)
    metric = TEXT_SCORER_VALIDATION_METRIC if reads_texts else SCORER_VALIDATION_METRIC
    selection = _describe_best_epoch(trained.scorer_epoch, metric)
    if selection is None or not isinstance(scorer, nn.Module):
        return None
    return ScorerTrainingRecord(
        num_weights=sum(weight.numel() for weight in scorer.parameters()),
        weights_hash=hash_state_dict(scorer),
        checkpoint_selection=selection,
        epochs=_list_epochs(trained.scorer_epoch),
    )


def _describe_value(choice: ValueChoice | None) -> ValueSelection | None:
    if choice is None:
        return None
    return ValueSelection(
        roles=choice.roles,
        split="val",
        validation_metric=VALIDATION_METRIC,
        value=choice.value,
        candidates=tuple(
            CandidateValue(value=value, validation_value=score)
            for value, score in choice.validation_values.items()
        ),
    )


def _list_epochs(best_epoch: BestEpoch | None) -> tuple[EpochRecord, ...]:
    history = best_epoch.history if best_epoch else ()
    return tuple(
        EpochRecord(loss=epoch.loss, validation_value=epoch.validation_value) for epoch in history
    )


def _count_data(scored: PreparedDataset, scoring: ScoringResult) -> ClipCounts:
    dataset, inputs = scored.dataset, scored.inputs
    return ClipCounts(
        num_clips={split: len(dataset.clips(split)) for split in SPLITS},
        num_pairs={split: len(dataset.pairs(split)) for split in SPLITS},
        num_queries=scoring.count_queries(),
        num_silent=inputs.audio_states.get("silent", 0),
        num_without_track=_count_without_track(inputs),
        num_failed=len(inputs.usable.excluded),
        num_skipped=inputs.num_skipped,
        missing_audio=inputs.missing_audio,
        num_unfair=dict(Counter(query.reason for query in scoring.unfair)),
    )


def _count_without_track(inputs: PreparedInputs) -> int:
    """Count clips without an audio track, whether the method listens or not."""
    sound = inputs.features.sound
    states = dict(zip(sound.index, sound.states, strict=True)) if sound else {}
    unread = [clip for clip in inputs.usable.all_clips if states.get(clip.id) not in READ_STATES]
    return inputs.audio_states.get("no_track", 0) + count_without_audio_track(unread)


def _count_captions(captions: CaptionSet | None) -> CaptionCounts | None:
    if captions is None:
        return None
    stats = captions.stats
    return CaptionCounts(
        num_narrations=stats.num_narrations,
        num_retried=stats.num_retried,
        num_refused=dict(stats.refusals),
        num_truncated=stats.num_truncated,
        num_unrefined=stats.num_unrefined,
        num_over_context=stats.num_over_context,
        num_empty=stats.num_empty,
        num_missing=stats.num_missing,
        concepts=stats.concepts,
        abort_reason=stats.abort_reason,
        num_without_speech=stats.num_without_speech,
    )


def _measure_coverage(scored: PreparedDataset) -> Coverage | None:
    """The share of the data set that was used; None if all of it was used."""
    usable = scored.inputs.usable
    if not usable.excluded and not usable.num_rejected:
        return None
    used = {split: [clip.id for clip in usable.clips[split]] for split in SPLITS}
    num_clips = sum(len(scored.dataset.clips(split)) for split in SPLITS)
    return Coverage(
        num_clips=num_clips + usable.num_rejected,
        num_used=sum(len(ids) for ids in used.values()),
        num_rejected=usable.num_rejected,
        num_excluded=dict(Counter(usable.excluded.values())),
        subset_hash=hash_clip_ids(used),
    )
