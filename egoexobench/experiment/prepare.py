"""Prepares a data set for a method, and trains the method on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from egoexobench.data.subset import read_clip_ids
from egoexobench.device import resolve_device
from egoexobench.errors import ClipError, DataError
from egoexobench.experiment.build import MethodParts, build_model, build_parts, resolve_method
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.describe import describe_method
from egoexobench.experiment.embed import SplitEmbeddings, embed_inputs
from egoexobench.experiment.inputs import (
    InputOptions,
    PreparedDataset,
    encode_media,
    prepare_inputs,
)
from egoexobench.experiment.objective_checks import require_alignable
from egoexobench.experiment.overlap import check_overlap
from egoexobench.experiment.picture_decoding import require_augmentable
from egoexobench.experiment.subset import (
    ALLOW_MISSING_HINT,
    UsableSubset,
    describe_location,
    select_usable,
)
from egoexobench.experiment.training import train_or_load
from egoexobench.experiment.value_choice import ValueChoice, choose_value
from egoexobench.features.dataset_features import Shard, select_shard_clips
from egoexobench.features.media_hash import hash_clip_media, hash_media_files
from egoexobench.launch_variables import require_alone
from egoexobench.method import apply_overrides
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.process_group import ProcessGroup
from egoexobench.protocols import Dataset
from egoexobench.records.describe import describe_dataset
from egoexobench.records.schema import MethodRecord, Overlap
from egoexobench.spec import Spec
from egoexobench.toolbox.hub import FileUnavailableError
from egoexobench.training.training_task import BestEpoch
from egoexobench.types import Split


@dataclass(frozen=True, slots=True)
class TrainedMethod:
    """A trained model with its parts and its data."""

    record: MethodRecord
    """The method as a record describes it."""
    parts: MethodParts
    model: EmbeddingModel
    scored: PreparedDataset
    """The data set whose queries are scored."""
    trained_on: PreparedDataset
    """The same object as ``scored``, unless another data set is trained on."""
    overlap: Overlap
    """Test clips that also stand in a split that the method learns from."""
    best_epoch: BestEpoch | None
    """None for a method that is not trained."""
    scorer_epoch: BestEpoch | None = None
    """None for a method without a scorer, or with one that is not trained, or not trained yet."""
    value_choice: ValueChoice | None = None
    """None for a method whose fusions have no open number."""


def train_method(
    config: RunConfig,
    context: RunContext,
    before_training: Callable[[MethodParts, PreparedDataset], None] = lambda _parts, _scored: None,
) -> TrainedMethod:
    """Build a method, encode its data sets and train it; cached features and weights are loaded.

    Args:
        config: the method and its data.
        context: creates the parts and shows the stages.
        before_training: is called with the parts and the data set that is scored, if the weights
            are not loaded.

    Raises:
        UsageError: for a name or an option that is not valid.
        DataError: for a file, a row or a clip that cannot be used.
    """
    group = context.group
    if group.size == 1:
        require_alone(os.environ)
    device = resolve_device(config.device, group.local_rank if group.size > 1 else None)
    method = apply_overrides(
        context.registry.create("method", config.method, config.scale), config.overrides
    )
    if method.scale == "compact":
        # Small matrices do not profit from threads, and one thread makes sums reproducible.
        torch.set_num_threads(1)
    resolved = resolve_method(context.registry, method, config.seed)
    try:
        parts = build_parts(resolved, device)
    except FileUnavailableError as error:
        if method.scale != "pretrained":
            raise
        raise FileUnavailableError(f"{error}. {_format_fetch_hint(config.method)}") from error
    require_augmentable(parts)
    model = build_model(parts)
    options = config.input_options
    reads_media = parts.reads_media
    selected = select_dataset(
        config.dataset, config, context, subset_file=config.subset, reads_media=reads_media
    )
    selected_training = config.train_on and select_dataset(
        config.train_on, config, context, reads_media=reads_media
    )
    trained = selected_training or selected
    require_alignable(parts.method, parts.objective, trained.dataset, str(trained.spec))
    with context.timer.stage("prepare"):
        overlap = check_overlap(
            selected.subset,
            selected_training.subset if selected_training else None,
            {**selected.hashes, **(selected_training.hashes if selected_training else {})},
            allow_overlap=config.allow_overlap,
        )
    scored = encode_dataset(selected, parts, options, context)
    trained_on = scored
    if selected_training:
        trained_on = encode_dataset(selected_training, parts, options, context)
    with context.timer.stage("train"):
        best_epoch = _train(
            model,
            parts,
            trained_on,
            config=config,
            context=context,
            group=group,
            before_training=partial(before_training, parts, scored),
        )
        value_choice = choose_value(model, parts, trained_on)
    return TrainedMethod(
        record=describe_method(config, context.registry, parts),
        parts=parts,
        model=model,
        scored=scored,
        trained_on=trained_on,
        overlap=overlap,
        best_epoch=best_epoch,
        value_choice=value_choice,
    )


def _train(
    model: EmbeddingModel,
    parts: MethodParts,
    training_set: PreparedDataset,
    config: RunConfig,
    context: RunContext,
    group: ProcessGroup,
    before_training: Callable[[], None],
) -> BestEpoch | None:
    """Train the model; a clip whose random frames do not decode is named with its row."""
    try:
        return train_or_load(
            model,
            parts,
            training_set,
            context.progress,
            group=group,
            num_workers=config.num_workers,
            before_training=before_training,
        )
    except ClipError as error:
        location = describe_location(training_set.dataset, error.clip_id)
        raise DataError(
            f"{error}{location}; training reads other frames than scoring: leave the clip out with "
            "--subset, or add --set augment=none"
        ) from error


def _format_fetch_hint(method: Spec) -> str:
    command = f"egoexobench weights fetch '{method}' --scale pretrained"
    return f"All models of the method, where there is a network: `{command}`"


@dataclass(frozen=True, slots=True)
class SelectedDataset:
    """A data set and its usable clips; nothing is encoded yet."""

    spec: Spec
    dataset: Dataset
    subset: UsableSubset
    hashes: Mapping[str, str]
    """Content hashes of the media files by path; a file that cannot be read has none."""


def select_dataset(
    spec: Spec,
    config: RunConfig,
    context: RunContext,
    *,
    subset_file: Path | None = None,
    reads_media: bool = True,
) -> SelectedDataset:
    """Create a data set and select its usable clips.

    Args:
        spec: name and options of the data set.
        config: how clips that cannot be used are treated.
        context: creates the data set and shows the stages.
        subset_file: file of `data doctor` with the ids of the clips to use; None uses all clips.
        reads_media: False for a method whose features were given: media are neither made nor
            required, and are not hashed.

    Raises:
        UsageError: for a name or an option that is not valid.
        DataError: for a file or a row that cannot be used.
    """
    dataset: Dataset = context.registry.create("dataset", spec)
    clip_ids = read_clip_ids(subset_file, spec.name) if subset_file else None
    with context.timer.stage("prepare"):
        if reads_media:
            with context.group.run_first():
                dataset.prepare(context.progress)
        subset = select_usable(
            dataset,
            spec.name,
            allow_missing=config.allow_missing,
            clip_ids=clip_ids,
            needs_media=reads_media,
        )
        media = {clip.media for clip in subset.all_clips} if reads_media else set()
        # a file that cannot be read is reported where it is encoded
        cache = config.input_options.cache_dir
        if media and context.group.size > 1:  # each hashes a share, and reads the hashes of others
            share = context.group.take_share(sorted(media))
            hash_media_files(set(share), cache, skip_failures=True)
            context.group.wait()
        hashes = hash_media_files(media, cache, skip_failures=True).hashes
    return SelectedDataset(spec, dataset, subset, hashes)


def encode_dataset(
    selected: SelectedDataset, parts: MethodParts, options: InputOptions, context: RunContext
) -> PreparedDataset:
    """Encode the usable clips of a data set.

    Args:
        selected: the data set and its clips.
        parts: the method with its encoders and captioner.
        options: how clips that cannot be used are treated.
        context: describes the data set and shows the stages.

    Raises:
        DataError: for a clip that cannot be used.
    """
    with context.timer.stage("encode"):
        try:
            if context.group.size > 1:
                _encode_share(selected, parts, options, context)
            with context.group.run_first():
                inputs = prepare_inputs(
                    selected.dataset,
                    selected.subset,
                    parts=parts,
                    options=options,
                    progress=context.progress,
                )
        except ClipError as error:
            location = describe_location(selected.dataset, error.clip_id)
            raise DataError(f"{error}{location}; {ALLOW_MISSING_HINT}") from error
    record = describe_dataset(
        selected.spec,
        context.registry,
        selected.dataset,
        media_hash=hash_clip_media(selected.subset.all_clips, selected.hashes),
    )
    return PreparedDataset(selected.dataset, record, inputs)


def _encode_share(
    selected: SelectedDataset, parts: MethodParts, options: InputOptions, context: RunContext
) -> None:
    """Store the features of a share of the clips, and wait until every process did.

    Then one process alone would have nothing to encode but texts, and clips that failed.
    """
    group = context.group
    clips = select_shard_clips(selected.subset.all_clips, Shard(group.rank + 1, group.size))
    ids = {clip.id for clip in clips}
    others = {clip.id: "" for clip in selected.subset.all_clips if clip.id not in ids}
    encode_media(selected.subset.exclude(others), parts, options, context.progress)
    group.wait()


def embed_split(trained: TrainedMethod, splits: Sequence[Split]) -> SplitEmbeddings:
    """Embed every clip of some splits, and every text that is a query or a candidate there."""
    return embed_inputs(trained.model, trained.parts, trained.scored.inputs, splits)
