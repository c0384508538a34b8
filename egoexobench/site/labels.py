"""Words of the pages for the names in records."""

from __future__ import annotations

from collections.abc import Mapping

from egoexobench.types import CandidatePolicy, ScoredTask

TASK_LABELS: Mapping[ScoredTask, str] = {
    "eg2ex": "ego → exo",
    "ex2eg": "exo → ego",
    "association": "both views",
    "t2v": "text → video",
    "v2t": "video → text",
    "text-video": "text ↔ video",
    "scene": "scene",
    "action": "action",
    "phase": "phase of a frame",
    "frame-retrieval": "frame → frames",
    "progression": "progression",
    "alignment": "alignment",
}
POLICY_HINTS: Mapping[CandidatePolicy | None, str] = {
    "gallery": "The candidates of a query are every clip, or every text, of the other side.",
    "mcq20": "Each query has 20 candidates, which the data set lists.",
    "both-views": "Every clip of both views is a candidate; two are right.",
    "rerank@100": "The queries of the gallery; a scorer orders its first 100 candidates again.",
    "sync-take": "Listed candidates: the same moment, and other moments of the same take.",
    "sync-scenario": "Listed candidates: the same moment, and other takes of the same scenario.",
    "sync-random": "Listed candidates: the same moment, and random moments of other takes.",
    "async": "Listed candidates: the same step in other takes, and other steps.",
    "multi-instance": "Every text, or every clip, is a candidate and relevant to a degree.",
    "inter-video": "Each query has 5 candidates, which are of different videos.",
    "intra-video": "Each query has 5 candidates, which are of one video.",
    "regular": "Tasks on frames learn from, or ask, frames of both views.",
    "ego2exo": "Tasks on frames learn from, or ask, ego frames, and are scored on exo frames.",
    "exo2ego": "Tasks on frames learn from, or ask, exo frames, and are scored on ego frames.",
    None: "A linear layer on frozen embeddings tells classes apart.",
}
REFERENCE_HINTS: Mapping[str, str] = {
    "chance": "a random order",
    "majority": "the same answer always",
    "oracle": "the right answer first",
    "duration": "shortcut, reads the media",
    "loudness": "shortcut, reads the media",
    "synchrony": "shortcut, reads the media",
    "scene": "shortcut, reads the annotation",
    "narration": "shortcut, reads the annotation",
    "position": "shortcut, the time of a frame in its clip",
}
"""What the rows without a method answer."""
