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
from egoexobench.experiment.scores import ranks_of, score_of, told
from egoexobench.experiment.scoring import Scored
from egoexobench.method import ROLES, settings
from egoexobench.protocols import Dataset
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
        chosen_on=_choice(found.chosen),
        counts=_counts(facts, scored),
        captions=_captions(found.gathered.written),
        coverage=_coverage(found),
        scores=tuple(score_of(entry.track, entry.score) for entry in scored.entries),
        sanity=(
            ReferenceScores(
                name="chance",
                scores=tuple(score_of(e.track, chance(e.score)) for e in scored.entries),
            ),
            ReferenceScores(
                name="oracle", scores=tuple(score_of(e.track, e.oracle) for e in scored.entries)
            ),
            *_shortcuts(facts.rows, scored),
        ),
        environment=collect_environment(
            (one for one in plugins if one), device=compute.device, precision=compute.precision
        ),
        git=harness_git_state(),
        seconds=dict(facts.seconds),
    )
    return record, [rank for entry in scored.entries for rank in ranks_of(entry)]


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
        hyper={name: value for name, value in settings(method).items() if name not in roles},
        evidence=DeclaredInputs(video=sources["video"], text=sources["text"]),
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
        clips={split: len(dataset.clips(split)) for split in SPLITS},
        pairs={split: len(dataset.pairs(split)) for split in SPLITS},
        queries={entry.track.task: entry.score.n for entry in scored.entries},
        silent=gathered.states.get("silent", 0),
        without_track=gathered.states.get("no_track", 0),
        failed=len(gathered.covered.gone),
        dropped=gathered.skipped,
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
                own = {"track": told(track), "track_fingerprint": track.fingerprint, "parts": ()}
                found.setdefault(row.name, []).append(score.model_copy(update=own))
    for name, scores in found.items():
        yield ReferenceScores.model_validate({"name": name, "scores": tuple(scores)})


def _captions(written: Written | None) -> CaptionCounts | None:
    if written is None:
        return None
    found = written.report
    return CaptionCounts(
        narrations=found.narrations,
        retried=found.retried,
        refused=dict(found.refused),
        cut=found.cut,
        unrefined=found.unrefined,
        long=found.long,
        empty=found.empty,
        missing=found.missing,
        concepts=found.concepts,
        stopped=found.stopped,
    )


def _coverage(found: Ready) -> Coverage | None:
    """How much was used, where that is less than there is."""
    covered = found.gathered.covered
    if not covered.gone and not covered.rejected:
        return None
    used = {split: [clip.id for clip in covered.clips[split]] for split in SPLITS}
    return Coverage(
        clips=sum(len(found.dataset.clips(split)) for split in SPLITS) + covered.rejected,
        used=sum(len(names) for names in used.values()),
        rejected=covered.rejected,
        reasons=dict(Counter(covered.gone.values())),
        certificate=hash_clip_ids(used),
    )


def _choice(chosen: BestEpoch | None) -> CheckpointSelection | None:
    if chosen is None:
        return None
    return CheckpointSelection(
        split="val", criterion=CRITERION, epoch=chosen.epoch, value=chosen.validation_value
    )


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}


def _distribution(distribution: Distribution) -> DistributionRecord:
    return DistributionRecord(name=distribution.name, version=distribution.version)
