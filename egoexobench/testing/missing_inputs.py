"""What a joint encoder does with a clip that lacks one of its two inputs."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from egoexobench.errors import DataError, UsageError
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.protocols import JointEncoder
from egoexobench.testing.assertions import check_finite, check_that, is_close, report_errors
from egoexobench.types import Tokens

_INPUTS = ("the picture", "the sound")


def check_missing_inputs(encoder: JointEncoder, banks: Sequence[FeatureBank]) -> None:
    """Check clips without sound, and clips without a picture, each time all of a batch.

    What the mask leaves out must not be read: it may be zeros or noise. An encoder may refuse clips
    without a picture with a `UsageError` or a `DataError`. It must not refuse those without sound.

    Raises:
        AssertionError: with the first fault.
    """
    video, audio = (bank.batch(list(bank.index)) for bank in banks)
    _check_without(encoder, video, audio, index=1)
    try:
        _check_without(encoder, video, audio, index=0)
    except AssertionError as error:
        if not isinstance(error.__cause__, UsageError | DataError):
            raise


def _check_without(encoder: JointEncoder, *inputs: Tokens, index: int) -> None:
    """Leave out one input of every clip of a batch that has the other."""
    has_other = inputs[1 - index].mask.any(1)
    batch = [Tokens(item.values[has_other], item.mask[has_other]) for item in inputs]
    missing = batch[index]
    noise = (torch.rand(missing.values.shape) * 100).to(missing.values.dtype)
    results = []
    for values in (torch.zeros_like(missing.values), noise):
        batch[index] = Tokens(values, missing.mask & False)
        video, audio = batch
        with report_errors(f"encode, without {_INPUTS[index]},"):
            tokens = encoder.encode(video.values, video.mask, audio.values, audio.mask)
        check_finite(tokens.values[tokens.mask], f"tokens without {_INPUTS[index]}")
        check_that(
            bool(tokens.mask.any(1).all()),
            f"the mask marks no token of a clip without {_INPUTS[index]}; it has the other input",
        )
        results.append(tokens)
    message = f"without {_INPUTS[index]}: a token depends on values that the mask leaves out"
    same_masks = torch.equal(results[0].mask, results[1].mask)
    real = [tokens.values[tokens.mask] for tokens in results]
    check_that(same_masks and is_close(real[0], real[1]), message)
