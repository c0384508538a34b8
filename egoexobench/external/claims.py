"""What a user says of embeddings or answers that were made elsewhere; nothing of it is checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from egoexobench.errors import DataError, UsageError, format_unknown_name
from egoexobench.evaluation.tracks import InputProtocol
from egoexobench.options import parse_value
from egoexobench.types import Evidence, Similarity

UNKNOWN = "unknown"
UNKNOWN_PROTOCOL = InputProtocol(
    sampling=UNKNOWN, frames=0, resolution=None, template=UNKNOWN, similarity="cosine"
)
"""How clips were read, if nobody says it."""
PROTOCOL_KEY = "protocol"
"""Entry of the header of a file that `embed` writes, with its `InputProtocol` as JSON."""
_CLAIM_TYPES: Mapping[str, Any] = {
    "sampling": str,
    "frames": int,
    "resolution": int,
    "template": str,
}
_PROTOCOL: TypeAdapter[InputProtocol] = TypeAdapter(InputProtocol)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+ @()-]{0,79}")


def check_name(name: str) -> str:
    """Return the name of a method, if a table and a file name can show it.

    Raises:
        UsageError: for other letters, an empty name, or one of more than 80 letters.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"name {name!a} is not valid: 1 to 80 letters, digits, spaces and . _ + @ ( ) -, the "
            "first a letter or a digit"
        )
    return name


def parse_evidence(text: str) -> tuple[Evidence, ...] | None:
    """Return what embeddings are said to be computed from; None for ``unknown``.

    >>> parse_evidence("audio,video")
    ('video', 'audio')

    Raises:
        UsageError: for something that is no evidence.
    """
    if text == UNKNOWN:
        return None
    names = [name.strip().replace("-", "_") for name in text.split(",")]
    kinds: tuple[Evidence, ...] = get_args(Evidence)
    for name in names:
        if name not in kinds:
            raise UsageError(format_unknown_name("evidence", name, [*kinds, UNKNOWN]))
    return tuple(kind for kind in kinds if kind in names)


def resolve_protocol(
    claims: Mapping[str, str],
    headers: Iterable[Mapping[str, str]] = (),
    similarity: Similarity | None = None,
) -> InputProtocol:
    """Return how clips and texts were read: as claimed, else as the files say, else unknown.

    Args:
        claims: ``sampling``, ``frames``, ``resolution`` and ``template``, as text.
        headers: what each file says of itself.
        similarity: how candidates are ranked; None is what the files say, or the cosine.

    Raises:
        UsageError: for an unknown claim, or a value of the wrong type.
        DataError: for files that say different things.
    """
    protocol = _read_protocol(headers)
    for key, text in claims.items():
        if key not in _CLAIM_TYPES:
            raise UsageError(format_unknown_name("claim", key, _CLAIM_TYPES))
        value = parse_value(text, _CLAIM_TYPES[key], f"claim {key!r}")
        protocol = replace(protocol, **{key: value})
    if protocol.frames < 0 or (protocol.resolution is not None and protocol.resolution < 1):
        raise UsageError("frames and resolution are whole numbers, 1 or more")
    return protocol if similarity is None else replace(protocol, similarity=similarity)


def _read_protocol(headers: Iterable[Mapping[str, str]]) -> InputProtocol:
    texts = dict.fromkeys(header[PROTOCOL_KEY] for header in headers if PROTOCOL_KEY in header)
    try:
        protocols = [_PROTOCOL.validate_json(text, strict=True) for text in texts]
    except ValidationError:
        raise DataError(f"the entry {PROTOCOL_KEY!r} of a file is no protocol of `embed`") from None
    if len(protocols) > 1:
        names = [name for name, values in _list_fields(protocols).items() if len(values) > 1]
        raise DataError(f"the files were embedded with different settings: {', '.join(names)}")
    return protocols[0] if protocols else UNKNOWN_PROTOCOL


def _list_fields(protocols: Sequence[InputProtocol]) -> dict[str, set[Any]]:
    fields = [asdict(protocol) for protocol in protocols]
    return {name: {item[name] for item in fields} for name in fields[0]}
