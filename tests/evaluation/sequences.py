"""A small data set of annotations alone."""

from dataclasses import dataclass, field
from typing import ClassVar

from egoexobench.types import Clip, LabelSpace, Pair, Query


def clip(name, view, **rest):
    return Clip(f"{name}/{view}", view, f"{name}-{view}.mp4", 0.0, None, f"{view} {name}", **rest)


def pair(name, take=None, scene="kitchen", verbs=("take",)):
    label = {"take": take or name, "scene": scene, "verbs": verbs}
    return Pair(name, clip(name, "ego", **label), clip(name, "exo", **label), f"someone {name}")


@dataclass
class Films:
    """The same pairs in every split."""

    all_pairs: list[Pair] = field(default_factory=lambda: [pair(name) for name in "abcd"])
    listed: dict[str, list[Query]] = field(default_factory=dict)
    fingerprint: str = "0123"

    def prepare(self, progress):
        pass

    def pairs(self, split):
        return self.all_pairs

    def clips(self, split):
        found = [clip for pair in self.all_pairs for clip in (pair.ego, pair.exo)]
        return list({clip.id: clip for clip in found}.values())

    def queries(self, split, task):
        return self.listed.get(task, [])


class LabelSpaceFilms(Films):
    """A data set with lists of its own version, and its own protocol of one recognition task."""

    versions: ClassVar = {"test": "second; seed 3"}

    def classes(self, task):
        return LabelSpace("ego", ("open", "cut")) if task == "action" else None
