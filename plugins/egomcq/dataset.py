"""The data set: clips and candidate lists from the questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

from egoexobench.errors import DataError
from egoexobench.protocols import Progress
from egoexobench.toolbox.annotation_tables import find_annotation_file
from egoexobench.toolbox.splits import check_split, check_task
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import CandidatePolicy, Clip, Gallery, Pair, Query, Split, Task
from egoexobench_plugins.egomcq.questions import (
    POLICIES,
    ChoiceQuestion,
    list_choice_clips,
    name_clip,
    read_questions,
)

FILE_NAME = "egomcq.json"


@final
class EgoMCQDataset:
    """EgoMCQ; the factory explains the options.

    The id of a clip is its span. The text of a question has the id of a clip of the same span as
    the answer, whose narration it is: the answer itself, unless two questions say two things of it.
    """

    def __init__(self, root: Path, videos: Path) -> None:
        self._folder = videos.resolve()
        source = find_annotation_file(root, FILE_NAME)
        if source is None:
            raise DataError(f"{root} has no {FILE_NAME}, the questions of EgoMCQ (showlab/EgoVLP)")
        self._sha256 = source.sha256
        self._questions, issues = read_questions(source)
        self.findings = tuple(issues)
        self._clips, self._text_ids = self._build_clips()

    @property
    def fingerprint(self) -> str:
        """Hash of the file."""
        return hash_json([FILE_NAME, self._sha256])

    @property
    def versions(self) -> Mapping[Split, str]:
        """The lists are those of the file."""
        return {"test": f"{FILE_NAME}, sha256 {self._sha256[:16]}"}

    @cached_property
    def where(self) -> Mapping[str, str]:
        """The first question of each clip."""
        locations: dict[str, str] = {}
        for question in self._questions:
            location = f"{FILE_NAME}, question {question.key}"
            locations.setdefault(self._text_ids[question.key], location)
            for clip in question.choices:
                locations.setdefault(name_clip(clip), location)
        return locations

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media files are used as they are."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every choice, and a clip for each other text of one; nothing in train and val."""
        check_split(split)
        return self._clips if split == "test" else []

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Nothing: all clips are ego clips."""
        check_split(split)
        return []

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Nothing: the lists have five candidates, see `list_queries`."""
        check_split(split)
        check_task(task)
        return []

    def list_policies(self, task: Task) -> Sequence[CandidatePolicy]:
        """The two types of questions; each is about a text."""
        return tuple(POLICIES.values()) if task == "t2v" else ()

    def list_queries(self, split: Split, task: Task, policy: CandidatePolicy) -> Sequence[Query]:
        """The questions of a type; queries of one video are in one cluster."""
        return [self._build_query(question) for question in self._select(split, task, policy)]

    def locate_list_queries(
        self, split: Split, task: Task, policy: CandidatePolicy
    ) -> Sequence[str]:
        """The key of each question."""
        selected = self._select(split, task, policy)
        return [f"{FILE_NAME}, question {question.key}" for question in selected]

    def _select(self, split: Split, task: Task, policy: CandidatePolicy) -> list[ChoiceQuestion]:
        check_split(split)
        if split != "test" or task != "t2v":
            return []
        return [question for question in self._questions if question.policy == policy]

    def _build_query(self, question: ChoiceQuestion) -> Query:
        gallery = Gallery(tuple(map(name_clip, question.choices)))
        video = question.choices[question.answer].video_uid
        return Query(self._text_ids[question.key], gallery, (question.answer,), video)

    def _build_clips(self) -> tuple[list[Clip], dict[str, str]]:
        """Return the clips, and the id of the text of each question."""
        texts: dict[str, list[str]] = {}
        text_ids = {}
        for question in self._questions:
            name = name_clip(question.choices[question.answer])
            by_clip = texts.setdefault(name, [])
            if question.text not in by_clip:
                by_clip.append(question.text)
            position = by_clip.index(question.text)
            text_ids[question.key] = f"{name}#{position + 1}" if position else name
        clips = []
        for name, choice in list_choice_clips(self._questions).items():
            narrations = texts.get(name, [" ".join(choice.clip_text.split())])
            for position, narration in enumerate(narrations):
                clip = Clip(
                    id=f"{name}#{position + 1}" if position else name,
                    view="ego",
                    media=str(self._folder / f"{choice.video_uid}.mp4"),
                    start=choice.clip_start,
                    end=choice.clip_end,
                    narration=narration,
                    take=choice.video_uid,
                )
                clips.append(clip)
        return clips, text_ids
