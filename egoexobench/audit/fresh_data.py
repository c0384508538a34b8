"""Scores a trained method on data that did not exist before: the same generator, another seed.

A method that knows the test split, by a table or by its weights, scores far lower on fresh data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

from egoexobench.audit.invariance import PairSubset
from egoexobench.audit.pair_changes import make_pair_changes
from egoexobench.evaluation import metrics
from egoexobench.evaluation.arrays import Floats
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.query_ranking import filter_answerable, rank_queries
from egoexobench.evaluation.significance import drop_test
from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.embed import SplitEmbeddings, embed_inputs
from egoexobench.experiment.inputs import InputOptions, prepare_inputs
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.experiment.subset import UsableSubset
from egoexobench.features.encoder_state import hash_state_dict
from egoexobench.hashing import hash_json
from egoexobench.protocols import Dataset, HasFreshData, Progress
from egoexobench.records.audit import FreshDataCheck
from egoexobench.types import RETRIEVAL_TASKS, Clip, Pair, Query, Similarity, Split, Task

MAX_DROP = 0.05
"""Mean reciprocal rank that a method may lose: splits of two seeds are not equally difficult."""
LEVEL = 1e-3
"""Largest p-value, over all tasks, at which a drop beyond `MAX_DROP` fails the audit."""


@dataclass(frozen=True, slots=True)
class TaskValues:
    """The reciprocal rank of each query of a task, and its cluster."""

    values: Floats
    clusters: Sequence[str]


def check_fresh_data(
    trained: TrainedMethod, embeddings: SplitEmbeddings, progress: Progress
) -> list[FreshDataCheck]:
    """Compare the scores on the test split with those on fresh data of the same size.

    Args:
        trained: the trained method.
        embeddings: of the test split.
        progress: shows the stages.

    Returns:
        One check for each retrieval task; none if the data set cannot be generated again.
    """
    dataset = trained.scored.dataset
    if not isinstance(dataset, HasFreshData):
        return []
    pairs = trained.scored.inputs.pairs[TEST_SPLIT]
    with TemporaryDirectory() as folder:
        media = Path(folder, "media")
        fresh = dataset.regenerate(media, seed=_choose_seed(trained), num_pairs=len(pairs))
        fresh.prepare(progress)
        split = FreshSplit(_rename_pairs(fresh.pairs(TEST_SPLIT)[: len(pairs)]), dataset)
        after = _embed_split(trained, split, Path(folder, "features"), progress)
    score = partial(_score_pairs, similarity=trained.parts.method.similarity)
    return [
        _compare_task(task, left, right)
        for task in RETRIEVAL_TASKS
        if (left := score(pairs, embeddings, task)) and (right := score(split.fresh, after, task))
    ]


def _choose_seed(trained: TrainedMethod) -> int:
    """A seed that depends on all code and weights, so that no table of them can have its films."""
    identity = [
        trained.parts.resolved.identities,
        hash_state_dict(trained.model),
        trained.scored.dataset.fingerprint,
        trained.parts.seed,
    ]
    return int(hash_json(identity)[:8], 16)


@final
@dataclass(frozen=True, slots=True)
class FreshSplit:
    """Fresh pairs as the test split; the training split stays, because captions depend on it."""

    fresh: Sequence[Pair]
    original: Dataset
    fingerprint: str = "fresh"

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media exist already."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Return the clips of the pairs."""
        return [clip for pair in self.pairs(split) for clip in (pair.ego, pair.exo)]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Return the fresh pairs as the test split."""
        return self.fresh if split == TEST_SPLIT else self.original.pairs(split)

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Return no queries."""
        del split, task
        return ()


def _rename_pairs(pairs: Sequence[Pair]) -> list[Pair]:
    """Give pairs new ids, because fresh pairs may have the ids of training pairs."""
    rename = make_pair_changes(Path())["ids"]
    return [rename(pair, pair) for pair in pairs]


def _embed_split(
    trained: TrainedMethod, split: FreshSplit, cache_dir: Path, progress: Progress
) -> SplitEmbeddings:
    subset = UsableSubset(
        clips={"train": (), "val": (), "test": split.clips(TEST_SPLIT)},
        pairs={"train": (), "val": (), "test": split.fresh},
        excluded={},
        num_rejected=0,
    )
    inputs = prepare_inputs(
        split,
        subset,
        parts=trained.parts,
        options=InputOptions(missing_audio="mask", cache_dir=cache_dir),
        progress=progress,
    )
    return embed_inputs(trained.model, trained.parts, inputs, (TEST_SPLIT,))


def _score_pairs(
    pairs: Sequence[Pair], embeddings: SplitEmbeddings, task: Task, *, similarity: Similarity
) -> TaskValues | None:
    sides = embeddings.get_task(task)
    if sides is None:
        return None
    queries, _ = filter_answerable(
        build_queries(PairSubset(pairs), TEST_SPLIT, task, "gallery"), *sides, "gallery"
    )
    if not queries:
        return None
    ranks = rank_queries(queries, *sides, similarity)
    return TaskValues(metrics.reciprocal_rank(ranks), [query.cluster for query in queries])


def _compare_task(task: Task, test: TaskValues, fresh: TaskValues) -> FreshDataCheck:
    p = drop_test(
        test.values, fresh.values, clusters=(test.clusters, fresh.clusters), margin=MAX_DROP
    )
    return FreshDataCheck(
        task=task,
        num_queries=(len(test.values), len(fresh.values)),
        test_mrr=float(test.values.mean()),
        fresh_mrr=float(fresh.values.mean()),
        p=p,
        verdict="test_split_only" if p * len(RETRIEVAL_TASKS) < LEVEL else "confirmed",
    )
