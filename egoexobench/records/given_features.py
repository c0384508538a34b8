"""Features that were computed elsewhere and given to a method: what is claimed of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

from egoexobench.records.schema import MethodRecord
from egoexobench.types import Evidence

_ROLES: Mapping[Evidence, tuple[str, ...]] = {
    "video": ("video", "video_exo", "joint"),
    "audio": ("audio", "joint"),
}
"""Roles whose tokens an input of video embeddings stands for."""


UNKNOWN_READING: Mapping[str, str | int] = {"sampling": "unknown", "frames": 0}
"""What a track says of frames that were read elsewhere."""
ROLE_EVIDENCE: Mapping[str, tuple[Evidence, ...]] = {
    "video": ("video",),
    "video_exo": ("video",),
    "audio": ("audio",),
    "joint": ("video", "audio"),
    "text": ("narration",),
}
"""What the encoder of a role reads."""


def add_claims(
    declared: Mapping[str, tuple[Evidence, ...]],
    roles: Collection[str],
    claims: Mapping[str, tuple[Evidence, ...]],
) -> dict[str, tuple[Evidence, ...]]:
    """Return what embeddings are declared to be computed from, with the claims in their roles.

    >>> add_claims({"video": ("video",), "text": ()}, {"video"}, {"video": ("video", "audio")})
    {'video': ('video', 'audio'), 'text': ()}

    Args:
        declared: what the roles of the method give, by side.
        roles: the roles that some encoder plays.
        claims: what features are said to be computed from, by role.
    """
    if not claims:
        return dict(declared)
    video: set[Evidence] = set()
    for evidence in declared["video"]:
        played = [role for role in _ROLES.get(evidence, ()) if role in roles]
        inputs = [claims.get(role, (evidence,)) for role in played] or [(evidence,)]
        video |= {item for of_role in inputs for item in of_role}
    text = {*declared["text"], *claims.get("text", ())}
    order = get_args(Evidence)
    return {
        "video": tuple(item for item in order if item in video),
        "text": tuple(item for item in order if item in text),
    }


def list_claims(method: MethodRecord) -> dict[str, tuple[Evidence, ...]]:
    """Return what given features are said to be computed from, by role; empty without any."""
    return {part.role: part.claimed for part in method.parts if part.claimed}


def describe_given_features(method: MethodRecord) -> str | None:
    """Return what a table says of features that were given; None if all were computed here."""
    claims = list_claims(method)
    if not claims:
        return None
    parts = [
        f"{role.replace('_', ' ')} from {' and '.join(inputs).replace('_', ' ')}"
        for role, inputs in claims.items()
    ]
    return f"features given, not audited: {', '.join(parts)}, as claimed"
