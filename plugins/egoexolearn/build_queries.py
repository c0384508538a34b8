"""From the questions of a list to clips and queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from egoexobench.types import Clip, Gallery, Pair, Query, Split, View
from egoexobench_plugins.egoexolearn.questions import Choice, Lists
from egoexobench_plugins.egoexolearn.videos import Video

Media = Callable[[View, str], str]


@dataclass(frozen=True, slots=True)
class Asked:
    """The clips that a split's questions name, the questions by view of their query, and more.

    ``pairs`` are a query and its right answer; ``sound_captions`` go by clip id, where the file
    has some, and ``places`` are where a clip is first named.
    """

    clips: tuple[Clip, ...] = ()
    queries: tuple[tuple[View, Query], ...] = ()
    pairs: tuple[Pair, ...] = ()
    sound_captions: tuple[tuple[str, str], ...] = ()
    places: tuple[tuple[str, str], ...] = ()


def ask(split: Split, lists: Lists, videos: Mapping[str, Video], media: Media) -> Asked:
    """Build clips and queries.

    A clip of a list is known by video and span, to the millisecond, since a list has no
    annotation id; the same span with another text is another clip. So ids do not depend on the
    dialect of the file.
    """
    clips: dict[tuple[str, int, int, str], Clip] = {}
    spans: Counter[tuple[str, int, int]] = Counter()
    captions: dict[str, str] = {}
    places: dict[str, str] = {}

    def clip(choice: Choice, key: str, role: str) -> Clip:
        span = choice.video, round(choice.start * 1000), round(choice.end * 1000)
        known = *span, choice.text
        if known not in clips:
            spans[span] += 1
            clips[known] = _clip(split, choice, _name(split, span, spans[span]), videos, media)
            places[clips[known].id] = f"{lists.file}, question {key}, {role}"
            if choice.sound:
                captions[clips[known].id] = choice.sound
        return clips[known]

    queries: list[tuple[View, Query]] = []
    pairs: dict[tuple[str, str], Pair] = {}
    for one in lists.questions:
        source = clip(one.query, one.key, "query")
        candidates = [clip(c, one.key, f"choice {i}") for i, c in enumerate(one.choices)]
        gallery = Gallery(tuple(candidate.id for candidate in candidates))
        queries.append((one.view, Query(source.id, gallery, (one.answer,), source.take)))
        right = candidates[one.answer]
        ego, exo = (source, right) if one.view == "ego" else (right, source)
        name = f"pair/{split}/{one.key}"
        pairs.setdefault((ego.id, exo.id), Pair(name, ego, exo, source.narration))
    return Asked(
        clips=tuple(clips.values()),
        queries=tuple(queries),
        pairs=tuple(pairs.values()),
        sound_captions=tuple(captions.items()),
        places=tuple(places.items()),
    )


def _name(split: Split, span: tuple[str, int, int], count: int) -> str:
    video, start, end = span
    return f"{split}/{video}@{start}-{end}ms" + (f"~{count}" if count > 1 else "")


def _clip(
    split: Split, choice: Choice, name: str, videos: Mapping[str, Video], media: Media
) -> Clip:
    video = videos[choice.video]
    return Clip(
        id=name,
        view=video.view,
        media=media(video.view, choice.video),
        start=choice.start,
        end=choice.end,
        narration=choice.text,
        take=f"{split}/{choice.video}",
        scene=choice.scene or video.scene,
    )
