"""What an encoder reads of a clip: one input, or picture and sound together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.protocols import AnyEncoder, JointEncoder
from egoexobench.types import Audio, Frames, JointInputs, Modality

ClipArrays = tuple[NDArray[Any] | None, ...]
"""A prepared array for each input of an encoder. If a source is missing, the array of an encoder
with one input is None, and that of a joint encoder has no rows."""
NO_ROWS: ClipArrays = (None,)
"""Of a source that is missing, for an encoder with one input."""
FRAME_SIZE = 224
"""Side of the frames of zeros from which the shape of a prepared picture is learned, pixels."""


def list_inputs(encoder: AnyEncoder) -> tuple[Modality, ...]:
    """Return what `encode` takes, in its order."""
    return ("video", "audio") if isinstance(encoder, JointEncoder) else (encoder.modality,)


def list_given_inputs(encoder: AnyEncoder, joint_inputs: JointInputs) -> tuple[Modality, ...]:
    """Return what is decoded for an encoder: all that it takes, or one input of a joint encoder."""
    inputs = list_inputs(encoder)
    if joint_inputs == "both" or len(inputs) == 1:
        return inputs
    return (joint_inputs,)


def prepare_input(encoder: AnyEncoder, source: Frames | Audio | str) -> NDArray[Any]:
    """Return the prepared array of a source by the function of the encoder that takes it."""
    if not isinstance(encoder, JointEncoder):
        return encoder.prepare(source)
    if isinstance(source, Frames):
        return encoder.prepare_video(source)
    assert isinstance(source, Audio)  # noqa: S101 - a text is given to text encoders alone
    return encoder.prepare_audio(source)


def make_blank_source(modality: Modality, *, num_frames: int, sample_rate: int) -> Frames | Audio:
    """Return frames or a sound of one second that contain zeros."""
    if modality == "audio":
        return Audio(np.zeros(sample_rate, np.float32), sample_rate)
    pixels = np.zeros((num_frames, FRAME_SIZE, FRAME_SIZE, 3), np.uint8)
    return Frames(pixels, np.arange(num_frames) / num_frames)
