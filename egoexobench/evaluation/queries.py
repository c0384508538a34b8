"""The queries of a retrieval task and the labeled clips of a recognition task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from egoexobench.data.unfair_queries import check_queries
from egoexobench.errors import UsageError
from egoexobench.protocols import HasLabelSpace
from egoexobench.types import RECOGNITION_TASKS, RETRIEVAL_TASKS, Gallery, Query

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egoexobench.protocols import Dataset
    from egoexobench.types import CandidatePolicy, Pair, Split, Task


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

    ``mcq20`` are the data set's own lists without those that cannot be answered fairly; a data set
    may have none. ``gallery`` asks for one side
    of each pair among the other sides of all pairs. A text is asked for twice, once among the ego
    and once among the exo clips; ``both-views`` asks once, among the clips of both views. If text
    meets video, everything that belongs to a pair with the same narration is a positive.

    Raises:
        UsageError: if the task is not a retrieval task.
    """
    if task not in RETRIEVAL_TASKS:
        raise UsageError(
            f"{task!r} is not a retrieval task; choose from {', '.join(RETRIEVAL_TASKS)}"
        )
    if policy == "mcq20":
        return list(check_queries(dataset, split, task).fair)
    pairs = dataset.pairs(split)
    ego = [pair.ego.id for pair in pairs]
    exo = [pair.exo.id for pair in pairs]
    text = [pair.id for pair in pairs]
    if policy == "both-views":
        return list(_iter_pair_queries(pairs, text, [ego, exo], True)) if task == "t2v" else []
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
        for query in _iter_pair_queries(pairs, sources, [targets], text_involved)
    ]


def collect_labeled_clips(dataset: Dataset, split: Split, task: Task) -> list[LabeledClip]:
    """Return the labeled clips of a recognition task: ego clips for ``scene``, exo for ``action``.

    A data set may define its own label space, with clips of another view and a list of classes.
    Clips without a label of the label space are skipped.

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
    clips = []
    for clip in dataset.clips(split):
        names = {clip.scene} if task == "scene" else set(clip.verbs)
        labels = sorted(name for name in names if name and (allowed is None or name in allowed))
        if clip.view == view and labels:
            clips.append(LabeledClip(clip.id, tuple(labels), clip.take))
    return clips


def _iter_pair_queries(
    pairs: Sequence[Pair],
    sources: Sequence[str],
    targets: Sequence[Sequence[str]],
    text_involved: bool,
) -> Iterator[Query]:
    """Yield one query for each pair.

    Args:
        pairs: each has one source and one target in each list of targets, in the same order.
        sources: ids of the sources.
        targets: ids of the positives, one list for each view that is searched.
        text_involved: whether pairs of the same narration share their positives.
    """
    gallery = Gallery(tuple(dict.fromkeys(name for side in targets for name in side)))
    texts = [pair.narration if text_involved and pair.narration else pair.id for pair in pairs]
    by_text: dict[str, dict[int, None]] = {}
    for number, text in enumerate(texts):
        by_text.setdefault(text, {}).update({gallery.index[side[number]]: None for side in targets})
    for number, (pair, source) in enumerate(zip(pairs, sources, strict=True)):
        published = gallery.index[targets[0][number]]
        others = tuple(index for index in by_text[texts[number]] if index != published)
        yield Query(source, gallery, (published, *others), pair.ego.take)
