"""The data set: clips, texts and their relevance from the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import final

from egoexobench.errors import DataError
from egoexobench.protocols import Progress
from egoexobench.toolbox.splits import check_split, check_task
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import Clip, LabelSpace, Pair, Query, Relevance, Split, Task
from egoexobench_plugins.ek100_mir.relevance import compute_relevance, read_relevance
from egoexobench_plugins.ek100_mir.rows import ClipRow, read_tables

RELEVANCE_VERSION = 1
"""Version of the formula of the relevance."""


@final
class EK100MIRDataset:
    """EPIC-KITCHENS-100 multi-instance retrieval; the factory explains the options.

    The id of a clip and of a text is that of a narration. Queries of one video are in one cluster.
    """

    def __init__(self, root: Path, videos: Path, relevance: Path | None) -> None:
        self._folder = videos.resolve()
        self._videos: dict[str, Path] = {}
        self._tables = read_tables(root)
        if not self._tables.texts:
            raise DataError(f"{root}: {self._tables.names[1]} has no valid row")
        by_id = {row.narration_id: row for _, row in self._tables.clips}
        rows = list(by_id.values())
        texts = [by_id[text.narration_id] for _, text in self._tables.texts]
        values = compute_relevance(rows, texts)
        self._hashes = {**self._tables.hashes}
        issues = list(self._tables.issues)
        if relevance is not None:
            values, digest, others = read_relevance(relevance, self._tables, values)
            self._hashes["relevance"] = digest
            issues += others
        self.findings = tuple(issues)
        ids = tuple(by_id), tuple(row.narration_id for row in texts)
        self._relevance = Relevance(*ids, values)
        self._clips = [self._build_clip(row) for row in rows]

    @property
    def fingerprint(self) -> str:
        """Hash of the tables, of the matrix if one is given, and of the formula."""
        return hash_json([self._hashes, RELEVANCE_VERSION])

    @cached_property
    def where(self) -> Mapping[str, str]:
        """File and row of each clip."""
        name = self._tables.names[0]
        return {row.narration_id: f"{name}, row {number}" for number, row in self._tables.clips}

    def classes(self, task: Task) -> LabelSpace | None:
        """No class of any recognition task: verbs are used for the relevance alone."""
        return LabelSpace("ego", ()) if task in ("scene", "action") else None

    def prepare(self, progress: Progress) -> None:
        """Do nothing: the media files are used as they are."""

    def clips(self, split: Split) -> Sequence[Clip]:
        """Every clip of the table; nothing in train and val."""
        check_split(split)
        return self._clips if split == "test" else []

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Nothing: all clips are ego clips."""
        check_split(split)
        return []

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Nothing: there are no lists."""
        check_split(split)
        check_task(task)
        return []

    def get_relevance(self, split: Split) -> Relevance | None:
        """How well each sentence describes each clip of the split test."""
        check_split(split)
        return self._relevance if split == "test" else None

    def _build_clip(self, row: ClipRow) -> Clip:
        return Clip(
            id=row.narration_id,
            view="ego",
            media=str(self._find_video(row.participant_id, row.video_id)),
            start=row.start_timestamp,
            end=row.stop_timestamp,
            narration=row.narration,
            take=row.video_id,
            verbs=(row.verb,) if row.verb else (),
            nouns=row.all_nouns,
        )

    def _find_video(self, participant: str, video: str) -> Path:
        """Return the file in one of the layouts in use; the usual one if there is none."""
        if video not in self._videos:
            base = self._folder / participant
            folders = (base / "videos", base, self._folder)
            paths = [f / f"{video}{suffix}" for f in folders for suffix in (".MP4", ".mp4")]
            self._videos[video] = next((path for path in paths if path.is_file()), paths[0])
        return self._videos[video]
