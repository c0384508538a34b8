"""From what a run did to the record of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from egoexobench.evaluate.sanity import chance
from egoexobench.evaluate.score import Score as Scoring
from egoexobench.evaluate.tasks import METRICS
from egoexobench.evaluate.tracks import Track
from egoexobench.interfaces import Dataset
from egoexobench.method import ROLES, evidence, settings
from egoexobench.record.environment import environment, revision
from egoexobench.record.files import identity
from egoexobench.record.schema import (
    Choice,
    Counts,
    Data,
    Distribution,
    Metric,
    Part,
    Rank,
    Recipe,
    Record,
    Sanity,
    Score,
    Share,
    Sources,
)
from egoexobench.registry import Owner, Registry
from egoexobench.run.embed import CRITERION
from egoexobench.run.gather import Gathered
from egoexobench.run.parts import Kit
from egoexobench.run.request import Request
from egoexobench.run.score import Entry, Scored
from egoexobench.train.loop import Chosen
from egoexobench.values import SPLITS


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run did, but for its scores."""

    request: Request
    registry: Registry
    kit: Kit
    dataset: Dataset
    gathered: Gathered
    chosen: Chosen | None
    created: datetime
    seconds: Mapping[str, float]


def report(facts: Facts, scored: Scored) -> tuple[Record, list[Rank]]:
    """Return the record of a run and the rank of every query."""
    request, kit = facts.request, facts.kit
    recipe = recipe_of(request, facts.registry, kit)
    data = data_of(request.dataset, facts.registry, facts.dataset)
    owners = {bound.part.owner for bound in kit.bound.values()}
    plugins = {_distribution(owner) for owner in owners} | {data.distribution, recipe.distribution}
    record = Record(
        id=identity(facts.created, request.seed, recipe.fingerprint, data.fingerprint),
        created=facts.created,
        command=request.command,
        status="complete",
        method=recipe,
        seed=request.seed,
        dataset=data,
        chosen_on=_choice(facts.chosen),
        counts=_counts(facts, scored),
        scores=tuple(score_of(entry.track, entry.score) for entry in scored.entries),
        sanity=(
            Sanity(
                name="chance",
                scores=tuple(score_of(e.track, chance(e.score)) for e in scored.entries),
            ),
            Sanity(
                name="oracle", scores=tuple(score_of(e.track, e.oracle) for e in scored.entries)
            ),
        ),
        environment=environment(one for one in plugins if one),
        git=revision(),
        seconds=dict(facts.seconds),
    )
    return record, [rank for entry in scored.entries for rank in _ranks(entry)]


def recipe_of(request: Request, registry: Registry, kit: Kit) -> Recipe:
    """Return the method that was asked for, with every part and option."""
    method = kit.method
    part = registry.bind("method", request.method)[0]
    roles = set(ROLES) | {"name", "scale"}
    sources = evidence(method)
    return Recipe(
        name=part.name,
        spec=request.method,
        overrides=dict(request.settings),
        scale=method.scale,
        parts=tuple(
            Part(
                role=role,
                kind=bound.part.kind,
                name=bound.part.name,
                options=_options(bound.options),
                distribution=_distribution(bound.part.owner),
            )
            for role, bound in kit.bound.items()
        ),
        hyper={name: value for name, value in settings(method).items() if name not in roles},
        evidence=Sources(video=sources["video"], text=sources["text"]),
        fingerprint=kit.recipe,
        distribution=_distribution(part.owner),
    )


def data_of(spec: str, registry: Registry, dataset: Dataset) -> Data:
    """Return the data set that was asked for."""
    part, options = registry.bind("dataset", spec)
    return Data(
        name=part.name,
        spec=spec,
        options=_options(options),
        fingerprint=dataset.fingerprint,
        distribution=_distribution(part.owner),
    )


def _counts(facts: Facts, scored: Scored) -> Counts:
    gathered = facts.gathered
    return Counts(
        clips={split: len(facts.dataset.clips(split)) for split in SPLITS},
        pairs={split: len(facts.dataset.pairs(split)) for split in SPLITS},
        queries={entry.track.task: entry.score.n for entry in scored.entries},
        silent=gathered.states.get("silent", 0),
        without_track=gathered.states.get("no track", 0),
        failed=0,  # a clip that does not decode stops the run
        dropped=gathered.skipped,
        missing_audio=facts.request.missing_audio,
    )


def _choice(chosen: Chosen | None) -> Choice | None:
    if chosen is None:
        return None
    return Choice(split="val", criterion=CRITERION, epoch=chosen.epoch, value=chosen.value)


def score_of(track: Track, score: Scoring) -> Score:
    """Return a score as a record holds it."""
    return Score(
        task=track.task,
        policy=track.policy,
        split=track.split,
        track=_told(track),
        track_fingerprint=track.fingerprint,
        tie_rule=track.ties,
        n=score.n,
        clusters=score.clusters,
        candidates=score.candidates,
        dropped=score.dropped,
        missing=score.missing,
        metrics=_metrics(score),
        parts=tuple(
            Share(
                name=name,
                n=part.n,
                clusters=part.clusters,
                candidates=part.candidates,
                dropped=part.dropped,
                missing=part.missing,
                metrics=_metrics(part),
            )
            for name, part in score.parts.items()
        ),
    )


def _metrics(score: Scoring) -> tuple[Metric, ...]:
    return tuple(
        Metric(
            name=name,
            value=metric.value,
            low=metric.low,
            high=metric.high,
            chance=metric.chance,
            majority=metric.majority,
            unit=METRICS[name].unit,
        )
        for name, metric in score.metrics.items()
    )


def _ranks(entry: Entry) -> list[Rank]:
    track = entry.track
    return [Rank(task=track.task, policy=track.policy, **asdict(row)) for row in entry.score.rows]


def _told(track: Track) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(track.text)
    return told


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in options.items()}


def _distribution(owner: Owner) -> Distribution:
    return Distribution(name=owner.distribution, version=owner.version)
