"""Which split a take is in: by its capture, never by its clips."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from egoexobench.types import Split
from egoexobench_plugins.ego_exo4d.files import OfficialSplit
from egoexobench_plugins.ego_exo4d.takes import RecordedTake

VAL_PERCENT = 10
"""Percent of the captures of the official train that become val."""
SPLITS_VERSION = 1
"""Version of the rule of :func:`assign_split`."""


def assign_split(take: RecordedTake, official: OfficialSplit) -> Split:
    """Return the split of a take that has public annotations.

    The official val is scored, because the annotations of the official test are not public. A
    capture of the official train is in val if the first 8 digits of the SHA-256 of its uid, as a
    number, are below 10 modulo 100.
    """
    if official == "val":
        return "test"
    digits = hashlib.sha256(take.capture.encode()).hexdigest()[:8]
    return "val" if int(digits, 16) % 100 < VAL_PERCENT else "train"


def find_split_faults(
    takes: Mapping[str, RecordedTake], official: Mapping[str, Any], split: OfficialSplit
) -> dict[str, str]:
    """Return why takes cannot be in a file of an official split, by uid of the take.

    All takes of a capture show one room and the same clothes. So a capture of the official val has
    no take in our train.
    """
    scored = {take.capture for uid, take in takes.items() if official.get(uid) == "val"}
    faults = {}
    for uid, take in takes.items():
        if (stated := official.get(uid)) != split:
            faults[uid] = f"splits.json has it in {stated!r}, and not in {split!r}"
        elif split == "train" and take.capture in scored:
            faults[uid] = "its capture also has takes of the official val, which is scored"
    return faults
