"""Builds clips, queries and pairs from the questions of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from egoexobench.types import VIEWS, Clip, Gallery, Pair, Query, Split, View
from egoexobench_plugins.egoexolearn.questions import (
    AssociationQuestion,
    QuestionClip,
    QuestionFile,
)
from egoexobench_plugins.egoexolearn.videos import VideoInfo

GetMediaPath = Callable[[View, str], str]
"""Returns the path of a video, from its view and its name."""


class LocatedQuery(NamedTuple):
    """The query of a question, the view of its query clip, and the file and key of the question."""

    view: View
    query: Query
    location: str


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The clips of the questions of a split, and what belongs to them.

    ``queries`` come with the view of their query clip and with their question; ``pairs`` are a
    query clip and the right choice, if their views differ; ``sound_captions`` and ``locations``
    (the question that names a clip first) are by clip
    id. A file without sound captions gives none.
    """

    clips: tuple[Clip, ...] = ()
    queries: tuple[LocatedQuery, ...] = ()
    pairs: tuple[Pair, ...] = ()
    sound_captions: Mapping[str, str] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)


def build_queries(
    split: Split,
    file: QuestionFile,
    videos: Mapping[str, VideoInfo],
    get_media_path: GetMediaPath,
) -> QuestionSet:
    """Return clips, queries and pairs of a question file.

    A list has no annotation ids. So the id of a clip is made of video and span, in milliseconds,
    and does not depend on the dialect of the file. The same span with another text is another clip.
    """
    builder = _ClipBuilder(split, file.name, videos, get_media_path)
    queries: list[LocatedQuery] = []
    pairs: dict[tuple[str, str], Pair] = {}
    for question in file.questions:
        source = builder.get_clip(question.query, question, "query")
        candidates = [
            builder.get_clip(choice, question, f"choice {i}")
            for i, choice in enumerate(question.choices)
        ]
        gallery = Gallery(tuple(candidate.id for candidate in candidates))
        query = Query(source.id, gallery, (question.answer,), source.take)
        location = f"{file.name}, question {question.key}"
        queries.append(LocatedQuery(question.view, query, location))
        positive = candidates[question.answer]
        ego, exo = (source, positive) if question.view == "ego" else (positive, source)
        pair = Pair(f"pair/{split}/{question.key}", ego, exo, source.narration)
        if (ego.view, exo.view) == VIEWS:
            pairs.setdefault((ego.id, exo.id), pair)
    return QuestionSet(
        clips=tuple(builder.clips.values()),
        queries=tuple(queries),
        pairs=tuple(pairs.values()),
        sound_captions=builder.sound_captions,
        locations=builder.locations,
    )


class _ClipBuilder:
    """Builds each clip of a question file once."""

    def __init__(
        self,
        split: Split,
        file_name: str,
        videos: Mapping[str, VideoInfo],
        get_media_path: GetMediaPath,
    ) -> None:
        self.split, self.file_name, self.videos = split, file_name, videos
        self.get_media_path = get_media_path
        self.clips: dict[tuple[str, int, int, str], Clip] = {}
        self.sound_captions: dict[str, str] = {}
        self.locations: dict[str, str] = {}
        self._num_texts: Counter[tuple[str, int, int]] = Counter()

    def get_clip(self, clip: QuestionClip, question: AssociationQuestion, role: str) -> Clip:
        """Return the clip; ``question`` and ``role`` become its location if it is new."""
        span = clip.video, round(clip.start * 1000), round(clip.end * 1000)
        key = *span, clip.text
        if key not in self.clips:
            self._num_texts[span] += 1
            built = self._build_clip(clip, _make_id(self.split, span, self._num_texts[span]))
            self.clips[key] = built
            self.locations[built.id] = f"{self.file_name}, question {question.key}, {role}"
            if clip.sound:
                self.sound_captions[built.id] = clip.sound
        return self.clips[key]

    def _build_clip(self, clip: QuestionClip, clip_id: str) -> Clip:
        video = self.videos[clip.video]
        return Clip(
            id=clip_id,
            view=video.view,
            media=self.get_media_path(video.view, clip.video),
            start=clip.start,
            end=clip.end,
            narration=clip.text,
            take=f"{self.split}/{clip.video}",
            scene=clip.scene or video.scene,
        )


def _make_id(split: Split, span: tuple[str, int, int], count: int) -> str:
    video, start, end = span
    return f"{split}/{video}@{start}-{end}ms" + (f"~{count}" if count > 1 else "")
