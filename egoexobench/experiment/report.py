"""From what a run did to the record of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from egoexobench.captioning.stats import Written
from egoexobench.data.subset import hash_clip_ids
from egoexobench.evaluation.references import chance
from egoexobench.experiment import build
from egoexobench.experiment.build import Kit
from egoexobench.experiment.config import Request
from egoexobench.experiment.embed import CRITERION
from egoexobench.experiment.scoring import Scored
from egoexobench.method import ROLES, settings
from egoexobench.protocols import Dataset
from egoexobench.records.convert import to_record_ranks, to_record_score, track_to_dict
from egoexobench.records.environment import collect_environment, harness_git_state
from egoexobench.records.schema import (
    CaptionCounts,
    CheckpointSelection,
    ClipCounts,
    Coverage,
    DatasetRecord,
    DeclaredInputs,
    DistributionRecord,
    MethodRecord,
    PartRecord,
    QueryRank,
    Record,
    ReferenceScores,
    ScoreRecord,
)
from egoexobench.records.shortcut_report import ShortcutReport
from egoexobench.records.store import make_record_id
from egoexobench.registry import Distribution, Registry
from egoexobench.spec import Spec
from egoexobench.training.loop import BestEpoch
from egoexobench.types import SPLITS

if TYPE_CHECKING:
    from egoexobench.experiment.prepare import Ready


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run did, but for its scores."""

    request: Request
    registry: Registry
    found: Ready
    rows: ShortcutReport | None
    """Of shortcuts on the data set, where its clips were used whole."""
    created: datetime
    seconds: Mapping[str, float]


def report(facts: Facts, scored: Scored) -> tuple[Record, list[QueryRank]]:
    """Return the record of a run and the rank of every query."""
    request, found = facts.request, facts.found
    kit = found.kit
    recipe = recipe_of(request, facts.registry, kit)
    data = data_of(request.dataset, facts.registry, found.dataset)
    other, compute = request.train_on, found.model.compute
    distributions = {bound.part.distribution for bound in kit.bound.values()}
    plugins = {_distribution(item) for item in distributions} | {
        data.distribution,
        recipe.distribution,
    }
    record = Record(
        id=make_record_id(facts.created, request.seed, recipe.fingerprint, data.fingerprint),
        created=facts.created,
        command=request.command,
        status="complete",
        method=recipe,
        seed=request.seed,
        dataset=data,
        trained_on=data_of(other, facts.registry, found.taught) if other and found.taught else None,
        checkpoint_selection=_choice(found.chosen),
        counts=_counts(facts, scored),
        captions=_captions(found.gathered.written),
        coverage=_coverage(found),
        scores=tuple(to_record_score(entry.track, entry.score) for entry in scored.entries),
        references=(
            ReferenceScores(
                name="chance",
                scores=tuple(to_record_score(e.track, chance(e.score)) for e in scored.entries),
            ),
            ReferenceScores(
                name="oracle",
                scores=tuple(to_record_score(e.track, e.oracle) for e in scored.entries),
            ),
            *_shortcuts(facts.rows, scored),
        ),
        environment=collect_environment(
            (one for one in plugins if one), device=compute.device, precision=compute.precision
        ),
        git=harness_git_state(),
        seconds=dict(facts.seconds),
    )
    return record, [
        rank for entry in scored.entries for rank in to_record_ranks(entry.track, entry.score)
    ]


def recipe_of(request: Request, registry: Registry, kit: Kit) -> MethodRecord:
    """Return the method that was asked for, with every part and option."""
    method = kit.method
    part = registry.resolve("method", request.method)[0]
    roles = set(ROLES) | {"name", "scale"}
    sources = build.declared(kit)
    return MethodRecord(
        name=part.name,
        spec=str(request.method),
        overrides=dict(request.settings),
        scale=method.scale,
        parts=tuple(
            PartRecord(
                role=role,
                kind=bound.part.kind,
                name=bound.part.name,
                options=_options(bound.options),
                distribution=_distribution(bound.part.distribution),
            )
            for role, bound in kit.bound.items()
        ),
        hyperparameters={
            name: value for name, value in settings(method).items() if name not in roles
        },
        declared_inputs=DeclaredInputs(video=sources["video"], text=sources["text"]),
        fingerprint=kit.recipe,
        distribution=_distribution(part.distribution),
    )


def data_of(spec: Spec, registry: Registry, dataset: Dataset) -> DatasetRecord:
    """Return the data set that was asked for."""
    part, options = registry.resolve("dataset", spec)
    return DatasetRecord(
        name=part.name,
        spec=str(spec),
        options=_options(options),
        fingerprint=dataset.fingerprint,
        distribution=_distribution(part.distribution),
    )


def _counts(facts: Facts, scored: Scored) -> ClipCounts:
    gathered, dataset = facts.found.gathered, facts.found.dataset
    return ClipCounts(
        num_clips={split: len(dataset.clips(split)) for split in SPLITS},
        num_pairs={split: len(dataset.pairs(split)) for split in SPLITS},
        num_queries={entry.track.task: entry.score.n for entry in scored.entries},
        num_silent=gathered.states.get("silent", 0),
        num_without_track=gathered.states.get("no_track", 0),
        num_failed=len(gathered.covered.gone),
        num_skipped=gathered.skipped,
        missing_audio=facts.request.missing_audio,
    )


def _shortcuts(rows: ShortcutReport | None, scored: Scored) -> Iterator[ReferenceScores]:
    """Shortcuts on the tracks that were scored, under the fingerprints that these have."""
    tracks = {(e.track.task, e.track.policy, e.track.content): e.track for e in scored.entries}
    found: dict[str, list[ScoreRecord]] = {}
    for row in rows.rows if rows else ():
        if row.name in ("chance", "oracle"):
            continue
        for score in row.scores:
            if track := tracks.get((score.task, score.policy, str(score.track["content"]))):
                own = {
                    "track": track_to_dict(track),
                    "track_fingerprint": track.fingerprint,
                    "by_subset": {},
                }
                found.setdefault(row.name, []).append(score.model_copy(update=own))
    for name, scores in found.items():
        yield ReferenceScores.model_validate({"name": name, "scores": tuple(scores)})


def _captions(written: Written | None) -> CaptionCounts | None:
    if written is None:
        return None
    found = written.report
    return CaptionCounts(
        num_narrations=found.narrations,
        num_retried=found.retried,
        num_refused=dict(found.refused),
        num_truncated=found.cut,
        num_unrefined=found.unrefined,
        num_over_context=found.long,
        num_empty=found.empty,
        num_missing=found.missing,
        concepts=found.concepts,
        abort_reason=found.stopped,
    )


def _coverage(found: Ready) -> Coverage | None:
    """How much was used, where that is less than there is."""
    covered = found.gathered.covered
    if not covered.gone and not covered.rejected:
        return None
    used = {split: [clip.id for clip in covered.clips[split]] for split in SPLITS}
    return Coverage(
        num_clips=sum(len(found.dataset.clips(split)) for split in SPLITS) + covered.rejected,
        num_used=sum(len(names) for names in used.values()),
        num_rejected=covered.rejected,
        num_excluded=dict(Counter(covered.gone.values())),
        subset_hash=hash_clip_ids(used),
    )


def _choice(chosen: BestEpoch | None) -> CheckpointSelection | None:
    if chosen is None:
        return None
    return CheckpointSelection(
        split="val",
        validation_metric=CRITERION,
        epoch=chosen.epoch,
        validation_value=chosen.validation_value,
    )


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}


def _distribution(distribution: Distribution) -> DistributionRecord:
    return DistributionRecord(name=distribution.name, version=distribution.version)
