"""Trains the model of a method on its pairs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from egoexobench.errors import DataError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.process_group import SINGLE, ProcessGroup
from egoexobench.protocols import Progress
from egoexobench.training.batches import count_batches, draw_batches
from egoexobench.training.epochs import train_epochs
from egoexobench.training.moments import PairMoments, find_moments
from egoexobench.training.pair_loss import PairLoss
from egoexobench.training.resume_file import ResumeFile
from egoexobench.training.training_set import TrainingSet
from egoexobench.training.training_task import BestEpoch, TrainingTask


def train_model(
    model: EmbeddingModel,
    training_set: TrainingSet,
    seed: int,
    validation_metric: Callable[[], float] | None,
    progress: Progress,
    resume_file: ResumeFile | None = None,
    group: ProcessGroup = SINGLE,
) -> BestEpoch:
    """Train a model and leave it with the weights of its best epoch.

    Args:
        model: trained in place.
        training_set: the data, the anchor and the loss.
        seed: decides the order of the pairs and the random numbers of dropout.
        validation_metric: returns the value of the current model on the validation split; larger is
            better. The first of equal epochs is used. None uses the last epoch.
        progress: shows the stage, one step an epoch.
        resume_file: where the training goes on if it was interrupted; None starts it anew.
        group: the processes that train together; all of them call this with equal arguments.

    Raises:
        DataError: if all pairs show one moment, so that there is no negative.
        UsageError: if ``micro_batch`` divides batches of a method whose layers compute with all.
        EgoExoBenchError: if the loss is NaN or infinite.
    """
    method = model.method
    model.set_normalization(_compute_token_statistics(model, training_set))
    loss_module = None
    if isinstance(training_set.objective, nn.Module):
        loss_module = training_set.objective.to(model.device_config.device)
    pair_loss = PairLoss(model, training_set, group)
    moments = find_moments(training_set.pairs)
    rng = torch.Generator().manual_seed(seed)
    task = TrainingTask(
        stage="train",
        module=model,
        settings=method,
        num_steps=count_steps(moments, method.batch_size, seed, method.epochs),
        rng=rng,
        draw_epoch=lambda: draw_batches(moments, method.batch_size, rng),
        compute_loss=lambda batch, step: pair_loss.compute(batch, step - 1),
        backpropagate=pair_loss.backpropagate,
        group=group,
        validation_metric=validation_metric,
        loss_module=loss_module,
        begin_epoch=pair_loss.begin_epoch,
    )
    return train_epochs(
        task,
        seed,
        model.device_config,
        progress=progress,
        resume_file=resume_file,
    )


def count_steps(moments: PairMoments, batch_size: int, seed: int, num_epochs: int) -> int:
    """Return the number of batches of a training.

    Raises:
        DataError: if all pairs show one moment, so that there is no negative.
    """
    rng = torch.Generator().manual_seed(seed)
    num_steps = count_batches(moments, batch_size, rng, num_epochs)
    if not num_steps:
        raise DataError(
            f"all {len(moments.by_pair)} training pairs show one moment, so no pair is a "
            "negative of another one; training needs pairs of two moments"
        )
    return num_steps


def _compute_token_statistics(
    model: EmbeddingModel, training_set: TrainingSet
) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and standard deviation of frozen tokens on the training pairs, by projector."""
    ego = [pair.ego.id for pair in training_set.pairs]
    exo = [pair.exo.id for pair in training_set.pairs]
    texts = [pair.id for pair in training_set.pairs]
    is_shared = model.method.share_view_weights and training_set.inputs.video_exo is None
    sources: dict[str, tuple[str, FeatureBank | None, list[str]]] = {
        "video-ego": (
            model.video_role["ego"],
            training_set.inputs.get_video_bank("ego"),
            ego + exo if is_shared else ego,
        ),
        "video-exo": (model.video_role["exo"], training_set.inputs.get_video_bank("exo"), exo),
        "audio": ("audio", training_set.inputs.audio, ego + exo),
        "text": ("text", training_set.inputs.narration, texts),
        "text_audio": ("text_audio", training_set.inputs.text_audio, texts),
    }
    return {
        role: bank.mean_std(ids)
        for role, (name, bank, ids) in sources.items()
        if bank is not None and role in model.projectors and model.frozen[name]
    }
