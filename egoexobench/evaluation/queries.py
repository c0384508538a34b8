"""The queries of a retrieval task and the labeled clips of a recognition task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.data.pair_items import (
    PairItems,
    join_takes,
    map_clip_ids,
    resolve_pair_items,
)
from egoexobench.data.unfair_queries import check_queries
from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.tasks import TEST_SPLIT, list_candidate_policies
from egoexobench.protocols import HasLabelSpace
from egoexobench.types import (
    GRADED_POLICY,
    LISTED_POLICIES,
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    Gallery,
    Query,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egoexobench.protocols import Dataset
    from egoexobench.types import CandidatePolicy, Split, Task


@dataclass(frozen=True, slots=True)
class LabeledClip:
    """A clip to recognize and its true classes: one for ``scene``, one or more for ``action``."""

    clip_id: str
    labels: tuple[str, ...]
    cluster: str


def build_queries(
    dataset: Dataset, split: Split, task: Task, policy: CandidatePolicy
) -> list[Query]:
    """Return the queries of a retrieval task.

    ``mcq20`` and the other lists are those of the data set without the queries that cannot be
    answered fairly; a data set may have none. ``gallery`` has one query for each clip or text,
    among everything of the other side. All partners of a clip are its positives, so an ego clip
    with four exo clips is one query with four positives. A text has two queries, one among the ego
    and one among the exo clips; ``both-views`` has one, among the clips of both views.
    ``rerank@100`` has the queries of ``gallery``. ``multi-instance`` has one query for each clip or
    text of which the data set says how relevant the others are. If text meets video, everything
    that belongs to a pair with the same narration is a positive.

    Raises:
        UsageError: if the task is not a retrieval task.
    """
    if task not in RETRIEVAL_TASKS:
        raise UsageError(
            f"{task!r} is not a retrieval task; choose from {', '.join(RETRIEVAL_TASKS)}"
        )
    if policy in LISTED_POLICIES or policy == GRADED_POLICY:
        return list(check_queries(dataset, split, task, policy).fair)
    items = resolve_pair_items(dataset.pairs(split))
    ego = [item.ego for item in items]
    exo = [item.exo for item in items]
    text = [item.text for item in items]
    if policy == "both-views":
        return list(_iter_source_queries(items, text, [ego, exo], True)) if task == "t2v" else []
    sides = {
        "eg2ex": [(ego, exo)],
        "ex2eg": [(exo, ego)],
        "t2v": [(text, ego), (text, exo)],
        "v2t": [(ego, text), (exo, text)],
    }
    text_involved = task in ("t2v", "v2t")
    return [
        query
        for sources, targets in sides[task]
        for query in _iter_source_queries(items, sources, [targets], text_involved)
    ]


def require_queries(
    dataset: Dataset, name: str, task: Task, policy: CandidatePolicy
) -> list[Query]:
    """Return the queries of a task in the test split.

    Args:
        dataset: the data set.
        name: of the data set, for messages.
        task: a retrieval task.
        policy: candidate policy.

    Raises:
        UsageError: if the task has no such policy.
        DataError: if there are no queries; the line names the policies that have some.
    """
    policies = list_candidate_policies(task, dataset)
    if policy not in policies:
        choices = ", ".join(policies)
        raise UsageError(
            f"{task} of {name} has no candidates by policy {policy!r}; choose from {choices}"
        )
    if queries := build_queries(dataset, TEST_SPLIT, task, policy):
        return queries
    others = [item for item in policies if build_queries(dataset, TEST_SPLIT, task, item)]
    hint = f"; it asks those of --policy {' or '.join(others)}" if others else ""
    raise DataError(f"{name} asks no {policy} query of {task} in split {TEST_SPLIT}{hint}")


def collect_labeled_clips(dataset: Dataset, split: Split, task: Task) -> list[LabeledClip]:
    """Return the labeled clips of a recognition task: ego clips for ``scene``, exo for ``action``.

    A data set may define its own label space, with clips of another view and a list of classes.
    Clips without a label of the label space are skipped. Clips that show the same and have the same
    labels are one clip.

    Raises:
        UsageError: if the task is not a recognition task.
    """
    if task not in RECOGNITION_TASKS:
        raise UsageError(
            f"{task!r} is not a recognition task; choose from {', '.join(RECOGNITION_TASKS)}"
        )
    label_space = dataset.classes(task) if isinstance(dataset, HasLabelSpace) else None
    view = label_space.view if label_space else "ego" if task == "scene" else "exo"
    allowed = set(label_space.names) if label_space else None
    takes = join_takes(dataset.pairs(split))
    all_clips = dataset.clips(split)
    clip_ids = map_clip_ids(all_clips)
    clips: dict[tuple[str, tuple[str, ...]], LabeledClip] = {}
    for clip in all_clips:
        names = {clip.scene} if task == "scene" else set(clip.verbs)
        labels = sorted(name for name in names if name and (allowed is None or name in allowed))
        if clip.view == view and labels:
            key = clip_ids[clip.content], tuple(labels)
            clips.setdefault(key, LabeledClip(clip.id, tuple(labels), takes.find(clip.take)))
    return list(clips.values())


def _iter_source_queries(
    items: Sequence[PairItems],
    sources: Sequence[str],
    targets: Sequence[Sequence[str]],
    text_involved: bool,
) -> Iterator[Query]:
    """Yield one query for each source, in the order in which the sources appear.

    The first positive is that of the first pair of the source.

    Args:
        items: the items of the pairs.
        sources: id of the source of each pair, in the order of the pairs.
        targets: id of the positive of each pair, one list for each view that is searched.
        text_involved: whether pairs of the same narration share their positives.
    """
    gallery = Gallery(tuple(dict.fromkeys(name for side in targets for name in side)))
    keys = [(text_involved and item.pair.narration) or item.pair.id for item in items]
    by_key: dict[str, dict[int, None]] = {}
    rows_by_source: dict[str, list[int]] = {}
    for row, (key, source) in enumerate(zip(keys, sources, strict=True)):
        by_key.setdefault(key, {}).update({gallery.index[side[row]]: None for side in targets})
        rows_by_source.setdefault(source, []).append(row)
    for source, rows in rows_by_source.items():
        published = gallery.index[targets[0][rows[0]]]
        positives = {published: None}
        for key in dict.fromkeys(keys[row] for row in rows):
            positives |= by_key[key]
        yield Query(source, gallery, tuple(positives), items[rows[0]].cluster)
