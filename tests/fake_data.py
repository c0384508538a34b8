"""Clips, pairs and data sets without media files."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from egoexobench.types import Clip, LabelSpace, Pair, Query, View


def make_clip(
    name: str,
    view: View = "ego",
    *,
    media: str = "clip.mp4",
    start: float = 0.0,
    end: float | None = 1.0,
    narration: str = "",
    take: str = "take",
    **labels: Any,
) -> Clip:
    """A clip; ``labels`` are its scene, verbs and nouns."""
    return Clip(
        name,
        view,
        media,
        start=start,
        end=end,
        narration=narration,
        take=take,
        **labels,
    )


def make_pair(
    name: str,
    take: str | None = None,
    scene: str | None = "kitchen",
    verbs: tuple[str, ...] = ("take",),
) -> Pair:
    """A pair whose clips have the ids ``NAME/ego`` and ``NAME/exo``."""
    ego, exo = (
        make_clip(
            f"{name}/{view}",
            view,
            media=f"{name}-{view}.mp4",
            end=None,
            narration=f"{view} {name}",
            take=take or name,
            scene=scene,
            verbs=verbs,
        )
        for view in ("ego", "exo")
    )
    return Pair(name, ego, exo, f"someone {name}")


def make_cameras(name: str, num_cameras: int, *, share_ids: bool = True) -> list[Pair]:
    """Pairs of one ego clip with an exo clip of each camera, ``NAME1``, ``NAME2`` and so on.

    Without ``share_ids`` the ego clip has an id and a take for each pair, as in the folder format.
    """
    pairs = [make_pair(f"{name}{camera}") for camera in range(1, num_cameras + 1)]
    ego = pairs[0].ego
    return [
        replace(
            pair,
            ego=ego if share_ids else replace(ego, id=pair.ego.id, take=pair.id),
            narration=f"someone {name}",
        )
        for pair in pairs
    ]


@dataclass
class FakeDataset:
    """A data set with the same pairs in every split."""

    all_pairs: list[Pair] = field(default_factory=lambda: [make_pair(name) for name in "abcd"])
    listed: dict[str, list[Query]] = field(default_factory=dict)
    fingerprint: str = "0123"

    def prepare(self, progress):
        pass

    def pairs(self, split):
        return self.all_pairs

    def clips(self, split):
        clips = [clip for pair in self.all_pairs for clip in (pair.ego, pair.exo)]
        return list({clip.id: clip for clip in clips}.values())

    def queries(self, split, task):
        return self.listed.get(task, [])


class LabelSpaceDataset(FakeDataset):
    """A data set with a version of its lists and a label space for one recognition task."""

    versions: ClassVar = {"test": "second; seed 3"}

    def classes(self, task):
        return LabelSpace("ego", ("open", "cut")) if task == "action" else None
