"""The data set: clips, pairs and candidate lists from takes and their annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

from egoexobench.protocols import Progress
from egoexobench.toolbox.splits import check_split, check_task
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import (
    CROSS_VIEW_TASKS,
    SPLITS,
    VIEWS,
    AnnotationIssue,
    CandidatePolicy,
    Clip,
    LabelSpace,
    Pair,
    Query,
    Split,
    Task,
    View,
)
from egoexobench_plugins.ego_exo4d.candidates import (
    LISTS_VERSION,
    NUM_CANDIDATES,
    SYNC_POLICIES,
    CandidateDrawer,
    ListPolicy,
    build_list_queries,
    make_clip_id,
)
from egoexobench_plugins.ego_exo4d.files import (
    CAPTURES,
    OFFICIAL_SPLITS,
    SPLITS_FILE,
    TAKES,
    get_annotation_name,
    read_annotations,
    read_required,
)
from egoexobench_plugins.ego_exo4d.moments import TakeMoment
from egoexobench_plugins.ego_exo4d.options import EgoExo4DOptions
from egoexobench_plugins.ego_exo4d.read_moments import read_moments
from egoexobench_plugins.ego_exo4d.split_rule import SPLITS_VERSION, VAL_PERCENT
from egoexobench_plugins.ego_exo4d.takes import RecordedTake, read_official_splits, read_takes

FOLDERS = {"448": "frame_aligned_videos/downscaled/448", "full": "frame_aligned_videos"}
"""Folder of the videos of a take, by resolution."""


@final
class EgoExo4DDataset:
    """Ego-Exo4D version 2; the factory explains the options.

    What the toolkit calls a take, clips of which are not independent, is a capture here: all takes
    of a capture show one room and the same people.
    """

    alignable = True
    """The videos of a take are synchronous."""
    has_only_pair_texts = True
    """The id of a clip means its video; a text has the id of its pair."""

    def __init__(self, root: Path, options: EgoExo4DOptions) -> None:
        self.root, self.options = root, options
        takes, captures = read_required(root, TAKES), read_required(root, CAPTURES)
        splits = read_required(root, SPLITS_FILE)
        self._annotations = read_annotations(root, options.clips)
        table = read_takes(takes, captures)
        self._moments, issues = read_moments(
            self._annotations, table, read_official_splits(splits), options
        )
        self.findings: Sequence[AnnotationIssue] = (*table.issues, *issues)
        self._sources = (takes, captures, splits, *self._annotations.values())
        self._drawers = {
            split: CandidateDrawer(self._moments[split], options.seed) for split in SPLITS
        }
        self._queries: dict[tuple[Split, Task, ListPolicy], Sequence[Query]] = {}

    @property
    def fingerprint(self) -> str:
        """Hash of the files, of the options and of the rules for splits and lists."""
        options = self.options
        files = {source.name: source.sha256 for source in self._sources}
        rules = [LISTS_VERSION, SPLITS_VERSION, VAL_PERCENT, options.seed]
        choices = [options.clips, options.resolution, options.seconds, options.narrated]
        return hash_json([files, rules, choices])

    @property
    def versions(self) -> Mapping[Split, str]:
        """The rules for the lists of 20 and for the splits."""
        narrated = f"narrated takes: {self.options.narrated}"
        lists = f"lists of {NUM_CANDIDATES} version {LISTS_VERSION}, seed {self.options.seed}"
        train = (
            f"split version {SPLITS_VERSION}, {VAL_PERCENT} % of the captures of the official "
            f"train are val; {narrated}"
        )
        test = f"split version {SPLITS_VERSION}, the official val; {narrated}; {lists}"
        return {"train": train, "val": f"{train}; {lists}", "test": test}

    @property
    def missing(self) -> Mapping[str, str]:
        """Each missing file, and what cannot be loaded without it."""
        contents = {"train": "the splits train and val", "val": "the split test"}
        return {
            get_annotation_name(self.options.clips, split): contents[split]
            for split in OFFICIAL_SPLITS
            if split not in self._annotations
        }

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip."""
        return {
            make_clip_id(moment, view): moment.location
            for split in SPLITS
            for moment in self._moments[split]
            for view in VIEWS
        }

    @cached_property
    def cameras(self) -> Mapping[str, str]:
        """Camera of each clip."""
        names: dict[str, str] = {}
        for split in SPLITS:
            for moment in self._moments[split]:
                names[make_clip_id(moment, "ego")] = moment.take.ego
                names[make_clip_id(moment, "exo")] = moment.exo
        return names

    def classes(self, task: Task) -> LabelSpace | None:
        """The key steps on ego clips, as in the official benchmark; None without key steps."""
        if task != "action" or self.options.clips == "descriptions":
            return None
        labels = {moment.label for split in SPLITS for moment in self._moments[split]}
        return LabelSpace("ego", tuple(sorted(label for label in labels if label)))

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media files are used as they are."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """The ego clip and the exo clip of each moment."""
        check_split(split)
        return [clip for clips in self._clips[split].values() for clip in clips]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """A pair for each text of a moment; the pairs of a moment share both clips."""
        check_split(split)
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Nothing: no lists were published; `list_queries` has those of this benchmark."""
        check_split(split)
        check_task(task)
        return []

    def list_policies(self, task: Task) -> Sequence[CandidatePolicy]:
        """The three kinds of wrong candidates between synchronous views; async with key steps."""
        if task not in CROSS_VIEW_TASKS:
            return ()
        return SYNC_POLICIES if self.options.clips == "descriptions" else (*SYNC_POLICIES, "async")

    def list_queries(self, split: Split, task: Task, policy: CandidatePolicy) -> Sequence[Query]:
        """Queries with 20 candidates of the splits val and test, see `CandidateDrawer`."""
        check_split(split)
        policies: tuple[ListPolicy, ...] = (*SYNC_POLICIES, "async")
        chosen = next((name for name in policies if name == policy), None)
        if split == "train" or chosen is None or policy not in self.list_policies(task):
            return []
        key = split, task, chosen
        if key not in self._queries:
            self._queries[key] = build_list_queries(self._drawers[split], task, chosen)
        return self._queries[key]

    @cached_property
    def _clips(self) -> Mapping[Split, Mapping[str, tuple[Clip, Clip]]]:
        """The clips of each moment by its id."""
        return {
            split: {moment.id: self._build_clips(moment) for moment in self._moments[split]}
            for split in SPLITS
        }

    @cached_property
    def _pairs(self) -> Mapping[Split, Sequence[Pair]]:
        return {
            split: [pair for item in self._moments[split] for pair in self._iter_pairs(split, item)]
            for split in SPLITS
        }

    @cached_property
    def _media_folder(self) -> str:
        media = self.options.media
        return (
            media.rstrip("/")
            if media and "://" in media
            else str(Path(media or self.root).resolve())
        )

    def _build_clips(self, moment: TakeMoment) -> tuple[Clip, Clip]:
        take = moment.take
        return (
            self._build_clip(moment, "ego", take.files[take.ego]),
            self._build_clip(moment, "exo", take.files[moment.exo]),
        )

    def _build_clip(self, moment: TakeMoment, view: View, file: str) -> Clip:
        return Clip(
            id=make_clip_id(moment, view),
            view=view,
            media=self._locate(moment.take, file),
            start=moment.start,
            end=moment.end,
            narration=moment.texts[0],
            take=moment.take.capture,
            scene=moment.take.scenario,
            verbs=(moment.label,) if moment.label else (),
        )

    def _locate(self, take: RecordedTake, file: str) -> str:
        folder = FOLDERS[self.options.resolution]
        return f"{self._media_folder}/takes/{take.name}/{folder}/{file}"

    def _iter_pairs(self, split: Split, moment: TakeMoment) -> Iterator[Pair]:
        ego, exo = self._clips[split][moment.id]
        for number, text in enumerate(moment.texts, 1):
            name = moment.id if number == 1 else f"{moment.id}/text{number}"
            yield Pair(name, ego, exo, text)
