"""Finds what a record says twice and differently: spec, settings, parts, tracks, command."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import get_args

from egoexobench.data.sampling import SAMPLERS, reads_every_frame
from egoexobench.errors import UsageError
from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.evaluation.tracks import FRAME_READING
from egoexobench.method import ROLES, parse_setting
from egoexobench.records.given_features import UNKNOWN_READING, list_claims
from egoexobench.records.schema import DatasetRecord, MethodRecord, PartRecord, Record, ScoreRecord
from egoexobench.records.version_1 import PART_NAMES
from egoexobench.spec import Spec
from egoexobench.types import FRAME_DIRECTIONS, FRAME_TASKS, LISTED_POLICIES, Similarity

OWN_DISTRIBUTION = "egoexobench"
TRACK_SETTINGS: Mapping[str, str] = {
    "frames": "num_frames",
    "template": "text_template",
    "sampling": "frame_sampling",
    "similarity": "similarity",
}
"""Field of a track to the setting of the method that it repeats."""


def iter_method_faults(record: Record) -> Iterator[str]:
    """Yield one line for each thing that two fields say differently."""
    yield from _iter_spec_faults("method", record.method)
    yield from _iter_spec_faults("dataset", record.dataset)
    for role, count in Counter(part.role for part in record.method.parts).items():
        if count > 1:
            yield f"method.parts: role {role} stands {count} times"
    parts = {part.role: part for part in record.method.parts}
    for key, text in record.method.overrides.items():
        if not _is_in_effect(key, text, parts, record.method):
            yield f"method.overrides.{key}: {text!r} is not what the parts and settings say"
    for score in record.scores:
        yield from _iter_track_faults(score, record.method)
    typed = {"--seed": str(record.seed), "--scale": record.method.scale}
    for option, value in pairwise(record.command if record.command[:1] == ("run",) else ()):
        if typed.get(option, value) != value:
            yield f"command: {option} {value}, where the record says {typed[option]}"


def _iter_spec_faults(location: str, item: MethodRecord | DatasetRecord) -> Iterator[str]:
    try:
        name = Spec.parse(item.spec).name
    except UsageError as error:
        yield f"{location}.spec: {error}"
        return
    if name != item.name and PART_NAMES.get(name) != item.name:
        yield f"{location}.spec: {name!r}, where the name is {item.name!r}"


def _is_in_effect(
    key: str, text: str, parts: Mapping[str, PartRecord], method: MethodRecord
) -> bool:
    """Whether the record of a method has the value that was set."""
    try:
        value = parse_setting(key, text)
    except UsageError:
        return False
    if key not in ROLES:
        recorded = method.hyperparameters.get(key)
        return key not in method.hyperparameters or json.dumps(recorded) == json.dumps(value)
    part = parts.get(key)
    if part is None or value is None:
        return part is None and value is None
    name = Spec.parse(str(value)).name
    is_own = part.distribution is not None and part.distribution.name == OWN_DISTRIBUTION
    return PART_NAMES.get(name, name) == part.name or not is_own  # others may have old names


def _iter_track_faults(score: ScoreRecord, method: MethodRecord) -> Iterator[str]:
    """A track is one that a run of this method can have been scored on."""
    location, info = f"scores.{score.key.label}", TASKS_INFO[score.task]
    if score.tie_rule != info.ties:
        yield f"{location}.tie_rule: {score.tie_rule!r} is not {info.ties!r}"
    if info.primary not in score.metrics:
        yield f"{location}.metrics: {info.primary} is missing"
    version = score.track.get("version")
    if not isinstance(version, int) or not 1 <= version <= info.version:
        yield f"{location}.track.version: {version!r} is not in 1..{info.version}"
    is_of_frames = score.task in FRAME_TASKS
    yield from _iter_frame_reading_faults(location, score)
    if not is_of_frames and score.track.get("similarity") not in get_args(Similarity):
        yield f"{location}.track.similarity: {score.track.get('similarity')!r} does not exist"
    if score.policy not in LISTED_POLICIES and score.track.get("lists") is not None:
        yield f"{location}.track.lists: {score.policy!r} is no policy of lists"
    for field, setting in TRACK_SETTINGS.items():
        if setting not in method.hyperparameters or (is_of_frames and field in FRAME_READING):
            continue
        value, expected = score.track.get(field), method.hyperparameters[setting]
        if "video" in list_claims(method):  # nobody knows which frames were read
            expected = UNKNOWN_READING.get(field, expected)
        if field == "frames" and _reads_every_frame(method):
            expected = 0
        if value != expected and not _is_same_rule(value, expected):
            yield f"{location}.track.{field}: {value!r}, where {setting} is {expected!r}"


def _iter_frame_reading_faults(location: str, score: ScoreRecord) -> Iterator[str]:
    """Tasks on frames have a direction, and their tracks say that texts do not matter."""
    is_of_frames = score.task in FRAME_TASKS
    if (score.policy in FRAME_DIRECTIONS) != is_of_frames:
        yield f"{location}: tasks on frames, and no others, have a direction"
    for field, fixed in FRAME_READING.items() if is_of_frames else ():
        if (value := score.track.get(field)) != fixed:
            yield f"{location}.track.{field}: {value!r}, where tracks of frames say {fixed!r}"


def _reads_every_frame(method: MethodRecord) -> bool:
    try:
        return reads_every_frame(str(method.hyperparameters.get("frame_sampling", "")))
    except UsageError:  # a rule that this version does not have
        return False


def _is_same_rule(name: object, other: object) -> bool:
    """Whether two names are those of one rule of frame sampling."""
    rule = SAMPLERS.get(str(name))
    return rule is not None and rule is SAMPLERS.get(str(other))
