"""The whole benchmark on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path

from egoexobench.errors import UsageError
from egoexobench.evaluation.labeled_frames import NO_FRAMES
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.bundle import collect_bundle_files
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.consistency import check_consistency
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.embed import require_clips
from egoexobench.experiment.frame_scoring import choose_tasks, embed_labeled_frames
from egoexobench.experiment.notices import notify_about_scores
from egoexobench.experiment.prepare import TrainedMethod, embed_split, train_method
from egoexobench.experiment.present_shortcuts import score_present_shortcuts
from egoexobench.experiment.report import RunFacts, build_record
from egoexobench.experiment.scorer_ranker import create_ranker
from egoexobench.experiment.scorer_training import has_trainable_scorer, train_scorer
from egoexobench.experiment.scoring import TaskScorer, get_input_protocol, score_tasks
from egoexobench.experiment.shortcuts_ahead import ShortcutsAhead, describe_shortcut_data
from egoexobench.experiment.tracked_run import track_run
from egoexobench.files import check_writable
from egoexobench.layers import hash_layers
from egoexobench.libraries import find_versions
from egoexobench.process_group import open_process_group
from egoexobench.progress import NullProgress
from egoexobench.records.bundle import write_bundle
from egoexobench.records.check_facts import is_printable_name
from egoexobench.records.convert import to_record_ranks
from egoexobench.records.schema import Record
from egoexobench.records.shortcut_report import ShortcutScores
from egoexobench.records.store import read_record
from egoexobench.results.run_result import RunResult, SkippedTask
from egoexobench.shortcuts.run import score_shortcuts
from egoexobench.types import FRAME_TASKS, RECOGNITION_TASKS, SPLITS, Task


def run_experiment(config: RunConfig, context: RunContext) -> RunResult:
    """Train a method on a data set, score it on every task of the configuration and record it.

    Trackers of the context show the run; a tracker that fails changes nothing. Processes that
    torchrun, accelerate launch or srun started train together (`egoexobench.process_group`); the
    first one scores, writes the record and shows the run, and all return the same result.

    Raises:
        UsageError: for a name or an option that is not valid, or if none of the tasks can be
            scored.
        DataError: for a file, a row or a clip that cannot be used.
    """
    with open_process_group(config.device.device) as group:
        if group.size > 1:
            group.require_equal(_list_options(config))
        context = replace(context, group=group)
        if not group.is_first:
            train_method(config, replace(context, progress=NullProgress()))
            nothing: tuple[str, str, list[tuple[Task, str]]] = ("", "", [])
            content, path, skipped = group.get_first_value(nothing)
            tasks = tuple(SkippedTask(*task) for task in skipped)
            # the file may be in a folder that this machine does not have
            return RunResult(Record.model_validate_json(content), Path(path), tasks)
        _check_names(config)
        check_writable(config.out, is_folder=True)
        with track_run(config, context) as tracked, ShortcutsAhead(config.tasks) as ahead:
            result = _train_and_score(config, tracked.context, ahead)
            tracked.record = result.record
        skipped = [astuple(task) for task in result.skipped_tasks]
        group.get_first_value((result.record.model_dump_json(), str(result.path), skipped))
    return result


def _list_options(config: RunConfig) -> dict[str, str]:
    """Return the text of each option, and what else must be the same in all processes."""
    fields = {name: getattr(config, name) for name in config.__dataclass_fields__}
    fields |= {name: getattr(config.device, name) for name in config.device.__dataclass_fields__}
    fields |= {"code": hash_layers(up_to="experiment"), "torch": find_versions(["torch"])}
    fields.pop("command")
    return {name: repr(value) for name, value in fields.items()}


def _train_and_score(config: RunConfig, context: RunContext, ahead: ShortcutsAhead) -> RunResult:
    created, timer = datetime.now(UTC), context.timer
    trained = train_method(config, context, before_training=ahead.start)
    scored = trained.scored
    config = replace(config, tasks=choose_tasks(config.tasks, scored.dataset))
    require_clips(scored.inputs, (TEST_SPLIT,))
    has_frames = not set(FRAME_TASKS).isdisjoint(config.tasks)
    with timer.stage("embed"):
        # Only the linear layer of recognition reads the other splits.
        has_recognition = not set(RECOGNITION_TASKS).isdisjoint(config.tasks)
        embeddings = embed_split(trained, SPLITS if has_recognition else (TEST_SPLIT,))
        frames = embed_labeled_frames(trained) if has_frames else NO_FRAMES
    with timer.stage("check"):
        consistency = check_consistency(trained, embeddings, TEST_SPLIT)
    if has_trainable_scorer(trained.parts):
        with timer.stage("train scorer"):
            trained = train_scorer(trained, context.progress)
    with timer.stage("evaluate"):
        protocol = get_input_protocol(trained.parts)
        scorer = TaskScorer(
            dataset=scored.dataset,
            name=scored.record.name,
            ranker=create_ranker(trained, embeddings, num_top=config.keep_top),
            protocol=protocol,
            seed=trained.parts.seed,
            frames=frames,
        )
        scoring = score_tasks(scorer, config.tasks, context.progress)
    notify_about_scores(scoring, config.tasks, scored.dataset, scored.record.name)
    with timer.stage("sanity"):
        tasks = {item.track.task for item in scoring.tracks}
        scored_tasks = [task for task in config.tasks if task in tasks]
        ahead.wait()
        shortcuts = _score_shortcuts(trained, scored_tasks, context)
    facts = RunFacts(
        created=created,
        config=config,
        seconds=timer.seconds,
        consistency=consistency,
        group=context.group,
    )
    record = build_record(trained, scoring, shortcuts, facts)
    ranks = [rank for item in scoring.tracks for rank in to_record_ranks(item.track, item.score)]
    stored = embeddings if config.keep_embeddings else None
    files = collect_bundle_files(scored.dataset, scoring, stored)
    path = write_bundle(record, ranks, files, config.out)
    return RunResult(read_record(path), path, scoring.skipped)


def _score_shortcuts(
    trained: TrainedMethod, tasks: Sequence[Task], context: RunContext
) -> list[ShortcutScores]:
    """Score the shortcuts of all clips; a method that reads no media needs none for them either."""
    data = describe_shortcut_data(trained.scored)
    if trained.parts.reads_media:
        return score_shortcuts(data, tasks, context.progress)
    return score_present_shortcuts(data, trained.scored.inputs.selected, tasks, context)


def _check_names(config: RunConfig) -> None:
    """Check that the record can name what is run; nobody could read such a record again."""
    specs = map(str, filter(None, (config.method, config.dataset, config.train_on)))
    for text in (*specs, *config.overrides.values()):
        if not is_printable_name(text):
            raise UsageError(f"{text!a} has letters that cannot be seen; rename the file or folder")
