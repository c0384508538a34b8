"""What an audit of a method found: which evidence its embeddings move with.

Distances are cosine distances, 0 for equal and 1 for unrelated embeddings; top-1 is in percent.
"""

from pathlib import Path
from typing import Literal, final

from pydantic import Field

from egoexobench.files import write_text_atomic
from egoexobench.hashing import hash_json
from egoexobench.records.field_types import Count, RecordModel, Text
from egoexobench.records.schema import DatasetRecord, MethodRecord
from egoexobench.records.store import AUDIT_PREFIX, slug
from egoexobench.types import Evidence, Task

EmbeddingSide = Literal["video", "text"]
Verdict = Literal["used", "faint", "unused", "leak", "dead", "alike"]
Change = Literal["nothing", "annotation", "ids", "paths", "media", "nudge"]
FAILING_VERDICTS = frozenset({"leak", "dead", "open", "broke", "jumps", "unsteady"})
"""Verdicts that fail an audit."""


@final
class EmbeddingShift(RecordModel):
    """How far embeddings moved."""

    items: Count
    moved: Count = Field(description="embeddings that differ in at least one bit")
    largest: float
    median: float


@final
class ModalitySwap(RecordModel):
    """One modality exchanged between clips of a split and view, at the door of the model."""

    embedding: EmbeddingSide
    modality: Evidence
    declared: bool
    exchanged: Count = Field(description="items that were given other input")
    movement: EmbeddingShift
    verdict: Verdict = Field(
        description="`leak`: undeclared and moves; `dead`: declared and moves nothing; `faint`: "
        "moves embeddings next to nothing; `alike`: every item has the same input, so nothing can "
        "be told"
    )


@final
class HitRateShift(RecordModel):
    """Top-1 over the gallery before and after one modality was exchanged.

    None where the modality is not fed to that side.
    """

    task: Task
    modality: Evidence
    n: Count
    before: float
    query: float | None
    candidate: float | None
    both: float


@final
class InvarianceCheck(RecordModel):
    """What an embedding did when something changed that it must not depend on."""

    change: Change
    embedding: EmbeddingSide
    movement: EmbeddingShift | None = Field(None, description="null where the method broke")
    error: Text | None = None
    verdict: Literal["shut", "open", "broke", "jumps", "unsteady"] = Field(
        description="`broke`: an exception; `jumps`: a change that nobody sees or hears moves the "
        "embedding; `unsteady`: it moves when nothing changes"
    )


@final
class Audit(RecordModel):
    """One audit."""

    schema_version: Literal[1] = 1
    method: MethodRecord
    dataset: DatasetRecord
    seed: int
    swaps: tuple[ModalitySwap, ...]
    shifts: tuple[HitRateShift, ...]
    doors: tuple[InvarianceCheck, ...]
    passed: bool


def save_audit(audit: Audit, root: Path) -> Path:
    """Write an audit and return where it lies; one of a method, data set and seed stands.

    Raises:
        DataError: if it cannot be written.
    """
    known = hash_json([audit.method.fingerprint, audit.dataset.fingerprint, audit.seed])
    path = root / f"{AUDIT_PREFIX}{slug(audit.method.name)}-{known[:12]}.json"
    write_text_atomic(path, audit.model_dump_json(indent=1) + "\n")
    return path


def failure_messages(audit: Audit) -> list[str]:
    """Return one line for each verdict that fails the audit."""
    lines = [_swap_message(one) for one in audit.swaps if one.verdict in FAILING_VERDICTS]
    return lines + [
        _invariance_message(one) for one in audit.doors if one.verdict in FAILING_VERDICTS
    ]


def _swap_message(swap: ModalitySwap) -> str:
    if swap.verdict == "dead":
        return (
            f"{swap.modality} is declared for {swap.embedding} embeddings and dead: exchanging it "
            "moves none of them"
        )
    return (
        f"{swap.modality} is not declared for {swap.embedding} embeddings and moves "
        f"{swap.movement.moved} of {swap.movement.items}"
    )


def _invariance_message(door: InvarianceCheck) -> str:
    if door.movement is None:
        return f"{CHANGE_DESCRIPTIONS[door.change]}: {door.error}"
    moved = f"{door.movement.moved} of {door.movement.items} {door.embedding} embeddings move"
    return f"{CHANGE_DESCRIPTIONS[door.change]}: {moved}"


CHANGE_DESCRIPTIONS: dict[Change, str] = {
    "nothing": "encoded again from the same clips, the method is not deterministic",
    "annotation": "the same clips with other narrations and labels",
    "ids": "the same clips under other ids",
    "paths": "the same media under other file names",
    "media": "the same narrations with other media",
    "nudge": "the same pictures but for single grey levels, the same sound but for 0.008 dB",
}
