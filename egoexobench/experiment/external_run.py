"""Scores embeddings or answers that were made elsewhere, as a run scores those of its method."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from egoexobench import files
from egoexobench.data.audio_tracks import count_without_audio_track
from egoexobench.data.subset import hash_clip_ids
from egoexobench.errors import UsageError
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.bundle import collect_bundle_files
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.external_source import (
    Answers,
    ExternalConfig,
    describe_source,
    match_source,
)
from egoexobench.experiment.notices import notify_about_scores
from egoexobench.experiment.overlap import check_overlap
from egoexobench.experiment.present_shortcuts import score_present_shortcuts
from egoexobench.experiment.reference_scores import list_reference_scores
from egoexobench.experiment.scoring import ScoringResult, TaskScorer, score_tasks
from egoexobench.experiment.subset import UsableSubset, select_usable
from egoexobench.external import fit
from egoexobench.external.claims import check_name
from egoexobench.external.embeddings import ExternalEmbeddings
from egoexobench.features.media_hash import hash_clip_media, hash_media_files
from egoexobench.files import check_writable
from egoexobench.protocols import Dataset
from egoexobench.records.bundle import write_bundle
from egoexobench.records.check_facts import is_printable_name
from egoexobench.records.convert import to_record_ranks, to_record_score
from egoexobench.records.describe import describe_dataset
from egoexobench.records.environment import collect_environment, read_own_git_state
from egoexobench.records.schema import (
    ClipCounts,
    Coverage,
    Record,
    RunSettings,
)
from egoexobench.records.store import make_record_id, read_record
from egoexobench.results.run_result import RunResult
from egoexobench.shortcuts.data import ShortcutData
from egoexobench.types import SPLITS


def score_external(
    config: ExternalConfig, source: ExternalEmbeddings | Answers, context: RunContext
) -> RunResult:
    """Score embeddings or answers on every task of the configuration and record them.

    Args:
        config: what is claimed of them, and the data set.
        source: the embeddings, or the answers by id of their query.
        context: creates the data set and shows the stages.

    Raises:
        UsageError: for a name or an option that is not valid, or if no task can be scored.
        DataError: for ids, embeddings or answers that are not those of the data set.
    """
    _check_texts(config)
    check_writable(config.out, is_folder=True)
    created, timer = datetime.now(UTC), context.timer
    dataset: Dataset = context.registry.create("dataset", config.dataset)
    with timer.stage("prepare"):
        dataset.prepare(context.progress)
        fit.check_fingerprints(config.headers, dataset, str(config.dataset))
        subset = select_usable(
            dataset,
            config.dataset.name,
            allow_missing=config.allow_missing,
            needs_media=False,
        )
        matched = match_source(config, source, dataset, subset)
        media = {clip.media for clip in matched.subset.all_clips}
        hashes = hash_media_files(media, files.cache_dir() / "tokens", skip_failures=True).hashes
        overlap = check_overlap(matched.subset, None, hashes, allow_overlap=config.allow_overlap)
    record = describe_dataset(
        config.dataset,
        context.registry,
        dataset,
        media_hash=hash_clip_media(subset.all_clips, hashes),
    )
    with timer.stage("evaluate"):
        scorer = TaskScorer(
            dataset=dataset,
            name=record.name,
            ranker=matched.ranker,
            protocol=config.protocol,
            seed=config.seed,
        )
        scoring = score_tasks(scorer, matched.tasks, context.progress)
    # Tracks without answers were not asked: the data set may have them.
    listed_tasks = () if matched.answers else matched.tasks
    notify_about_scores(scoring, listed_tasks, dataset, record.name)
    with timer.stage("sanity"):
        tasks = {item.track.task for item in scoring.tracks}
        scored = replace(matched, tasks=tuple(task for task in matched.tasks if task in tasks))
        data = ShortcutData(dataset, record, scored.subset.clips, scored.subset.pairs)
        shortcuts = score_present_shortcuts(data, scored.subset, scored.tasks, context)
    method = describe_source(config, source)
    complete = Record(
        id=make_record_id(created, config.seed, method.fingerprint, record.fingerprint),
        created=created,
        command=config.command,
        status="complete",
        method=method,
        seed=config.seed,
        dataset=record,
        trained_on=None,
        checkpoint_selection=None,
        epochs=(),
        counts=_count_data(dataset, matched.subset, scoring),
        captions=None,
        overlap=overlap,
        coverage=_measure_coverage(dataset, matched.subset),
        scores=tuple(to_record_score(item.track, item.score) for item in scoring.tracks),
        references=list_reference_scores(scoring.tracks, shortcuts),
        settings=RunSettings(
            tasks=config.tasks,
            allow_missing=config.allow_missing,
            allow_overlap=config.allow_overlap,
            subset=None,
            device="cpu",
            compile=False,
        ),
        consistency=None,
        environment=collect_environment(
            [record.distribution] if record.distribution else [], device="cpu", precision="fp32"
        ),
        git=read_own_git_state(),
        seconds=dict(timer.seconds),
    )
    ranks = [rank for item in scoring.tracks for rank in to_record_ranks(item.track, item.score)]
    embeddings, answers = matched.embeddings, matched.answers
    stored = collect_bundle_files(
        dataset, scoring, embeddings if config.keep_embeddings else None, answers
    )
    path = write_bundle(complete, ranks, stored, config.out)
    return RunResult(read_record(path), path, (*matched.skipped, *scoring.skipped))


def _check_texts(config: ExternalConfig) -> None:
    """Check that the record can name what is scored; nobody could read such a record again."""
    check_name(config.name)
    for text in (str(config.dataset), config.authors or "", config.protocol.template):
        if not is_printable_name(text):
            raise UsageError(f"{text!a} has letters that cannot be seen")


def _count_data(dataset: Dataset, subset: UsableSubset, scoring: ScoringResult) -> ClipCounts:
    return ClipCounts(
        num_clips={split: len(dataset.clips(split)) for split in SPLITS},
        num_pairs={split: len(dataset.pairs(split)) for split in SPLITS},
        num_queries=scoring.count_queries(),
        num_silent=0,
        num_without_track=count_without_audio_track(subset.all_clips),
        num_failed=0,
        num_skipped=0,
        missing_audio="error",
        num_unfair=dict(Counter(query.reason for query in scoring.unfair)),
    )


def _measure_coverage(dataset: Dataset, subset: UsableSubset) -> Coverage | None:
    """The share of the test split that was scored; other splits need no embeddings."""
    if not subset.excluded and not subset.num_rejected:
        return None
    used = [clip.id for clip in subset.clips[TEST_SPLIT]]
    return Coverage(
        num_clips=len(dataset.clips(TEST_SPLIT)) + subset.num_rejected,
        num_used=len(used),
        num_rejected=subset.num_rejected,
        num_excluded=dict(Counter(subset.excluded.values())),
        subset_hash=hash_clip_ids({TEST_SPLIT: used}),
    )
