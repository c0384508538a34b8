"""The method of a record whose embeddings or answers were made elsewhere: a name and claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from egoexobench.hashing import hash_json
from egoexobench.layers import hash_layers
from egoexobench.records.schema import (
    AnswererRecord,
    DeclaredInputs,
    ExternalSource,
    MethodRecord,
)
from egoexobench.types import Evidence

ExternalKind = Literal["embeddings", "answers"]


def describe_external_method(
    name: str,
    source: ExternalSource,
    *,
    video: Sequence[Evidence],
    text: Sequence[Evidence],
) -> MethodRecord:
    """Return the method as a record holds it.

    Args:
        name: of the method, as its authors call it.
        source: what was given.
        video: what the answers or the embeddings of videos are said to be computed from.
        text: the same of texts.
    """
    inputs = DeclaredInputs(video=tuple(video), text=tuple(text))
    return MethodRecord(
        name=name,
        spec=name,
        overrides={},
        scale="external",
        parts=(),
        hyperparameters={},
        declared_inputs=inputs,
        fingerprint=hash_external_method(name, source, inputs),
        toolkit_hash=hash_layers(up_to="experiment"),
        external=source,
    )


def hash_external_method(name: str, source: ExternalSource, inputs: DeclaredInputs) -> str:
    """Return the fingerprint: it follows from the record alone, so that a claim cannot change."""
    return hash_json([name, source.model_dump(), inputs.model_dump()])


def replace_content(method: MethodRecord, content: str) -> MethodRecord:
    """Return an external method as if other embeddings or answers had been given."""
    if method.external is None:
        return method
    source = method.external.model_copy(update={"content": content})
    fingerprint = hash_external_method(method.name, source, method.declared_inputs)
    return method.model_copy(update={"external": source, "fingerprint": fingerprint})


def describe_external_source(method: MethodRecord) -> str | None:
    """Return what a table says of embeddings or answers that were made elsewhere; None otherwise.

    >>> source = ExternalSource(kind="answers", evidence="unknown", content="0" * 64)
    >>> describe_external_source(describe_external_method("guesser", source, video=(), text=()))
    'answers given, not audited: what they were computed from is unknown'
    """
    source = method.external
    if source is None:
        return None
    sides = method.declared_inputs.video, method.declared_inputs.text
    inputs = [" and ".join(side).replace("_", " ") for side in sides if side]
    if source.answerer is not None:
        start = _describe_answerer(source.answerer)
        return f"{start}, not audited: it was sent {', texts from '.join(inputs)}"
    authors = f" by {source.authors}" if source.authors else ""
    start = f"{source.kind} given{authors}, not audited"
    if source.evidence == "unknown":
        return f"{start}: what they were computed from is unknown"
    return f"{start}: computed from {', texts from '.join(inputs)}, as claimed"


def describe_answer_counts(answerer: AnswererRecord) -> str:
    """Return how many questions an answerer got, and what came back."""
    total = f"Questions: {answerer.num_questions}"
    if answerer.max_queries is not None:
        total += f", up to {answerer.max_queries} of a task by seed {answerer.seed}"
    parts = [f"{total}, each with candidates in an order of its own"]
    for text, reasons in (
        ("without a valid answer, which counts as chance", answerer.num_refused),
        ("without a response and left out", answerer.num_failed),
    ):
        if reasons:
            counts = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
            parts.append(f"{text}: {counts}")
    if any(answerer.positions):
        excess = [
            n - e for n, e in zip(answerer.positions, answerer.expected_positions, strict=True)
        ]
        first = max(range(len(excess)), key=excess.__getitem__)
        count, expected = answerer.positions[first], answerer.expected_positions[first]
        parts.append(
            f"most chosen position: candidate {first + 1}, {count} of {sum(answerer.positions)} "
            f"answers, {expected:.1f} expected"
        )
    return "; ".join(parts)


def _describe_answerer(answerer: AnswererRecord) -> str:
    model = answerer.key.get("model")
    return f"answers of {answerer.part.name}" + (f" (model {model})" if model else "")


def iter_external_faults(method: MethodRecord) -> Iterator[str]:
    """Yield one line for each field that contradicts that the method ran elsewhere."""
    source, inputs = method.external, method.declared_inputs
    if (method.scale == "external") != (source is not None):
        yield f"method.scale: {method.scale!r}, where external is {source is not None}"
    if source is None:
        return
    for field in ("parts", "overrides", "hyperparameters", "distribution"):
        if getattr(method, field):
            yield f"method.{field}: the method is external, so nobody knows them"
    if method.spec != method.name:
        yield f"method.spec: {method.spec!r}, where the name is {method.name!r}"
    yield from _iter_answerer_faults(source)
    if (source.evidence != "unknown") != bool(inputs.video):
        yield f"method.declared_inputs.video: {inputs.video}, where evidence is {source.evidence}"
    if source.evidence == "unknown" and inputs.text:
        yield f"method.declared_inputs.text: {inputs.text}, where evidence is unknown"
    if len(set(inputs.video)) < len(inputs.video) or len(set(inputs.text)) < len(inputs.text):
        yield "method.declared_inputs: one stands twice"
    expected = hash_external_method(method.name, source, inputs)
    if method.fingerprint != expected:
        yield f"method.fingerprint: {method.fingerprint}, where its fields give {expected}"


def _iter_answerer_faults(source: ExternalSource) -> Iterator[str]:
    """Yield what contradicts that a part asked the questions, and counts that cannot be."""
    answerer, location = source.answerer, "method.external.answerer"
    if (answerer is not None) != (source.evidence == "sent"):
        yield f"{location}: {answerer is not None}, where evidence is {source.evidence}"
    if answerer is None:
        return
    if source.kind != "answers":
        yield f"{location}: it answers, where the kind is {source.kind}"
    if (answerer.part.role, answerer.part.kind) != ("answerer", "answerer"):
        yield f"{location}.part: {answerer.part.role} of kind {answerer.part.kind}"
    num_wrong = sum(answerer.num_refused.values()) + sum(answerer.num_failed.values())
    num_valid = answerer.num_questions - num_wrong
    if num_valid < 0:
        yield f"{location}.num_questions: {answerer.num_questions}, of which {num_wrong} failed"
    elif sum(answerer.positions) > num_valid:
        yield f"{location}.positions: {sum(answerer.positions)} choices in {num_valid} answers"
    if len(answerer.positions) != len(answerer.expected_positions):
        yield f"{location}.expected_positions: not as many as positions"
    elif abs(sum(answerer.expected_positions) - sum(answerer.positions)) > 1e-6 * num_valid + 1e-9:
        yield f"{location}.expected_positions: their sum is not that of positions"
