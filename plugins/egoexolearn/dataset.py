"""The data set: clips, pairs and questions out of the annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

from egoexobench.protocols import Progress
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import SPLITS, VIEWS, Clip, LabelSpace, Pair, Query, Split, Task, View
from egoexobench_plugins.egoexolearn import annotation, files
from egoexobench_plugins.egoexolearn.build_queries import Asked, ask
from egoexobench_plugins.egoexolearn.pairs import pair_up
from egoexobench_plugins.egoexolearn.tables import Labelled, Train

_LISTS: Mapping[Split, tuple[str, ...]] = {
    "val": ("association_val_hard.json", "egolearn_mcq_validation.json"),
    "test": ("association_test_hard.json",),
}
_SIDES: Mapping[Task, tuple[View, ...]] = {
    "eg2ex": ("ego",),
    "ex2eg": ("exo",),
    "t2v": VIEWS,
    "v2t": VIEWS,
}


@final
class EgoExoLearn:
    """EgoExoLearn; ``videos`` is the folder of each view, ``lists`` question files by split.

    The official splits divide annotations, not videos: clips of one recording are in train and in
    test. A take is therefore a recording within a split. The text of a clip goes by the clip's id,
    since no two clips share one. Val and test hold the clips of the questions, whose text is
    known, and the exo clips with action labels, whose text is known only where a
    ``fine_annotation`` file has it and is empty otherwise: those stand in no pair and no question,
    so that no text of theirs is ever embedded or searched.
    """

    def __init__(
        self, root: Path, videos: Mapping[View, Path], lists: Mapping[Split, Path], seed: int
    ) -> None:
        self.root, self.seed = root, seed
        self._videos = {view: folder.resolve() for view, folder in videos.items()}
        self.sources = files.gather(root)
        self.lists = {split: files.load(path) for split, path in lists.items()}
        for split, names in _LISTS.items():
            for name in names:
                if name in self.sources:
                    self.lists.setdefault(split, self.sources[name])
        self._read = annotation.read(self.sources, self.lists)
        self.findings = tuple(self._read.findings)
        self._asked = {
            split: ask(split, asked, self._read.videos, self._media)
            for split, asked in self._read.lists.items()
        }

    @property
    def fingerprint(self) -> str:
        """Hash of every file that was read, by git blob id, and of the draw of pairs."""
        read = {name: source.blob for name, source in self.sources.items()}
        asked = {split: source.blob for split, source in self.lists.items()}
        return hash_json([read, asked, self.seed])

    @property
    def versions(self) -> Mapping[Split, str]:
        """Which published version, and which dialect, the question file of a split is."""
        return {
            split: f"{files.version(source)}; {self._read.lists[split].dialect} fields"
            for split, source in self.lists.items()
        }

    @property
    def missing(self) -> Mapping[str, str]:
        """Files that are not there, and what there is none of without them."""
        there = {*self.sources, *(_LISTS[split][0] for split in self.lists)}
        return {name: brings for name, brings in files.BRINGS.items() if name not in there}

    @property
    def actions(self) -> Sequence[str]:
        """The 19 verbs of the task ``action``; train clips have others beside them."""
        return self._read.actions

    def classes(self, task: Task) -> LabelSpace | None:
        """The 19 verbs on exo clips; of scenes the paper's own task, which names no classes."""
        return LabelSpace("exo", tuple(self.actions)) if task == "action" and self.actions else None

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of a clip, or the question that names it first."""
        asked = (place for one in self._asked.values() for place in one.places)
        return {**self._read.places, **dict(asked)}

    @property
    def sound_captions(self) -> Mapping[str, str]:
        """Published sound captions by clip id, where the question files have some."""
        return dict(one for asked in self._asked.values() for one in asked.sound_captions)

    def prepare(self, progress: Progress) -> None:
        """Nothing has to be made."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Train clips, or the clips of the questions and then those that have action labels."""
        if split == "train":
            return [*self._train["ego"], *self._train["exo"]]
        return [*self._asked.get(split, Asked()).clips, *self._labelled[split]]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Train pairs by noun and verb; elsewhere the query and the right answer of a question."""
        return self._drawn if split == "train" else self._asked.get(split, Asked()).pairs

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """The questions of the list; in ``t2v`` and ``v2t`` a clip's id stands for its text."""
        asked = self._asked.get(split, Asked()).queries
        return [query for view, query in asked if view in _SIDES.get(task, ())]

    @cached_property
    def _train(self) -> dict[View, list[Clip]]:
        rows = self._read.train
        return {
            view: [self._clip("train", view, row) for row in rows.get(view, ())] for view in VIEWS
        }

    @cached_property
    def _drawn(self) -> list[Pair]:
        return pair_up(self._train["ego"], self._train["exo"], self.seed)

    @cached_property
    def _labelled(self) -> dict[Split, list[Clip]]:
        rows = self._read.labelled
        return {s: [self._clip(s, "exo", row) for row in rows.get(s, ())] for s in SPLITS}

    def _clip(self, split: Split, view: View, row: Train | Labelled) -> Clip:
        text = row.narration_en if isinstance(row, Train) else ""
        return Clip(
            id=row.annotation_id,
            view=view,
            media=self._media(view, row.video_uid),
            start=row.start_sec,
            end=row.end_sec,
            narration=text or self._read.texts.get(row.annotation_id, ""),
            take=f"{split}/{row.video_uid}",
            scene=row.scenario,
            verbs=tuple(self._read.verbs[i] for i in row.verb),
            nouns=tuple(self._read.nouns[i] for i in row.noun),
        )

    def _media(self, view: View, video: str) -> str:
        return str(self._videos[view] / f"{video}.mp4")
