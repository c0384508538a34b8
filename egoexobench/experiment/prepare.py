"""Prepares a data set for a method, and trains the method on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from egoexobench.data.subset import read_clip_ids
from egoexobench.device import resolve_device
from egoexobench.experiment.build import MethodParts, build_model, build_parts, resolve_method
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.describe import describe_method
from egoexobench.experiment.embed import SplitEmbeddings, embed_inputs
from egoexobench.experiment.inputs import InputOptions, PreparedDataset, prepare_inputs
from egoexobench.experiment.subset import select_usable
from egoexobench.experiment.training import train_or_load
from egoexobench.method import apply_overrides
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.protocols import Dataset
from egoexobench.records.describe import describe_dataset
from egoexobench.records.schema import MethodRecord
from egoexobench.spec import Spec
from egoexobench.training.loop import BestEpoch
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
    best_epoch: BestEpoch | None
    """None for a method that is not trained."""


def train_method(config: RunConfig, context: RunContext) -> TrainedMethod:
    """Build a method, encode its data sets and train it; cached features and weights are loaded.

    Raises:
        UsageError: for a name or an option that is not valid.
        DataError: for a file, a row or a clip that cannot be used.
    """
    device = resolve_device(config.device)
    method = apply_overrides(
        context.registry.create("method", config.method, config.scale), config.overrides
    )
    if method.scale == "compact":
        # Small matrices do not profit from threads, and one thread makes sums reproducible.
        torch.set_num_threads(1)
    parts = build_parts(resolve_method(context.registry, method, config.seed), device)
    model = build_model(parts)
    options = config.input_options
    scored = prepare_dataset(
        config.dataset, parts, options=options, context=context, subset_file=config.subset
    )
    trained_on = scored
    if config.train_on is not None:
        trained_on = prepare_dataset(config.train_on, parts, options=options, context=context)
    with context.timer.stage("train"):
        best_epoch = train_or_load(model, parts, trained_on, context.progress)
    return TrainedMethod(
        record=describe_method(config, context.registry, parts),
        parts=parts,
        model=model,
        scored=scored,
        trained_on=trained_on,
        best_epoch=best_epoch,
    )


def prepare_dataset(
    spec: Spec,
    parts: MethodParts,
    *,
    options: InputOptions,
    context: RunContext,
    subset_file: Path | None = None,
) -> PreparedDataset:
    """Create a data set, select its usable clips and encode them.

    Args:
        spec: name and options of the data set.
        parts: the method with its encoders and captioner.
        options: how clips that cannot be used are treated.
        context: creates the data set and shows the stages.
        subset_file: file of `data doctor` with the ids of the clips to use; None uses all clips.

    Raises:
        UsageError: for a name or an option that is not valid.
        DataError: for a file, a row or a clip that cannot be used.
    """
    dataset: Dataset = context.registry.create("dataset", spec)
    clip_ids = read_clip_ids(subset_file, spec.name) if subset_file else None
    with context.timer.stage("prepare"):
        dataset.prepare(context.progress)
        subset = select_usable(
            dataset, spec.name, allow_missing=options.allow_missing, clip_ids=clip_ids
        )
    with context.timer.stage("encode"):
        inputs = prepare_inputs(
            dataset, subset, parts=parts, options=options, progress=context.progress
        )
    record = describe_dataset(spec, context.registry, dataset)
    return PreparedDataset(dataset, record, inputs)


def embed_split(trained: TrainedMethod, splits: Sequence[Split]) -> SplitEmbeddings:
    """Embed every clip of some splits, and every text that is a query or a candidate there."""
    return embed_inputs(trained.model, trained.parts, trained.scored.inputs, splits)
