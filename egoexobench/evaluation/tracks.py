"""What is measured: the questions of a task, the items to recognise, and the track they make."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from egoexobench.errors import UsageError
from egoexobench.evaluation.tasks import QUESTIONS, TIES
from egoexobench.protocols import HasLabelSpace, HasListVersions
from egoexobench.types import (
    RECOGNITION_TASKS,
    RETRIEVAL_TASKS,
    CandidatePolicy,
    Gallery,
    Pair,
    Query,
    ScoredTask,
    Similarity,
    Split,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from egoexobench.protocols import Dataset


@dataclass(frozen=True, slots=True)
class Item:
    """A clip to recognise and its true classes, one for ``scene``, one or more for ``action``."""

    clip: str
    labels: tuple[str, ...]
    cluster: str


@dataclass(frozen=True, slots=True)
class Showing:
    """How clips and texts are put before a method, and what it is ranked by.

    ``resolution`` is the side of a picture in pixels, None where the encoder looks at the picture
    as it is; ``template`` is what a narration is put into.
    """

    sampling: str = "egoexolearn"
    frames: int = 8
    resolution: int | None = None
    template: str = "{}"
    similarity: Similarity = "cosine"


SHOWING = Showing()


@dataclass(frozen=True, slots=True)
class Track:
    """What a score is a score of; scores of different fingerprints share no column.

    ``lists`` is the version of a data set's own lists. ``data`` is the data set's fingerprint and
    ``content`` a hash of the questions or items: their order, and that of the candidates, does
    not enter. ``fingerprint`` is the SHA-256 of ``text``, which holds all the rest as canonical
    JSON.
    """

    task: ScoredTask
    dataset: str
    split: Split
    policy: CandidatePolicy | None
    lists: str | None
    version: int
    sampling: str
    frames: int
    resolution: int | None
    template: str
    similarity: Similarity
    ties: str
    data: str
    content: str
    text: str
    fingerprint: str


def track(
    dataset: Dataset,
    name: str,
    split: Split,
    task: ScoredTask,
    asked: Sequence[Query] | Sequence[Item],
    *,
    policy: CandidatePolicy | None = None,
    showing: Showing = SHOWING,
) -> Track:
    """Return the track that the questions (or items) of a task make.

    Args:
        dataset: where they come from.
        name: its registered name.
        split: of which split.
        task: of which task.
        asked: what :func:`questions` or :func:`items` gave.
        policy: of the questions; ``None`` for recognition.
        showing: how clips and texts were put before the method.
    """
    draft = Track(
        task=task,
        dataset=name,
        split=split,
        policy=policy,
        lists=_lists(dataset, split) if policy == "mcq20" else None,
        version=QUESTIONS[task].version,
        **asdict(showing),
        ties=TIES,
        data=dataset.fingerprint,
        content=_content(asked),
        text="",
        fingerprint="",
    )
    told = asdict(draft)
    del told["text"], told["fingerprint"]
    text = _canonical(told)
    return replace(draft, text=text, fingerprint=_digest(text))


def questions(dataset: Dataset, split: Split, task: Task, policy: CandidatePolicy) -> list[Query]:
    """Return the questions of a retrieval task.

    ``mcq20`` are the data set's own lists, which may be none. ``gallery`` asks for each side of
    each pair among all of the other side: of the clips that stand in a pair, and for texts of the
    pairs. A text is asked for twice, once among the ego and once among the exo clips;
    ``both-views`` asks for it once, among the clips of both views. Where text meets video,
    whatever belongs to a pair of the same narration is right.

    Raises:
        UsageError: the task asks no retrieval question.
    """
    if task not in RETRIEVAL_TASKS:
        raise UsageError(
            f"task {task!r} asks no retrieval question; {', '.join(RETRIEVAL_TASKS)} do"
        )
    if policy == "mcq20":
        return list(dataset.queries(split, task))
    pairs = dataset.pairs(split)
    ego = [pair.ego.id for pair in pairs]
    exo = [pair.exo.id for pair in pairs]
    text = [pair.id for pair in pairs]
    if policy == "both-views":
        return list(_gallery(pairs, text, ego, exo, told=True)) if task == "t2v" else []
    asked = {
        "eg2ex": [(ego, exo)],
        "ex2eg": [(exo, ego)],
        "t2v": [(text, ego), (text, exo)],
        "v2t": [(ego, text), (exo, text)],
    }
    told = task in ("t2v", "v2t")
    return [query for side in asked[task] for query in _gallery(pairs, *side, told=told)]


def items(dataset: Dataset, split: Split, task: Task) -> list[Item]:
    """Return the labelled clips of a recognition task: ``scene`` of the ego, ``action`` of the exo.

    A data set may have a protocol of its own, with other clips and a list of classes. Clips
    without a label, or with none of those classes, are left out.

    Raises:
        UsageError: the task recognises nothing.
    """
    if task not in RECOGNITION_TASKS:
        raise UsageError(f"task {task!r} recognises nothing; {', '.join(RECOGNITION_TASKS)} do")
    own = dataset.classes(task) if isinstance(dataset, HasLabelSpace) else None
    view = own.view if own else "ego" if task == "scene" else "exo"
    allowed = set(own.names) if own else None
    found = []
    for clip in dataset.clips(split):
        labels = {clip.scene} - {None} if task == "scene" else set(clip.verbs)
        known = sorted(one for one in labels if one and (allowed is None or one in allowed))
        if clip.view == view and known:
            found.append(Item(clip.id, tuple(known), clip.take))
    return found


def _gallery(
    pairs: Sequence[Pair], sources: list[str], *answers: list[str], told: bool
) -> Iterator[Query]:
    """Ask each source for its answer, of which there is one in each list of answers.

    Args:
        pairs: of which both are a side, in their order.
        sources: ids of what asks.
        answers: ids of what is asked for.
        told: whether text meets video, so that equal narrations make equal answers.
    """
    gallery = Gallery(tuple(dict.fromkeys(name for side in answers for name in side)))
    texts = [pair.narration if told and pair.narration else pair.id for pair in pairs]
    same: dict[str, dict[int, None]] = {}
    for number, text in enumerate(texts):
        same.setdefault(text, {}).update({gallery.index[side[number]]: None for side in answers})
    for number, (pair, source) in enumerate(zip(pairs, sources, strict=True)):
        right = gallery.index[answers[0][number]]
        others = tuple(one for one in same[texts[number]] if one != right)
        yield Query(source, gallery, (right, *others), pair.ego.take)


def _lists(dataset: Dataset, split: Split) -> str | None:
    return dataset.versions.get(split) if isinstance(dataset, HasListVersions) else None


def _content(asked: Sequence[Query] | Sequence[Item]) -> str:
    lists: dict[Gallery, str] = {}
    lines = []
    for one in asked:
        if isinstance(one, Item):
            lines.append(_canonical([one.clip, sorted(one.labels), one.cluster]))
            continue
        key = one.gallery
        if key not in lists:
            lists[key] = _digest(_canonical(sorted(key.ids)))
        lines.append(_canonical([one.source, sorted(one.positive_ids), one.cluster, lists[key]]))
    return _digest(_canonical(sorted(lines)))


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
