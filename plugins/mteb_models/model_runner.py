"""Runs `encode` of a model of mteb on rows of clips or texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, final

import torch
from torch import Tensor

from egoexobench.errors import DataError
from egoexobench.types import Tokens
from egoexobench_plugins.mteb_models.batches import Row, make_loader
from egoexobench_plugins.mteb_models.load import load_model, safe_model
from egoexobench_plugins.mteb_models.model_metadata import check_modality, import_mteb

Input = Literal["video", "audio", "text"]
PROMPT = "Find the video clip that matches the given caption."
"""Instruction of mteb's own task of text-to-video retrieval, MSRVTTT2V."""


@final
class ModelRunner:
    """A loaded model, and the task that it is told: retrieval of clips by texts.

    Args:
        metadata: of the model in mteb.
        inputs: columns of a row.
        sample: a row that any model reads, which shows the width of an embedding.
        batch_size: rows of one batch.

    Raises:
        UsageError: if the model does not read the inputs.
        DataError: if it cannot be loaded.
    """

    def __init__(
        self, metadata: Any, inputs: Sequence[Input], sample: Row, *, batch_size: int
    ) -> None:
        for name in inputs:
            check_modality(metadata, name)
        self.metadata = metadata
        self.sample = sample
        self.batch_size = batch_size
        self.is_query = "text" in inputs
        self.task = _describe_task(inputs)
        self.device = "cpu"
        self.model = load_model(metadata, self.device)

    @property
    def content_hash(self) -> str:
        """Hash of the model's name, its revision and the version of mteb, which wraps it."""
        facts = self.metadata.name, str(self.metadata.revision), str(import_mteb().__version__)
        return hashlib.sha256(" ".join(facts).encode()).hexdigest()[:32]

    @cached_property
    def dim(self) -> int:
        """Width of an embedding; the metadata of mteb list several for some models."""
        return int(self._encode_rows([self.sample]).shape[1])

    def encode(self, rows: Sequence[Row], device: torch.device) -> Tokens:
        """Return one token of each row; a row without any input has none.

        Rows that lack an input are encoded apart, since a batch of mteb has one set of columns.
        """
        self._move_to(str(device))
        vectors = torch.zeros(len(rows), self.dim)
        for columns in {tuple(row) for row in rows if row}:
            indices = [index for index, row in enumerate(rows) if tuple(row) == columns]
            vectors[indices] = self._encode_rows([rows[index] for index in indices])
        mask = torch.tensor([[bool(row)] for row in rows], device=device)
        return Tokens(vectors[:, None].to(device), mask)

    def _move_to(self, device: str) -> None:
        """Load the model again, on the device of the run: wrappers of mteb cannot be moved."""
        if device != self.device:
            self.model = None
            self.model, self.device = load_model(self.metadata, device), device

    def _encode_rows(self, rows: Sequence[Row]) -> Tensor:
        """Return embeddings ``(B, D)``.

        Raises:
            DataError: if the model fails, or gives no matrix.
        """
        from mteb.types import PromptType

        with safe_model(self.metadata.name):
            result: Any = self.model.encode(
                make_loader(rows, self.batch_size),
                task_metadata=self.task,
                hf_split="test",
                hf_subset="default",
                prompt_type=PromptType.query if self.is_query else PromptType.document,
                batch_size=self.batch_size,
                show_progress_bar=False,
            )
            vectors = torch.as_tensor(result).detach().float().cpu()
        if vectors.ndim != 2 or len(vectors) != len(rows):
            raise DataError(
                f"model={self.metadata.name} of mteb gives an array {tuple(vectors.shape)} for "
                f"{len(rows)} clips or texts; expected one vector of each"
            )
        return vectors


def _describe_task(inputs: Sequence[Input]) -> Any:
    from mteb.abstasks.task_metadata import TaskMetadata

    media = [name for name in ("video", "audio") if name in inputs] or ["video"]
    return TaskMetadata(
        name="EgoExoBench",
        description="Association of first-person and third-person clips.",
        dataset={"path": "egoexobench", "revision": "1"},
        type="Any2AnyRetrieval",
        category="t2" + "".join(name[0] for name in media),
        modalities=["text", *media],
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="hit_rate_at_1",
        prompt={"query": PROMPT},
    )
