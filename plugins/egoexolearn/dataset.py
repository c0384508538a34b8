"""The data set: clips, pairs and queries from the annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

from egoexobench.protocols import Progress
from egoexobench.toolbox.splits import check_split, check_task
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import SPLITS, VIEWS, Clip, LabelSpace, Pair, Query, Split, Task, View
from egoexobench_plugins.egoexolearn.annotation import read_annotations
from egoexobench_plugins.egoexolearn.build_queries import (
    LocatedQuery,
    QuestionSet,
    build_queries,
)
from egoexobench_plugins.egoexolearn.files import (
    CONTENTS,
    describe_version,
    read_source,
    read_sources,
)
from egoexobench_plugins.egoexolearn.pairs import draw_pairs
from egoexobench_plugins.egoexolearn.tables import LabeledRow, TrainRow

_QUESTION_FILES: Mapping[Split, tuple[str, ...]] = {
    "val": ("association_val_hard.json", "egolearn_mcq_validation.json"),
    "test": ("association_test_hard.json",),
}
"""Names of the question file of each split, the preferred one first."""
_QUERY_VIEWS: Mapping[Task, tuple[View, ...]] = {
    "eg2ex": ("ego",),
    "ex2eg": ("exo",),
    "t2v": VIEWS,
    "v2t": VIEWS,
}


@final
class EgoExoLearnDataset:
    """EgoExoLearn; ``videos`` is the folder of each view, ``questions`` the file of each split.

    The official splits divide annotations, not videos: train and test have clips of the same
    recording. So a take is a recording within a split. The text of a clip has the id of the clip,
    because no two clips share a text. The splits val and test have the clips of the questions,
    which have a text, and the exo clips with action labels. The text of the latter is empty unless
    a ``fine_annotation`` file has it; they are in no pair and no query, so their text is never
    embedded or searched.
    """

    def __init__(
        self, root: Path, videos: Mapping[View, Path], questions: Mapping[Split, Path], seed: int
    ) -> None:
        self.root, self.seed = root, seed
        self._folders = {view: folder.resolve() for view, folder in videos.items()}
        self.sources = read_sources(root)
        self.question_sources = {split: read_source(path) for split, path in questions.items()}
        for split, names in _QUESTION_FILES.items():
            for name in names:
                if name in self.sources:
                    self.question_sources.setdefault(split, self.sources[name])
        self._annotations = read_annotations(self.sources, self.question_sources)
        self.findings = tuple(self._annotations.issues)
        self._question_sets = {
            split: build_queries(split, file, self._annotations.videos, self._get_media_path)
            for split, file in self._annotations.question_files.items()
        }

    @property
    def fingerprint(self) -> str:
        """Hash of the git blob ids of all files, and of the seed of the training pairs."""
        files = {name: source.blob_id for name, source in self.sources.items()}
        questions = {split: source.blob_id for split, source in self.question_sources.items()}
        return hash_json([files, questions, self.seed])

    @property
    def versions(self) -> Mapping[Split, str]:
        """Published version and dialect of the question file of each split."""
        files = self._annotations.question_files
        return {
            split: f"{describe_version(source)}; {files[split].dialect} fields"
            for split, source in self.question_sources.items()
        }

    @property
    def missing(self) -> Mapping[str, str]:
        """Each missing file, and what cannot be loaded without it."""
        available = {*self.sources, *(_QUESTION_FILES[split][0] for split in self.question_sources)}
        return {name: content for name, content in CONTENTS.items() if name not in available}

    @property
    def actions(self) -> Sequence[str]:
        """The 19 verbs of the task ``action``; training clips also have other verbs."""
        return self._annotations.taxonomy.actions

    def classes(self, task: Task) -> LabelSpace | None:
        """The 19 verbs on exo clips for ``action``; None for other tasks."""
        return LabelSpace("exo", tuple(self.actions)) if task == "action" and self.actions else None

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip, or the question that names it first."""
        locations = dict(self._annotations.locations)
        for question_set in self._question_sets.values():
            locations |= question_set.locations
        return locations

    @property
    def sound_captions(self) -> Mapping[str, str]:
        """Published sound captions by clip id, if the question files have some."""
        captions: dict[str, str] = {}
        for question_set in self._question_sets.values():
            captions |= question_set.sound_captions
        return captions

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media files are used as they are."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Training clips; or the clips of the questions, then the clips with action labels."""
        check_split(split)
        if split == "train":
            return [*self._train_clips["ego"], *self._train_clips["exo"]]
        return [*self._get_question_set(split).clips, *self._labeled_clips[split]]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Training pairs by noun and verb; in val and test, query clip and right choice."""
        check_split(split)
        return self._train_pairs if split == "train" else self._get_question_set(split).pairs

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """The questions of the list; for ``t2v`` and ``v2t`` the id of a clip means its text."""
        check_split(split)
        check_task(task)
        return [located.query for located in self._list_queries(split, task)]

    def locate_queries(self, split: Split, task: Task) -> Sequence[str]:
        """File and key of the question of each query of `queries`, in the same order."""
        return [located.location for located in self._list_queries(split, task)]

    def _list_queries(self, split: Split, task: Task) -> list[LocatedQuery]:
        views = _QUERY_VIEWS.get(task, ())
        return [item for item in self._get_question_set(split).queries if item.view in views]

    def _get_question_set(self, split: Split) -> QuestionSet:
        return self._question_sets.get(split, QuestionSet())

    @cached_property
    def _train_clips(self) -> dict[View, list[Clip]]:
        rows = self._annotations.train_rows
        return {
            view: [self._build_clip("train", view, row) for row in rows.get(view, ())]
            for view in VIEWS
        }

    @cached_property
    def _train_pairs(self) -> list[Pair]:
        return draw_pairs(self._train_clips["ego"], self._train_clips["exo"], self.seed)

    @cached_property
    def _labeled_clips(self) -> dict[Split, list[Clip]]:
        rows = self._annotations.labeled_rows
        return {
            split: [self._build_clip(split, "exo", row) for row in rows.get(split, ())]
            for split in SPLITS
        }

    def _build_clip(self, split: Split, view: View, row: TrainRow | LabeledRow) -> Clip:
        annotations, taxonomy = self._annotations, self._annotations.taxonomy
        text = row.narration_en if isinstance(row, TrainRow) else ""
        return Clip(
            id=row.annotation_id,
            view=view,
            media=self._get_media_path(view, row.video_uid),
            start=row.start_sec,
            end=row.end_sec,
            narration=text or annotations.narrations.get(row.annotation_id, ""),
            take=f"{split}/{row.video_uid}",
            scene=row.scenario,
            verbs=tuple(taxonomy.verbs[i] for i in row.verb),
            nouns=tuple(taxonomy.nouns[i] for i in row.noun),
        )

    def _get_media_path(self, view: View, video: str) -> str:
        return str(self._folders[view] / f"{video}.mp4")
