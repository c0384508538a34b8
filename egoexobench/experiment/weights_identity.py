"""Describes everything that decides trained weights, and says why a method is trained again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from egoexobench.errors import notify
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.inputs import PreparedDataset, PreparedInputs
from egoexobench.features.encoder_runner import cache_signature
from egoexobench.hashing import hash_json
from egoexobench.identity import (
    Identity,
    is_same_part,
    list_library_changes,
    list_part_changes,
)
from egoexobench.layers import hash_layers
from egoexobench.libraries import ALIGNMENT_LIBRARY, TENSOR_LIBRARIES, find_versions
from egoexobench.training.checkpoint import read_identity
from egoexobench.types import Clip

_CHOSEN = ("method", "seed", "dataset", "missing_audio", "audio_alignment", "precision")
"""Fields that a user chooses; weights that differ in one of them are no older version."""


def describe_weights(
    parts: MethodParts, training_set: PreparedDataset, *, has_alignment: bool
) -> dict[str, Any]:
    """Return everything that decides the weights of a method, as JSON.

    Args:
        parts: the method; its code counts up to the layer `experiment`, which selects the epoch.
        training_set: the data; media count by their content.
        has_alignment: whether the audio of a pair is aligned in time.
    """
    dataset, inputs = training_set.dataset, training_set.inputs
    captions = inputs.captions
    fields, identities = parts.resolved.describe_fields(), dict(parts.resolved.identities)
    for trained_without in (fields, identities):  # a scorer compares what is trained already
        trained_without.pop("scorer", None)
    return {
        "method": fields,
        "seed": parts.seed,
        "dataset": training_set.record.name,
        "missing_audio": inputs.missing_audio,
        "audio_alignment": has_alignment,
        "precision": parts.device.precision,
        "parts": identities,
        "features": _describe_features(parts),
        "data": hash_json([dataset.fingerprint, _describe_data(inputs)]),
        "captions": hash_json(sorted(captions.captions.items())) if captions else None,
        "libraries": find_versions(
            (*TENSOR_LIBRARIES, ALIGNMENT_LIBRARY) if has_alignment else TENSOR_LIBRARIES
        ),
        "toolkit": hash_layers(up_to="experiment"),
    }


def describe_scorer_weights(
    parts: MethodParts, training_set: PreparedDataset, *, embeddings_hash: str
) -> dict[str, Any]:
    """Return everything that decides the weights of a scorer, as JSON.

    Args:
        parts: the method with its scorer.
        training_set: the data.
        embeddings_hash: of the weights that the tokens are computed with.
    """
    identity = describe_weights(parts, training_set, has_alignment=False)
    return identity | {
        "method": parts.resolved.describe_fields(),
        "parts": dict(parts.resolved.identities),
        "embeddings": embeddings_hash,
    }


def explain_new_training(folder: Path, identity: Identity, name: str) -> None:
    """Say in one line why weights are trained although an older version of them was trained.

    Args:
        folder: of all stored weights.
        identity: of the weights that are not stored yet.
        name: what is trained, for the message.
    """
    written = json.loads(json.dumps(identity, default=str))  # as it is in a file
    changes = [_list_changes(old, written) for old in _iter_older(folder, written)]
    nearest = min(filter(None, changes), key=len, default=[])
    if nearest:
        notify(f"{name} is trained again (other than before: {', '.join(nearest)})")


def _describe_features(parts: MethodParts) -> dict[str, dict[str, Any]]:
    """What decides the tokens of each encoder, beside the identity of the part."""
    method = parts.method
    signatures = {
        role: cache_signature(runner, method.num_frames, method.frame_sampling)
        for role, runner in parts.encoders.items()
    }
    for role, signature in signatures.items():
        libraries = parts.encoders[role].identity.get("libraries", {})
        signature["encoder"] = {"libraries": libraries}
    return signatures


def _describe_data(inputs: PreparedInputs) -> list[str]:
    """The clips and pairs that a model is trained on and chosen with, in the order of training.

    Media count by their content and not by their path.
    """
    rows = []
    for split in ("train", "val"):
        rows += [f"{split} {_describe_clip(clip, inputs)}" for clip in inputs.clips[split]]
        rows += [
            f"{split} {pair.id} {pair.ego.id} {pair.exo.id} {pair.narration!r}"
            for pair in inputs.pairs[split]
        ]
    return rows


def _describe_clip(clip: Clip, inputs: PreparedInputs) -> str:
    return repr(replace(clip, media=inputs.clip_keys.get(clip.id, "")))


def _iter_older(folder: Path, identity: Identity) -> Iterator[dict[str, Any]]:
    """Weights of the same method, options, data set and seed."""
    for path in folder.glob("*.safetensors"):
        old = read_identity(path)
        is_same = all(old.get(key, identity) == identity[key] for key in _CHOSEN)
        if is_same and _are_same_parts(old["parts"], identity["parts"]):
            yield old


def _are_same_parts(old: Mapping[str, Identity], new: Mapping[str, Identity]) -> bool:
    return old.keys() == new.keys() and all(is_same_part(old[role], new[role]) for role in new)


def _list_changes(old: Identity, new: Identity) -> list[str]:
    """What differs between two trainings of one method, in words."""
    libraries = list_library_changes(old["libraries"], new["libraries"])
    changes = []
    for role, part in new["parts"].items():
        part_changes = list_part_changes(old["parts"][role], part)
        own_changes = [change for change in part_changes if change not in libraries]
        if own_changes:
            reasons = "" if own_changes == ["source"] else f": {', '.join(own_changes)}"
            changes.append(f"{part['kind']} {part['name']!r}{reasons}")
        elif old["features"].get(role) != new["features"].get(role):
            changes.append(f"tokens of {part['kind']} {part['name']!r}")
    changes += libraries
    if old["toolkit"] != new["toolkit"]:
        changes.append("code of the toolkit")
    if old["data"] != new["data"]:
        changes.append(f"data in {new['dataset']!r}")
    elif old["captions"] != new["captions"]:
        changes.append("sound captions")
    if not changes and old.get("embeddings") != new.get("embeddings"):
        changes.append("weights of the embeddings")
    return changes
