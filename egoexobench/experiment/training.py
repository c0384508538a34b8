"""Trains a method once: the same parts, data and seed load the weights of the first time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from egoexobench import files
from egoexobench.errors import DataError
from egoexobench.experiment.build import MethodParts
from egoexobench.experiment.clip_times import read_clip_times
from egoexobench.experiment.inputs import PreparedDataset, PreparedInputs
from egoexobench.experiment.notices import notify_about_single_tokens
from egoexobench.experiment.picture_decoding import open_decoded_inputs
from egoexobench.experiment.subset import describe_excluded
from egoexobench.experiment.validation import choose_validation
from egoexobench.experiment.weights_identity import describe_weights, explain_new_training
from egoexobench.hashing import hash_json
from egoexobench.method import Method
from egoexobench.models.dtw import align_pairs
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.protocols import Anchor, Dataset, HasTemporalAlignment, Progress, SequenceObjective
from egoexobench.training import checkpoint
from egoexobench.training.loop import train_model
from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.training_metrics import TrainingMetrics
from egoexobench.training.training_set import TrainingSet
from egoexobench.training.training_task import BestEpoch
from egoexobench.types import Pair


def train_or_load(
    model: EmbeddingModel,
    parts: MethodParts,
    training_set: PreparedDataset,
    progress: Progress,
    group: ProcessGroup = SINGLE,
    num_workers: int | None = None,
    before_training: Callable[[], None] = lambda: None,
) -> BestEpoch | None:
    """Train a model in place, or load the weights of an equal training.

    An equal training that was interrupted goes on where its state was saved. Processes that train
    together share the folder of the cache, and the first one writes.

    Args:
        model: trained in place.
        parts: the method.
        training_set: the data.
        progress: shows the stage.
        num_workers: processes that decode pictures, if the method changes them at random; None
            chooses a number. No number depends on it.
        before_training: is called if the weights are not loaded.

    Returns:
        The best epoch; None for a method that is not trained.

    Raises:
        DataError: if the data set has too few pairs, or processes read different folders.
    """
    if parts.objective is None:
        return None
    dataset, inputs = training_set.dataset, training_set.inputs
    has_alignment = uses_audio_alignment(parts.method, dataset)
    identity = describe_weights(parts, training_set, has_alignment=has_alignment)
    folder = files.cache_dir() / "weights"
    path = folder / f"{hash_json(identity)}.safetensors"
    best_epoch = checkpoint.load_checkpoint(path, model)
    _require_one_folder(path, group, has_weights=best_epoch is not None)
    if best_epoch is not None:
        TrainingMetrics(progress, "train").log_history(best_epoch.history)
        return best_epoch
    name = f"method {parts.method.name!r}"
    resume_file = ResumeFile.of_weights(path, identity, name)
    if not path.exists() and not resume_file.path.exists():  # nothing has said yet why
        explain_new_training(folder, identity, name)
    pairs = select_trainable_pairs(inputs, parts.anchor)
    validation = choose_validation(parts, training_set)
    is_sequential = isinstance(parts.objective, SequenceObjective)
    needs_pairs = validation.measure is None and not is_sequential
    require_pairs(training_set, len(pairs), needs_validation=needs_pairs)
    features = inputs.features
    if has_alignment and features.audio:
        features = replace(features, alignment_paths=align_pairs(features.audio, pairs))
    if is_sequential:
        clips = {clip.id: clip for pair in pairs for clip in (pair.ego, pair.exo)}
        times = read_clip_times(parts.method, parts.encoders, clips.values())
        features = replace(features, clip_times=times)
    else:
        notify_about_single_tokens(model, features)
    before_training()
    with open_decoded_inputs(
        model, parts, features, num_pairs=len(pairs), num_workers=num_workers
    ) as decoded:
        best_epoch = train_model(
            model,
            training_set=TrainingSet(
                pairs, features, parts.anchor, parts.objective, decoded=decoded
            ),
            seed=parts.seed,
            validation_metric=validation.measure and partial(validation.measure, model),
            progress=progress,
            resume_file=resume_file,
            group=group,
        )
    if group.is_first:
        checkpoint.save_checkpoint(path, model, best_epoch, identity)
        resume_file.remove()
    return best_epoch


def _require_one_folder(path: Path, group: ProcessGroup, *, has_weights: bool) -> None:
    states = group.gather([path.name, has_weights])
    for rank, state in enumerate(states):
        if state[0] != states[0][0]:
            raise DataError(
                f"process {rank} of {group.size} would train other weights than process 0: all "
                "processes need the same code, libraries and media"
            )
        if state != states[0]:
            raise DataError(
                f"process {rank} of {group.size} does not read the same weights in {path.parent} "
                "as process 0: all processes need one cache, in a folder that they share"
            )


def require_pairs(
    training_set: PreparedDataset, num_train: int, *, needs_validation: bool = True
) -> None:
    """Check that a data set has pairs to train on and to choose an epoch on.

    Args:
        training_set: the data set.
        num_train: its pairs to train on.
        needs_validation: False if an epoch can be chosen in another way.

    Raises:
        DataError: if it does not; it says how many it has.
    """
    inputs = training_set.inputs
    num_val = len(inputs.pairs["val"])
    if num_train < 2 or (needs_validation and not num_val):
        excluded = describe_excluded(inputs.selected)
        if num_untold := len(inputs.pairs["train"]) - num_train:
            texts = f"{num_untold} other pairs to train on lack a text that the method reads"
            excluded = f"{excluded}; {texts}" if excluded else texts
        raise DataError(
            f"{training_set.record.spec} has {num_train} pairs to train on and {num_val} to "
            f"choose an epoch on; it needs 2 and 1{excluded and f' ({excluded})'}"
        )


def uses_audio_alignment(method: Method, dataset: Dataset) -> bool:
    """Whether the audio of a training pair is aligned in time before it is fused with video."""
    if method.audio_alignment != "auto":
        return method.audio_alignment == "dtw"
    return isinstance(dataset, HasTemporalAlignment) and dataset.alignable


def select_trainable_pairs(inputs: PreparedInputs, anchor: Anchor | None) -> Sequence[Pair]:
    """Return the training pairs that have every text that the anchor needs."""
    narrations = inputs.features.narration
    if narrations is None or anchor is None:
        return inputs.pairs["train"]
    clip_texts = {"ego_narration", "exo_narration", "ego_sound_text", "exo_sound_text"}
    pair_texts = {"narration", "sound_caption", "sound_text"}
    needs_clip_text = not clip_texts.isdisjoint(anchor.required_inputs)
    needs_pair_text = not pair_texts.isdisjoint(anchor.required_inputs)

    def has_texts(pair: Pair) -> bool:
        ids = [pair.id] * needs_pair_text + [pair.ego.id, pair.exo.id] * needs_clip_text
        return all(name in narrations.index for name in ids)

    return [pair for pair in inputs.pairs["train"] if has_texts(pair)]
