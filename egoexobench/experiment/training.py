"""Trains a method once: the same parts, data and seed give the weights that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from egoexobench import files
from egoexobench.errors import DataError
from egoexobench.experiment import build
from egoexobench.experiment.build import Kit
from egoexobench.experiment.config import Request
from egoexobench.experiment.embed import criterion, embed
from egoexobench.experiment.inputs import Gathered
from egoexobench.hashing import hash_json
from egoexobench.method import Method
from egoexobench.models.dtw import align_pairs
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.protocols import Anchor, Dataset, HasTemporalAlignment, Progress
from egoexobench.training import checkpoint
from egoexobench.training.loop import BestEpoch, TrainingSet, train_model
from egoexobench.types import Pair


def teach(
    request: Request,
    kit: Kit,
    model: EmbeddingModel,
    dataset: Dataset,
    gathered: Gathered,
    progress: Progress,
) -> BestEpoch | None:
    """Train, or load the weights that the same parts, data and seed gave before."""
    objective, anchor = build.objective(kit), build.anchor(kit)
    if objective is None or anchor is None:
        return None
    align = aligned(kit.method, dataset)
    used = sorted(pair.id for split in ("train", "val") for pair in gathered.pairs[split])
    written = gathered.written
    known = [
        kit.code,
        dataset.fingerprint,
        request.seed,
        request.missing_audio,
        align,
        used,
        request.compute.precision,
        sorted(written.captions.items()) if written else None,
    ]
    path = files.cache_dir() / "weights" / f"{hash_json(known)}.safetensors"
    if chosen := checkpoint.load_checkpoint(path, model):
        return chosen
    pairs = trainable(gathered, anchor)
    if len(pairs) < 2 or not gathered.pairs["val"]:
        raise DataError(
            f"{request.train_on or request.dataset} has {len(pairs)} pairs to train on and "
            f"{len(gathered.pairs['val'])} to choose an epoch on; it needs 2 and 1"
        )
    inputs = gathered.inputs
    if align and inputs.audio:
        inputs = replace(inputs, alignment_paths=align_pairs(inputs.audio, pairs))
    chosen = train_model(
        model,
        TrainingSet(pairs, inputs, anchor, objective),
        request.seed,
        lambda: criterion(dataset, embed(model, gathered, anchor, ["val"])),
        progress,
    )
    checkpoint.save_checkpoint(path, model, chosen)
    return chosen


def aligned(method: Method, dataset: Dataset) -> bool:
    """Whether the sounds of a training pair are aligned in time before they meet the pictures."""
    if method.align != "auto":
        return method.align == "dtw"
    return isinstance(dataset, HasTemporalAlignment) and dataset.alignable


def trainable(gathered: Gathered, anchor: Anchor) -> Sequence[Pair]:
    """Return the training pairs that have every text that the anchor is made of."""
    known = gathered.inputs.narration
    own = {"ego_narration", "exo_narration", "ego_sound_text", "exo_sound_text"} & set(
        anchor.required_inputs
    )
    told = {"narration", "sound_caption", "sound_text"} & set(anchor.required_inputs)

    def whole(pair: Pair) -> bool:
        needed = [pair.id] * bool(told) + [pair.ego.id, pair.exo.id] * bool(own)
        return known is None or all(name in known.index for name in needed)

    return [pair for pair in gathered.pairs["train"] if whole(pair)]
