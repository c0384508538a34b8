"""The result of an audit: which inputs the embeddings of a method depend on.

Distances are cosine distances, 0 for equal and 1 for unrelated embeddings; top-1 is in percent.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, final

from pydantic import Field

from egoexobench.errors import DataError
from egoexobench.files import write_text_atomic
from egoexobench.hashing import hash_json
from egoexobench.records import version_1
from egoexobench.records.field_types import Count, RecordModel, Text
from egoexobench.records.own_checksum import check_own_checksum, format_with_checksum
from egoexobench.records.schema import DatasetRecord, MethodRecord
from egoexobench.records.store import AUDIT_PREFIX, make_slug, parse_versioned, read_text
from egoexobench.types import Evidence, Task

EmbeddingSide = Literal["video", "text"]
SwapVerdict = Literal["used", "weak", "unused", "leak", "ignored", "indistinguishable"]
FreshDataVerdict = Literal["confirmed", "test_split_only"]
RecordedVerdict = Literal["same_embeddings", "other_embeddings"]
InvarianceVerdict = Literal["invariant", "dependent", "error", "discontinuous", "nondeterministic"]
Change = Literal["nothing", "annotation", "ids", "paths", "media", "files", "nudge"]
BatchVerdict = Literal["independent", "batch_dependent", "error"]
BatchCondition = Literal["alone", "order", "companions", "padding"]
FAILING_VERDICTS = frozenset(
    {
        "batch_dependent",
        "leak",
        "ignored",
        "dependent",
        "error",
        "discontinuous",
        "nondeterministic",
        "test_split_only",
        "other_embeddings",
    }
)
"""Verdicts that fail an audit."""
CHANGE_DESCRIPTIONS: Mapping[Change, str] = {
    "nothing": "encoded again from the same clips, the method is not deterministic",
    "annotation": "the same clips with other narrations and labels",
    "ids": "the same clips under other ids",
    "paths": "the same media under other file names",
    "media": "the same narrations with other media",
    "files": "the same pictures and the same sound, while the media files are those of other pairs",
    "nudge": "the same pictures but for single gray levels, the same sound but for 0.008 dB",
}

CONDITION_DESCRIPTIONS: Mapping[BatchCondition, str] = {
    "alone": "alone",
    "order": "in another order",
    "companions": "with other companions",
    "padding": "padded",
}


@final
class EmbeddingShift(RecordModel):
    """How far embeddings moved."""

    num_items: Count
    num_moved: Count = Field(description="embeddings that differ in at least one bit")
    max: float
    median: float


@final
class ModalitySwap(RecordModel):
    """The shift of embeddings when one modality is exchanged between clips of a split and view."""

    embedding: EmbeddingSide
    modality: Evidence
    declared: bool
    num_changed: Count = Field(description="items whose input is another one after the swap")
    shift: EmbeddingShift
    verdict: SwapVerdict = Field(
        description="`leak`: not declared, but moves embeddings; `ignored`: declared, but moves no "
        "embedding; `weak`: moves embeddings much less than another input; `indistinguishable`: "
        "all items have the same input, so that a swap shows nothing"
    )


@final
class HitRateShift(RecordModel):
    """Top-1 over the gallery before and after the swap of one modality.

    None if the modality is not an input of that side.
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
    """How an embedding reacted to a change that it must not depend on."""

    change: Change
    embedding: EmbeddingSide
    shift: EmbeddingShift | None = Field(None, description="null if the method raised an error")
    error: Text | None = None
    verdict: InvarianceVerdict = Field(
        description="`error`: the method raised an exception; `discontinuous`: a change that no "
        "human perceives moves the embedding; `nondeterministic`: it moves although nothing changes"
    )


@final
class BatchCheck(RecordModel):
    """Whether what a part computes of a clip or a text depends on the rest of the batch."""

    condition: BatchCondition
    part: Text = Field(description="kind, name and distribution of the part")
    role: str = Field(description="role of the encoder; video or text for embeddings")
    stage: Literal["tokens", "embedding"]
    num_items: Count = Field(description="comparisons; an item may be compared more than once")
    num_moved: Count = Field(description="comparisons that differ by more than rounding")
    max: float = Field(description="distance relative to the length of what was scored")
    tolerance: float = Field(description="distance that rounding explains at the precision")
    farthest: str | None = Field(None, description="id of the item that moves farthest")
    error: Text | None = None
    verdict: BatchVerdict = Field(
        description="`batch_dependent`: an item gets another result alone, in another order, with "
        "other companions or padded; `error`: a part raised an exception when it was called again"
    )


@final
class FreshDataCheck(RecordModel):
    """The gallery scores of a task on the test split and on fresh data of another data seed."""

    task: Task
    num_queries: tuple[Count, Count] = Field(description="of the test split and of fresh data")
    test_mrr: float
    fresh_mrr: float
    p: float = Field(description="one-sided, that the score drops by more than the margin")
    verdict: FreshDataVerdict = Field(
        description="`test_split_only`: the score on fresh data is far lower, so the method knows "
        "the test split"
    )


@final
class RecordedEmbeddingsCheck(RecordModel):
    """How far the audited embeddings are from those that a run scored and wrote."""

    record: str = Field(description="id of the record of the run")
    embedding: EmbeddingSide
    shift: EmbeddingShift | None = Field(None, description="null if ids or widths differ")
    verdict: RecordedVerdict


@final
class Audit(RecordModel):
    """One audit."""

    schema_version: Literal[2] = 2
    method: MethodRecord
    dataset: DatasetRecord
    seed: int
    swaps: tuple[ModalitySwap, ...]
    shifts: tuple[HitRateShift, ...]
    invariances: tuple[InvarianceCheck, ...]
    batches: tuple[BatchCheck, ...] = Field((), description="empty in audits before version 0.2")
    fresh_data: tuple[FreshDataCheck, ...] = Field(
        (), description="empty if the data set cannot be generated again"
    )
    recorded: tuple[RecordedEmbeddingsCheck, ...] = Field(
        (), description="empty if the audit was not made from a record"
    )
    accesses: tuple[Text, ...] = Field(
        (), description="what parts did with the data set and its files while clips were embedded"
    )
    patched: tuple[str, ...] = Field(
        (), description="functions of the toolkit that were replaced in this process"
    )
    passed: bool
    checksum: str | None = Field(
        default=None, description="of all other fields; null in audits before version 0.2"
    )


def save_audit(audit: Audit, root: Path) -> Path:
    """Write an audit and return its path; it replaces that of the same method, data and seed.

    Raises:
        DataError: if it cannot be written.
    """
    path = root / make_audit_name(audit.method, audit.dataset, audit.seed)
    write_text_atomic(path, format_with_checksum(audit, indent=1))
    return path


def make_audit_name(method: MethodRecord, dataset: DatasetRecord, seed: int) -> str:
    """Return the file name of the audit of a method, a data set and a seed."""
    identity = hash_json([method.fingerprint, dataset.fingerprint, seed])
    return f"{AUDIT_PREFIX}{make_slug(method.name)}-{identity[:12]}.json"


def read_audit(path: Path) -> Audit:
    """Read an audit of this schema version or of version 1; its verdicts follow from its numbers.

    Raises:
        DataError: if the file cannot be read, is not an audit, or contradicts itself.
    """
    text = read_text(path)
    audit = parse_versioned(path, text, Audit, version_1.upgrade_audit)
    for fault in _iter_verdict_faults(audit):
        raise DataError(f"{path}: {fault}")
    check_own_checksum(str(path), text)
    return audit.model_copy(update={"checksum": None})  # of the file, not of the audit


def _iter_verdict_faults(audit: Audit) -> Iterator[str]:
    if not audit.swaps or not audit.invariances:
        yield "swaps, invariances: an audit has at least one of each"
    for swap in audit.swaps:
        if not swap.declared and swap.verdict != ("leak" if swap.shift.num_moved else "unused"):
            yield f"swaps.{swap.embedding}.{swap.modality}.verdict: {swap.verdict!r}"
    for check in audit.invariances:
        if (check.verdict == "error") != (check.shift is None):
            yield f"invariances.{check.embedding}.{check.change}.verdict: {check.verdict!r}"
    for item in audit.batches:
        moved = "batch_dependent" if item.num_moved else "independent"
        if item.verdict != ("error" if item.error is not None else moved):
            yield f"batches.{item.role}.{item.condition}.verdict: {item.verdict!r}"
    if audit.passed == bool(list_failures(audit)):
        yield f"passed: {audit.passed}, where {len(list_failures(audit))} verdicts fail"


def list_failures(audit: Audit) -> list[str]:
    """Return one line for each verdict that fails the audit."""
    swaps = [swap for swap in audit.swaps if swap.verdict in FAILING_VERDICTS]
    checks = [check for check in audit.invariances if check.verdict in FAILING_VERDICTS]
    batches = _select_causes([c for c in audit.batches if c.verdict in FAILING_VERDICTS])
    drops = [check for check in audit.fresh_data if check.verdict in FAILING_VERDICTS]
    return [
        *map(_describe_swap_failure, swaps),
        *map(_describe_invariance_failure, checks),
        *map(_describe_batch_failure, batches),
        *map(_describe_drop, drops),
        *(
            f"the {check.embedding} embeddings are not those of the run {check.record}"
            for check in audit.recorded
            if check.verdict in FAILING_VERDICTS
        ),
        *(f"a part {access} while clips are embedded" for access in audit.accesses),
        *(
            f"something replaced {name}: it is not the function of the toolkit"
            for name in audit.patched
        ),
    ]


def _describe_swap_failure(swap: ModalitySwap) -> str:
    if swap.verdict == "ignored":
        return (
            f"{swap.modality} is declared for {swap.embedding} embeddings but ignored: exchanging "
            "it moves none of them"
        )
    return (
        f"{swap.modality} is not declared for {swap.embedding} embeddings and moves "
        f"{swap.shift.num_moved} of {swap.shift.num_items}"
    )


def _describe_invariance_failure(check: InvarianceCheck) -> str:
    description = CHANGE_DESCRIPTIONS[check.change]
    if check.shift is None:
        return f"{description}: {check.error}"
    num_moved, num_items = check.shift.num_moved, check.shift.num_items
    return f"{description}: {num_moved} of {num_items} {check.embedding} embeddings move"


def _describe_drop(check: FreshDataCheck) -> str:
    return (
        f"fresh data of another seed: the mean reciprocal rank of {check.task} is "
        f"{check.fresh_mrr:.2f} instead of {check.test_mrr:.2f}, so the method knows the test split"
    )


def _select_causes(failures: list[BatchCheck]) -> list[BatchCheck]:
    """Return the failures without embeddings that move because the tokens of an encoder do."""
    with_tokens = {
        (check.condition, check.role == "text") for check in failures if check.stage == "tokens"
    }
    return [
        check
        for check in failures
        if check.stage == "tokens" or (check.condition, check.role == "text") not in with_tokens
    ]


def _describe_batch_failure(check: BatchCheck) -> str:
    if check.error is not None:
        return f"{check.part}: clips and texts computed again: {check.error}"
    result = f"{check.role} {'tokens' if check.stage == 'tokens' else 'embeddings'}"
    return (
        f"{check.part}: {CONDITION_DESCRIPTIONS[check.condition]}, {check.num_moved} of "
        f"{check.num_items} {result} move by more than rounding, farthest that of {check.farthest} "
        f"(distance {check.max:.2g})"
    )
