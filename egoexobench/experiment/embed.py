"""Embeddings of everything that a data set asks about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch

from egoexobench.evaluation.metrics import reciprocal
from egoexobench.evaluation.retrieval import complete, rank
from egoexobench.evaluation.tracks import questions
from egoexobench.experiment.inputs import Gathered
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import embed_clips, embed_texts
from egoexobench.protocols import Anchor, Dataset
from egoexobench.types import RETRIEVAL_TASKS, Embeddings, Split, Task

Side = Literal["video", "text"]
SIDES: tuple[Side, ...] = ("video", "text")
CRITERION = "mean reciprocal rank over the gallery retrieval tasks"


@dataclass(frozen=True, slots=True)
class Embedded:
    """Videos by clip id; texts by id of their pair or clip, where the method reads text."""

    videos: Embeddings
    texts: Embeddings | None

    def side(self, side: Side) -> Embeddings | None:
        """The embeddings of videos or of texts; None if the method has none."""
        return self.videos if side == "video" else self.texts

    def sides(self, task: Task) -> tuple[Embeddings, Embeddings] | None:
        """Where the sources and the candidates of a retrieval task stand; None if it has none."""
        if task in ("eg2ex", "ex2eg"):
            return self.videos, self.videos
        if self.texts is None:
            return None
        return (self.texts, self.videos) if task == "t2v" else (self.videos, self.texts)


def embed(
    model: EmbeddingModel, gathered: Gathered, anchor: Anchor | None, splits: Iterable[Split]
) -> Embedded:
    """Embed every clip, and every text that is asked about, of some splits."""
    chosen = list(splits)
    clips = [clip for split in chosen for clip in gathered.clips[split]]
    videos = embed_clips(model, gathered.inputs, clips)
    if gathered.inputs.narration is None:
        return Embedded(videos, None)
    kind = anchor.eval_text if anchor else "sound_text" if model.method.fuse_text else "narration"
    texts = [name for split in chosen for name in gathered.texts[split]]
    return Embedded(videos, embed_texts(model, gathered.inputs, texts, kind))


def criterion(dataset: Dataset, embedded: Embedded) -> float:
    """Value by which an epoch is chosen, on the validation split."""
    values = []
    for task in RETRIEVAL_TASKS:
        if sides := embedded.sides(task):
            asked, _ = complete(questions(dataset, "val", task, "gallery"), *sides, "gallery")
            if asked:
                values.append(torch.from_numpy(reciprocal(rank(asked, *sides))).mean())
    return float(torch.stack(values).mean()) if values else 0.0
