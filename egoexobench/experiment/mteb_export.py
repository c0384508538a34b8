"""Writes tracks as tasks of the library mteb, which then asks any of its models the same queries.

Source of the layout: embeddings-benchmark/mteb 2.26, `mteb/abstasks/retrieval_dataset_loaders.py`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from egoexobench.data.cut_clip import CUT_SUFFIX, is_complete_file, write_clip_file
from egoexobench.data.decode import read_media_info
from egoexobench.data.pair_items import map_clip_ids
from egoexobench.errors import DataError
from egoexobench.evaluation.answers import list_candidates, make_query_ids
from egoexobench.evaluation.queries import build_queries
from egoexobench.evaluation.query_ranking import filter_answerable
from egoexobench.evaluation.retrieval import find_query_views
from egoexobench.evaluation.tasks import TASKS_INFO, TEST_SPLIT, list_candidate_policies
from egoexobench.evaluation.tracks import hash_queries
from egoexobench.experiment.inputs import collect_narrations, list_text_ids
from egoexobench.experiment.mteb_template import README_TEXT, TASKS_MODULE
from egoexobench.experiment.subset import select_usable
from egoexobench.files import atomic_folder
from egoexobench.protocols import Dataset, Progress
from egoexobench.types import SPLITS, CandidatePolicy, Clip, Embeddings, Query, Task

MEDIA_FOLDER = "media"
TASKS_FILE = "tasks.json"
_TEXT_SIDES: Mapping[Task, tuple[bool, bool]] = {"t2v": (True, False), "v2t": (False, True)}
"""Whether queries and whether candidates are texts."""
_PROMPTS: Mapping[Task, str] = {
    "eg2ex": "Find the third-person video of what this first-person video shows.",
    "ex2eg": "Find the first-person video of what this third-person video shows.",
    "t2v": "Find the video clip that matches the given caption.",
    "v2t": "Find the caption that describes the following video.",
}
"""Instruction of a query; those of text and video are mteb's own (MSRVTTT2V, MSRVTTV2T)."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ExportedTrack:
    """One task of mteb that was written; a subset is the queries of one view."""

    name: str
    task: Task
    policy: CandidatePolicy
    num_queries: int
    num_dropped: int
    subsets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _ExportItems:
    """The clips and texts that can be queries or candidates, and a hash of the data set."""

    clips: Mapping[str, Clip]
    texts: Mapping[str, str]
    fingerprint: str
    dataset_name: str

    def select_queries(
        self, queries: Sequence[Query], task: Task, policy: CandidatePolicy
    ) -> list[Query]:
        """Return the queries that a run with these clips would score."""
        source_is_text, candidate_is_text = _TEXT_SIDES.get(task, (False, False))
        sources = self.texts if source_is_text else self.clips
        candidates = self.texts if candidate_is_text else self.clips
        answerable, _ = filter_answerable(
            queries, _make_index(sources), _make_index(candidates), policy
        )
        return answerable


def export_mteb(
    folder: Path,
    dataset: Dataset,
    name: str,
    *,
    tasks: Sequence[Task],
    policies: Sequence[CandidatePolicy],
    allow_missing: bool,
    progress: Progress,
) -> list[ExportedTrack]:
    """Write tracks as tasks of mteb: queries, candidates, answers and every media file once.

    Args:
        folder: it is created, completely or not at all.
        dataset: its media have been prepared.
        name: its registered name.
        tasks: retrieval tasks.
        policies: candidate policies; those that a task does not have are skipped.
        allow_missing: leave out clips without a media file, and the queries that need them.
        progress: shows how many media files are written.

    Raises:
        DataError: if there is no query, a media file is missing or does not decode, or the folder
            exists.
        WriteError: if the machine refuses to write it.
    """
    items = _read_items(dataset, name, allow_missing=allow_missing)
    with atomic_folder(folder, "choose another --out") as draft:
        tracks: list[ExportedTrack] = []
        fields: list[Row] = []
        media = _MediaNames(items.clips)
        for task in tasks:
            for policy in list_candidate_policies(task, dataset):
                queries = build_queries(dataset, TEST_SPLIT, task, policy)
                valid = items.select_queries(queries, task, policy)
                if policy not in policies or not valid:
                    continue
                writer = _TrackWriter(draft, items, media, task=task, policy=policy, queries=valid)
                fields.append(writer.write())
                tracks.append(writer.describe(num_dropped=len(queries) - len(valid)))
        if not tracks:
            raise DataError(
                f"{name} asks no query of {', '.join(tasks)} by {', '.join(policies)} in split "
                f"{TEST_SPLIT}"
            )
        media.write(draft / MEDIA_FOLDER, progress)
        _write_json(draft / TASKS_FILE, fields)
        (draft / "tasks.py").write_text(TASKS_MODULE, encoding="utf-8", newline="\n")
        (draft / "README.md").write_text(README_TEXT, encoding="utf-8", newline="\n")
    return tracks


class _MediaNames:
    """Gives each clip that is used a file; clips that show the same share it.

    Names depend on ids alone, and not on which tasks are exported: `datasets` may return the rows
    of an earlier export of the same track.
    """

    def __init__(self, clips: Mapping[str, Clip]) -> None:
        self._clips = clips
        self._first_ids = map_clip_ids(clips.values())
        self._used: dict[str, Clip] = {}
        self._has_audio: dict[str, bool] = {}

    def describe(self, clip_id: str) -> Row:
        """Return the columns of a clip: the files with its picture and its sound."""
        clip = self._clips[clip_id]
        first_id = self._first_ids[clip.content]
        suffix = Path(clip.media).suffix.lower() if is_complete_file(clip) else CUT_SUFFIX
        path = f"{MEDIA_FOLDER}/{_hash_text(first_id)}{suffix}"
        self._used[path] = clip
        if clip.media not in self._has_audio:
            self._has_audio[clip.media] = read_media_info(clip.media).audio is not None
        return {"video": path, "audio": path if self._has_audio[clip.media] else None}

    def write(self, folder: Path, progress: Progress) -> None:
        """Write every file that `describe` named."""
        folder.mkdir()
        with progress.stage("media", len(self._used)) as advance:
            for path, clip in self._used.items():
                write_clip_file(folder / Path(path).name, clip)
                advance(1)


class _TrackWriter:
    """Writes one track as a folder that mteb loads."""

    def __init__(
        self,
        root: Path,
        items: _ExportItems,
        media: _MediaNames,
        *,
        task: Task,
        policy: CandidatePolicy,
        queries: Sequence[Query],
    ) -> None:
        self.items = items
        self.media = media
        self.task: Task = task
        self.policy: CandidatePolicy = policy
        self.queries = queries
        self.revision = _hash_text(f"{items.fingerprint} {hash_queries(queries)}")
        # `datasets` caches rows by the name of a folder: other queries have another name
        self.folder = root / f"{task}-{policy}-{self.revision[:8]}"
        self.by_view = self._split_by_view()
        self.configs: list[str] = []

    def describe(self, *, num_dropped: int) -> ExportedTrack:
        """Return what was written."""
        return ExportedTrack(
            self.name,
            self.task,
            self.policy,
            num_queries=len(self.queries),
            num_dropped=num_dropped,
            subsets=tuple(self.by_view),
        )

    @property
    def name(self) -> str:
        """Name of the task; mteb stores results by it, so other queries are another task."""
        return f"EgoExo-{self.items.dataset_name}-{self.folder.name}"

    def write(self) -> Row:
        """Write the folder and return the fields of the task."""
        self.folder.mkdir()
        for view, queries in self.by_view.items():
            self._write_subset("" if view == "default" else f"{view}-", queries)
        sections = "".join(
            f"- config_name: {name}\n  data_files:\n"
            f"  - split: {TEST_SPLIT}\n    path: {name}.jsonl\n"
            for name in self.configs
        )
        (self.folder / "README.md").write_text(f"---\nconfigs:\n{sections}---\n", newline="\n")
        source_is_text, candidate_is_text = _TEXT_SIDES.get(self.task, (False, False))
        return {
            "name": self.name,
            "task": self.task,
            "policy": self.policy,
            "folder": self.folder.name,
            "revision": self.revision,
            "description": TASKS_INFO[self.task].description,
            "prompt": _PROMPTS[self.task],
            "query_is_text": source_is_text,
            "candidate_is_text": candidate_is_text,
            "subsets": [view for view in self.by_view if view != "default"],
            "is_reranking": any(name.endswith("top_ranked") for name in self.configs),
        }

    def _split_by_view(self) -> dict[str, list[Query]]:
        """Return the queries by view: with several, a score is the mean of both means."""
        views = {name: clip.view for name, clip in self.items.clips.items()}
        query_views = find_query_views(self.queries, views)
        if self.policy == "both-views" or len(set(query_views)) == 1:
            return {"default": list(self.queries)}
        result: dict[str, list[Query]] = {view: [] for view in sorted(set(query_views))}
        for view, query in zip(query_views, self.queries, strict=True):
            result[view].append(query)
        return result

    def _write_subset(self, prefix: str, queries: Sequence[Query]) -> None:
        source_is_text, candidate_is_text = _TEXT_SIDES.get(self.task, (False, False))
        named = list(zip(_make_unique_ids(self.task, self.policy, queries), queries, strict=True))
        corpus = sorted({name for query in queries for name in query.gallery.ids})
        rows: dict[str, list[Row]] = {
            "queries": [{"id": n} | self._describe(q.source, source_is_text) for n, q in named],
            "corpus": [{"id": name} | self._describe(name, candidate_is_text) for name in corpus],
            "qrels": [
                {"query-id": name, "corpus-id": positive, "score": 1}
                for name, query in named
                for positive in query.positive_ids
            ],
        }
        if len({query.gallery for query in queries}) > 1:  # a query has candidates of its own
            rows["top_ranked"] = [
                {"query-id": name, "corpus-ids": list_candidates(query.gallery)}
                for name, query in named
            ]
        for config, lines in rows.items():
            self._write(prefix + config, lines)

    def _describe(self, name: str, is_text: bool) -> Row:
        return {"text": self.items.texts[name]} if is_text else self.media.describe(name)

    def _write(self, config: str, rows: Sequence[Row]) -> None:
        self.configs.append(config)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (self.folder / f"{config}.jsonl").write_text(text, encoding="utf-8", newline="\n")


def _make_unique_ids(
    task: Task, policy: CandidatePolicy, queries: Sequence[Query]
) -> Iterator[str]:
    """Yield the id of each query; a question that is asked twice counts twice."""
    num_seen: dict[str, int] = {}
    for name in make_query_ids(task, policy, queries):
        num_seen[name] = num_seen.get(name, 0) + 1
        yield name if num_seen[name] == 1 else f"{name}-{num_seen[name]}"


def _hash_text(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_items(dataset: Dataset, name: str, *, allow_missing: bool) -> _ExportItems:
    subset = select_usable(dataset, name, allow_missing=allow_missing)
    text_ids = {split: list_text_ids(dataset, subset, split) for split in SPLITS}
    return _ExportItems(
        clips={clip.id: clip for clip in subset.clips[TEST_SPLIT]},
        texts=collect_narrations(subset, text_ids),
        fingerprint=dataset.fingerprint,
        dataset_name=name,
    )


def _make_index(items: Mapping[str, object]) -> Embeddings:
    """Return what says which items exist; their vectors do not matter."""
    return Embeddings(tuple(items), torch.empty(0))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
