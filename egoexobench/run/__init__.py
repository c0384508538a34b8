"""The whole benchmark on one screen."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import final

import torch

from egoexobench import places
from egoexobench.errors import DataError
from egoexobench.fingerprint import digest
from egoexobench.fuse.model import Model
from egoexobench.interfaces import Anchor, Dataset
from egoexobench.method import override
from egoexobench.options import parse
from egoexobench.progress import Progress
from egoexobench.record.files import write
from egoexobench.record.schema import Record
from egoexobench.registry import Registry
from egoexobench.run import parts
from egoexobench.run.embed import Embedded, criterion, embed
from egoexobench.run.gather import Gathered, gather
from egoexobench.run.parts import Kit
from egoexobench.run.report import Facts, report
from egoexobench.run.request import Request
from egoexobench.run.score import SPLIT, score
from egoexobench.train import weights
from egoexobench.train.loop import Chosen, Lesson, fit
from egoexobench.values import RECOGNITION, SPLITS, Split, Task


@dataclass(frozen=True, slots=True)
class Outcome:
    """The record, where it lies, and why tasks that were asked for have no score."""

    record: Record
    path: Path
    unscored: Mapping[Task, str]


def run(request: Request, registry: Registry, progress: Progress) -> Outcome:
    """Train a method on a data set, score it on every task that was asked for, record it.

    Raises:
        UsageError: for a name or an option that cannot work, or tasks that the method or the
            data set has nothing to say to.
        DataError: for a file, a row or a clip that is not what it must be.
    """
    created, clock = datetime.now(UTC), Clock()
    found = ready(request, registry, progress, clock)
    with clock("embed"):
        # only the linear layer of recognition looks at the other splits
        recognise = set(request.tasks) & set(RECOGNITION)
        embedded = found.embed(SPLITS if recognise else (SPLIT,))
    name = parse(request.dataset)[0]
    with clock("evaluate"):
        scored = score(found.dataset, name, request.tasks, embedded, request.seed, progress)
    facts = Facts(
        request, registry, found.kit, found.dataset, found.gathered, found.chosen,
        created, clock.seconds,
    )  # fmt: skip
    record, ranks = report(facts, scored)
    return Outcome(record, write(record, ranks, request.out), scored.unscored)


@dataclass(frozen=True, slots=True)
class Ready:
    """A trained method and everything it is fed."""

    kit: Kit
    dataset: Dataset
    anchor: Anchor | None
    gathered: Gathered
    model: Model
    chosen: Chosen | None

    def embed(self, splits: Iterable[Split]) -> Embedded:
        """Embed every clip and every pair's text of some splits."""
        return embed(self.model, self.gathered, self.anchor, splits)


def ready(request: Request, registry: Registry, progress: Progress, clock: Clock) -> Ready:
    """Encode a data set and train a method on it, or load what was encoded and trained before.

    Raises:
        UsageError: for a name or an option that cannot work.
        DataError: for a file, a row or a clip that is not what it must be.
    """
    method = override(registry.make("method", request.method, request.scale), request.settings)
    kit = parts.bind(registry, method, request.seed)
    if method.scale == "compact":
        # small matrices gain nothing from threads that wait for each other, and sums that are
        # not split do not depend on how many cores a machine has
        torch.set_num_threads(1)
    dataset = registry.make("dataset", request.dataset)
    with clock("prepare"):
        dataset.prepare(progress)
    anchor = parts.anchor(kit)
    senses = (*parts.senses(kit, anchor), *(["text"] if method.text else []))
    coders = {role: parts.coder(kit, role) for role in senses}
    captioner, missing = parts.captioner(kit), request.missing_audio
    tokens = places.cache() / "tokens"
    with clock("encode"):
        gathered = gather(dataset, coders, method.frames, captioner, missing, tokens, progress)
    model = parts.model(kit, coders)
    with clock("train"):
        chosen = _train(request, kit, model, anchor, dataset, gathered, progress)
    return Ready(kit, dataset, anchor, gathered, model, chosen)


def _train(
    request: Request,
    kit: Kit,
    model: Model,
    anchor: Anchor | None,
    dataset: Dataset,
    gathered: Gathered,
    progress: Progress,
) -> Chosen | None:
    """Train, or load the weights that the same parts, data and seed gave before."""
    objective = parts.objective(kit)
    if objective is None or anchor is None:
        return None
    known = [kit.code, dataset.fingerprint, request.seed, request.missing_audio]
    path = places.cache() / "weights" / f"{digest(known)}.safetensors"
    if chosen := weights.load(path, model):
        return chosen
    pairs = gathered.pairs["train"]
    if len(pairs) < 2 or not gathered.pairs["val"]:
        raise DataError(
            f"{request.dataset} has {len(pairs)} pairs to train on and "
            f"{len(gathered.pairs['val'])} to choose an epoch on; it needs 2 and 1"
        )
    lesson = Lesson(pairs, gathered.inputs, anchor, objective)
    chosen = fit(
        model,
        lesson,
        request.seed,
        lambda: criterion(dataset, embed(model, gathered, anchor, ["val"])),
        progress,
    )
    weights.save(path, model, chosen)
    return chosen


@final
class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what is inside."""
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 3)
