"""Says which pictures of a training are decoded when they are needed, and opens their decoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from egoexobench.data.augmentation import check_augmentation
from egoexobench.errors import UsageError
from egoexobench.experiment.build import MethodParts
from egoexobench.features.encoder_runner import EncoderRunner, split_stored_inputs
from egoexobench.features.picture_decoder import PictureDecoder
from egoexobench.features.picture_loader import PictureLoader, count_workers
from egoexobench.models.embedding_model import EmbeddingModel
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.training.decoded_inputs import DecodedInputs


def list_picture_runners(parts: MethodParts) -> dict[str, EncoderRunner]:
    """Return the encoders of pictures that a method trains, by role."""
    return {
        role: runner
        for role, runner in split_stored_inputs(parts.encoders).items()
        if not runner.encoder.frozen and "video" in runner.given_inputs
    }


def require_augmentable(parts: MethodParts) -> None:
    """Check that an augmentation changes something that a method trains on.

    Raises:
        UsageError: if the frames of the method are encoded once, before it is trained.
    """
    method = parts.method
    augmentation = check_augmentation(method.augment, method.frame_sampling)
    if augmentation.changes_nothing or parts.objective is None or list_picture_runners(parts):
        return
    raise UsageError(
        f"augment={method.augment} of method {method.name!r} would change nothing: no encoder of "
        "pictures is trained, so frames are encoded once; add --set augment=none, or "
        "trained=true to the encoder"
    )


@contextmanager
def open_decoded_inputs(
    model: EmbeddingModel,
    parts: MethodParts,
    inputs: FeatureInputs,
    *,
    num_pairs: int,
    num_workers: int | None,
) -> Iterator[DecodedInputs | None]:
    """Decode pictures of training batches in worker processes, which end with the context.

    It gives None for a method without augmentation, which trains on pictures that are stored.

    Args:
        model: says which encoder reads which view.
        parts: the method and its encoders.
        inputs: everything that is stored.
        num_pairs: training pairs.
        num_workers: worker processes; None chooses a number.
    """
    method = parts.method
    augmentation = check_augmentation(method.augment, method.frame_sampling)
    runners = list_picture_runners(parts)
    if augmentation.changes_nothing or not runners:
        yield None
        return
    decoder = PictureDecoder(
        runners,
        num_frames=method.num_frames,
        sampling=method.frame_sampling,
        augmentation=augmentation,
        seed=parts.seed,
    )
    roles = {view: role for view, role in model.video_role.items() if role in runners}
    count = count_workers(num_workers, method.epochs * num_pairs * len(roles))
    with PictureLoader(decoder, count) as loader:
        yield DecodedInputs(inputs, loader, roles, model.encoders)
