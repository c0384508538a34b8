"""Reads files of schema version 1: their old names become the names of version 2.

No number changes. A track whose text names the candidate policy ``either`` gets the fingerprint
of the text with the new name, which is the fingerprint that a run computes today.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from egoexobench.method import ROLES
from egoexobench.method_renames import RENAMED_FIELDS, rename_fields, rename_settings

Json = Any
Transform = Callable[[Json], Json]

METRIC_NAMES: Mapping[str, str] = {
    "top1": "hit_rate_at_1",
    "top5": "hit_rate_at_5",
    "top10": "hit_rate_at_10",
    "recall5": "recall_at_5",
}
"""Old to new name of a metric."""
POLICY_NAMES: Mapping[str, str] = {"either": "both-views"}
"""Old to new name of a candidate policy."""
PART_NAMES: Mapping[str, str] = {
    "cells": "color-grid",
    "words": "random-word-vectors",
    "sequence": "concat-tokens",
    "egoinstructor-features": "egoinstructor-aggregator",
    "logmel-neighbour": "logmel-neighbor",
}
"""Old to new name of a method or of another part."""
EXCLUSION_REASONS: Mapping[str, str] = {"not in the certificate": "not in the subset"}
"""Old to new reason why a clip was excluded."""
VERDICTS: Mapping[str, str] = {
    "faint": "weak",
    "dead": "ignored",
    "alike": "indistinguishable",
    "shut": "invariant",
    "open": "dependent",
    "broke": "error",
    "jumps": "discontinuous",
    "unsteady": "nondeterministic",
}
"""Old to new verdict of an audit."""


def upgrade_record(fields: Json) -> Json:
    """Return the fields of a record of version 1 with the names of version 2."""
    return _RECORD(fields)


def upgrade_rank(fields: Json) -> Json:
    """Return one line of a ranks file of version 1 with the names of version 2."""
    return _RANK(fields)


def upgrade_audit(fields: Json) -> Json:
    """Return the fields of an audit of version 1 with the names of version 2."""
    return _AUDIT(fields)


def upgrade_reproduced_row(fields: Json) -> Json:
    """Return a reproduced row of version 1 in the form of version 2.

    Version 1 has the value and the interval of a metric in each run, and its unit and chance
    level in the track; version 2 has all of them in each run.
    """
    levels = {track["fingerprint"]: track["levels"] for track in fields["tracks"]}
    hashes = {
        track["fingerprint"]: _convert_row_track(track)["fingerprint"] for track in fields["tracks"]
    }
    row = _ROW(fields)
    for run in row["runs"]:
        run["metrics"] = {
            hashes[track]: {
                METRIC_NAMES.get(name, name): _join_metric(interval, levels[track][name])
                for name, interval in values.items()
            }
            for track, values in run["metrics"].items()
        }
    return row


def hash_track(text: Mapping[str, Json]) -> str:
    """Return the fingerprint of a track from its text, as the evaluation computes it."""
    canonical = json.dumps(text, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _join_metric(interval: Json, level: Json) -> Json:
    value, low, high = interval
    numbers = {"value": value, "low": low, "high": high}
    return numbers | {name: level[name] for name in ("chance", "majority", "unit")}


def _convert_object(names: Mapping[str, str], transforms: Mapping[str, Transform]) -> Transform:
    """Renames the fields of an object, then transforms values by their new name."""

    def transform(fields: Json) -> Json:
        renamed = {names.get(name, name): value for name, value in fields.items()}
        return {
            name: transforms[name](value) if name in transforms else value
            for name, value in renamed.items()
        }

    return transform


def _convert_each(transform: Transform) -> Transform:
    """Transforms every item of a list."""
    return lambda items: [transform(item) for item in items]


def _index_by_name(transform: Transform) -> Transform:
    """Turns a list of objects that have a name into an object of objects."""
    return lambda items: {
        item["name"]: transform({key: value for key, value in item.items() if key != "name"})
        for item in items
    }


def _convert_optional(transform: Transform) -> Transform:
    return lambda value: None if value is None else transform(value)


def _rename_value(names: Mapping[str, str]) -> Transform:
    return lambda name: names.get(name, name)


def _increment_version(version: int) -> int:
    return version + 1


def _convert_metrics(metrics: Json) -> Json:
    return _METRICS(_index_by_name(dict)(metrics))


def _convert_score(fields: Json) -> Json:
    return _hash_again(_SCORE_FIELDS(fields), "track", "track_fingerprint")


def _convert_row_track(fields: Json) -> Json:
    return _hash_again(_ROW_TRACK(fields), "text", "fingerprint")


def _split_references(levels: Json) -> Json:
    """Version 1 has the unit and the chance level beside the scores of oracle and shortcuts."""
    return {
        METRIC_NAMES.get(name, name): {key: level[key] for key in ("oracle", "shortcuts")}
        for name, level in levels.items()
    }


def _hash_again(fields: Json, text_field: str, hash_field: str) -> Json:
    """Renames the policy in the text of a track; a text that changes is hashed again."""
    text = _convert_object({}, {"policy": _POLICY})(fields[text_field])
    if text == fields[text_field]:
        return fields
    return fields | {text_field: text, hash_field: hash_track(text)}


def _rename_spec(text: str) -> str:
    name, colon, options = text.partition(":")
    return PART_NAMES.get(name, name) + colon + options


def _rename_overrides(overrides: Mapping[str, str]) -> dict[str, str]:
    """Renames settings and the parts that their values name."""
    renamed = rename_settings(overrides)
    return {key: _rename_spec(text) if key in ROLES else text for key, text in renamed.items()}


_POLICY = _rename_value(POLICY_NAMES)
_METRICS = _convert_object(METRIC_NAMES, {})
_COUNTS = {
    "n": "num_queries",
    "clusters": "num_clusters",
    "candidates": "candidate_range",
    "dropped": "num_dropped",
    "missing": "num_missing_candidates",
}
_SUBSET = _convert_object(_COUNTS, {"metrics": _convert_metrics})
_SCORE_FIELDS = _convert_object(
    {**_COUNTS, "parts": "by_subset"},
    {"policy": _POLICY, "metrics": _convert_metrics, "by_subset": _index_by_name(_SUBSET)},
)
_METHOD = _convert_object(
    {"hyper": "hyperparameters", "evidence": "declared_inputs"},
    {
        "name": _rename_value(PART_NAMES),
        "spec": _rename_spec,
        "overrides": _rename_overrides,
        "hyperparameters": rename_fields,
        "parts": _convert_each(
            _convert_object(
                {}, {"role": _rename_value(RENAMED_FIELDS), "name": _rename_value(PART_NAMES)}
            )
        ),
    },
)
_SELECTION = _convert_object({"criterion": "validation_metric", "value": "validation_value"}, {})
_COVERAGE = _convert_object(
    {
        "clips": "num_clips",
        "used": "num_used",
        "rejected": "num_rejected",
        "reasons": "num_excluded",
        "certificate": "subset_hash",
    },
    {"num_excluded": _convert_object(EXCLUSION_REASONS, {})},
)
_CLIP_COUNTS = _convert_object(
    {
        "clips": "num_clips",
        "pairs": "num_pairs",
        "queries": "num_queries",
        "silent": "num_silent",
        "without_track": "num_without_track",
        "failed": "num_failed",
        "dropped": "num_skipped",
    },
    {},
)
_CAPTION_COUNTS = _convert_object(
    {
        "narrations": "num_narrations",
        "retried": "num_retried",
        "refused": "num_refused",
        "cut": "num_truncated",
        "unrefined": "num_unrefined",
        "long": "num_over_context",
        "empty": "num_empty",
        "missing": "num_missing",
        "stopped": "abort_reason",
    },
    {},
)
_RECORD = _convert_object(
    {"chosen_on": "checkpoint_selection", "sanity": "references", "artefacts": "artifacts"},
    {
        "schema_version": _increment_version,
        "method": _METHOD,
        "checkpoint_selection": _convert_optional(_SELECTION),
        "counts": _CLIP_COUNTS,
        "captions": _convert_optional(_CAPTION_COUNTS),
        "coverage": _convert_optional(_COVERAGE),
        "scores": _convert_each(_convert_score),
        "references": _convert_each(_convert_object({}, {"scores": _convert_each(_convert_score)})),
        "environment": _convert_object({"cpus": "num_cpus", "threads": "num_threads"}, {}),
    },
)
_RANK = _convert_object(
    {
        "answers": "positives",
        "candidates": "num_candidates",
        "right": "num_positives",
        "level": "num_tied_positives",
        "hit": "top1_probability",
    },
    {"policy": _POLICY},
)
_ROW_TRACK = _convert_object(
    {**_COUNTS, "levels": "references"},
    {"policy": _POLICY, "references": _split_references},
)
_ROW = _convert_object(
    {},
    {
        "schema_version": _increment_version,
        "method": _METHOD,
        "tracks": _convert_each(_convert_row_track),
        "runs": _convert_each(
            _convert_object(
                {"values": "metrics", "chosen_on": "checkpoint_selection"},
                {
                    "checkpoint_selection": _convert_optional(_SELECTION),
                    "coverage": _convert_optional(_COVERAGE),
                },
            )
        ),
    },
)
_SHIFT = _convert_object({"items": "num_items", "moved": "num_moved", "largest": "max"}, {})
_AUDIT_ITEM = _convert_object(
    {"exchanged": "num_changed", "movement": "shift"},
    {"shift": _convert_optional(_SHIFT), "verdict": _rename_value(VERDICTS)},
)
_AUDIT = _convert_object(
    {"doors": "invariances"},
    {
        "schema_version": _increment_version,
        "method": _METHOD,
        "swaps": _convert_each(_AUDIT_ITEM),
        "invariances": _convert_each(_AUDIT_ITEM),
    },
)
