"""What is measured: the questions of a task, the items to recognise, and the track they make."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from egoexobench.errors import UsageError
from egoexobench.evaluate.tasks import QUESTIONS, TIES, Similarity
from egoexobench.values import RECOGNITION, RETRIEVAL, Pair, Policy, Query, Split, Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from egoexobench.interfaces import Dataset


@dataclass(frozen=True, slots=True)
class Item:
    """A clip to recognise and its true classes, one for ``scene``, one or more for ``action``."""

    clip: str
    labels: tuple[str, ...]
    cluster: str


@dataclass(frozen=True, slots=True)
class Track:
    """What a score is a score of; scores of different fingerprints share no column.

    ``data`` is the data set's fingerprint and ``content`` a hash of the questions or items: their
    order, and that of the candidates, does not enter. ``fingerprint`` is the SHA-256 of ``text``,
    which holds all the rest as canonical JSON.
    """

    task: Task
    dataset: str
    split: Split
    policy: Policy | None
    version: int
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
    task: Task,
    asked: Sequence[Query] | Sequence[Item],
    *,
    policy: Policy | None = None,
    similarity: Similarity = "cosine",
) -> Track:
    """Return the track that the questions (or items) of a task make.

    Args:
        dataset: where they come from.
        name: its registered name.
        split: of which split.
        task: of which task.
        asked: what :func:`questions` or :func:`items` gave.
        policy: of the questions; ``None`` for recognition.
        similarity: what the candidates are ranked by.
    """
    draft = Track(
        task=task,
        dataset=name,
        split=split,
        policy=policy,
        version=QUESTIONS[task].version,
        similarity=similarity,
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


def questions(dataset: Dataset, split: Split, task: Task, policy: Policy) -> list[Query]:
    """Return the questions of a retrieval task.

    ``mcq20`` are the data set's own lists, which may be none. ``gallery`` asks for each side of
    each pair among all of the other side: of the clips that stand in a pair, and for texts of the
    pairs. A text is asked for twice, once among the ego and once among the exo clips.

    Raises:
        UsageError: the task asks no retrieval question.
    """
    if task not in RETRIEVAL:
        raise UsageError(f"task {task!r} asks no retrieval question; {', '.join(RETRIEVAL)} do")
    if policy == "mcq20":
        return list(dataset.queries(split, task))
    pairs = dataset.pairs(split)
    ego = [pair.ego.id for pair in pairs]
    exo = [pair.exo.id for pair in pairs]
    text = [pair.id for pair in pairs]
    asked = {
        "eg2ex": [(ego, exo)],
        "ex2eg": [(exo, ego)],
        "t2v": [(text, ego), (text, exo)],
        "v2t": [(ego, text), (exo, text)],
    }
    return [query for side in asked[task] for query in _gallery(pairs, *side)]


def items(dataset: Dataset, split: Split, task: Task) -> list[Item]:
    """Return the labelled clips of a recognition task: ``scene`` of the ego, ``action`` of the exo.

    Clips without a label are left out.

    Raises:
        UsageError: the task recognises nothing.
    """
    if task not in RECOGNITION:
        raise UsageError(f"task {task!r} recognises nothing; {', '.join(RECOGNITION)} do")
    clips = dataset.clips(split)
    if task == "scene":
        return [
            Item(clip.id, (clip.scene,), clip.take)
            for clip in clips
            if clip.view == "ego" and clip.scene is not None
        ]
    return [
        Item(clip.id, tuple(sorted(set(clip.verbs))), clip.take)
        for clip in clips
        if clip.view == "exo" and clip.verbs
    ]


def _gallery(pairs: Sequence[Pair], sources: list[str], answers: list[str]) -> list[Query]:
    candidates = tuple(dict.fromkeys(answers))
    place = {name: number for number, name in enumerate(candidates)}
    return [
        Query(source, candidates, place[answer], pair.ego.take)
        for pair, source, answer in zip(pairs, sources, answers, strict=True)
    ]


def _content(asked: Sequence[Query] | Sequence[Item]) -> str:
    # A gallery is one tuple that all its questions share: it is hashed once.
    lists: dict[int, str] = {}
    lines = []
    for one in asked:
        if isinstance(one, Item):
            lines.append(_canonical([one.clip, sorted(one.labels), one.cluster]))
            continue
        key = id(one.candidates)
        if key not in lists:
            lists[key] = _digest(_canonical(sorted(one.candidates)))
        answer = one.candidates[one.answer]
        lines.append(_canonical([one.source, answer, one.cluster, lists[key]]))
    return _digest(_canonical(sorted(lines)))


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
