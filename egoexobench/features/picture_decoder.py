"""Decodes, changes and prepares the pictures of clips, also in a process of its own."""

from __future__ import annotations

import copyreg
import io
import pickle
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.data.augmentation import Augmentation, ClipDraw
from egoexobench.data.decode import decode_clip
from egoexobench.errors import ClipError, UsageError, format_exception_line
from egoexobench.features.encode_clips import prepare_clip_sources
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_file import FeatureRows
from egoexobench.protocols import HasResolution
from egoexobench.types import Clip

_PICKLE_PROTOCOL = 5


class PictureRequest(NamedTuple):
    """Some clips whose pictures one encoder gets."""

    role: str
    clips: tuple[Clip, ...]
    epoch: int | None = None
    """The epoch of training for which clips are changed at random; None changes nothing."""


class ClipFault(NamedTuple):
    """The fields of a `ClipError`, which does not pass between processes itself."""

    category: str
    reason: str
    clip_id: str


class WorkerFault(NamedTuple):
    """Any other exception, and its traceback as text."""

    error: Exception
    traceback: str


class PreparedPictures(NamedTuple):
    """The prepared array ``(T, ...)`` of a clip, and the times of its frames ``(F,)``, s."""

    array: NDArray[Any]
    times: NDArray[np.float64]


PictureResult = list[PreparedPictures] | ClipFault | WorkerFault


class RemoteTracebackError(Exception):
    """The traceback of another process, as the cause of an exception."""


@final
@dataclass
class PictureDecoder:
    """Gives prepared pictures for requests; a data set in the sense of torch's DataLoader.

    It depends on nothing but its fields, so that any process gives the same pictures. Another
    process gets the encoders without their weights, which no ``prepare`` reads.

    Args:
        runners: encoders by role; each reads pictures.
        num_frames: frames per clip.
        sampling: rule that picks the frames.
        augmentation: what training changes.
        seed: of the random numbers.
    """

    runners: Mapping[str, EncoderRunner]
    num_frames: int
    sampling: str
    augmentation: Augmentation
    seed: int

    def __getitem__(self, request: PictureRequest) -> PictureResult:
        """Return the pictures of each clip, or why there are none; it never raises."""
        try:
            return [self._prepare(request, clip) for clip in request.clips]
        except ClipError as error:
            return ClipFault(error.category, error.reason, error.clip_id)
        except Exception as error:
            return WorkerFault(_make_portable(error), traceback.format_exc())

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"runners": pickle_without_weights(self.runners)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        runners = pickle.loads(state["runners"])  # noqa: S301 - from the process that started this
        self.__dict__.update(state | {"runners": runners})

    def _prepare(self, request: PictureRequest, clip: Clip) -> PreparedPictures:
        runner = self.runners[request.role]
        draw = None
        if request.epoch is not None:
            draw = ClipDraw(self.augmentation, self.seed, request.epoch, clip.id)
        frames = decode_clip(
            clip,
            self.num_frames,
            with_audio=False,
            sampling=self.sampling,
            rng=draw.sampling_rng if draw else None,
            extras=runner.get_frame_extras(clip),
        ).frames
        assert frames is not None  # noqa: S101 - frames were requested, so there are some
        if draw is not None:
            frames = draw.change_pixels(frames, _get_side(runner))
        (array,) = prepare_clip_sources(clip, runner, {"video": frames}, self.num_frames)
        assert array is not None  # noqa: S101 - its source is not None
        return PreparedPictures(array, frames.sampled_times)


def unpack_result(request: PictureRequest, result: PictureResult) -> dict[str, FeatureRows]:
    """Return the prepared pictures of a request by the id of the clip.

    Raises:
        ClipError: if a clip does not decode, or its encoder refuses it.
        Exception: whatever else the decoder or the encoder raised.
    """
    if isinstance(result, ClipFault):
        raise ClipError(*result)
    if isinstance(result, WorkerFault):
        raise result.error from RemoteTracebackError(result.traceback)
    return {
        clip.id: FeatureRows(pictures.array, "decoded", pictures.times)
        for clip, pictures in zip(request.clips, result, strict=True)
    }


def pickle_without_weights(runners: Mapping[str, EncoderRunner]) -> bytes:
    """Return encoders as bytes; each parameter is replaced by its shape.

    Raises:
        UsageError: if an encoder has something that cannot be sent to another process.
    """
    for runner in runners.values():
        try:
            _dump(runner)
        except Exception as error:  # whatever the parts of an encoder raise
            raise UsageError(
                f"{runner.label} cannot prepare pictures in another process "
                f"({format_exception_line(error)}); add --workers 0"
            ) from error
    return _dump(dict(runners))


def _dump(value: object) -> bytes:
    """Pickle a value with parameters as tensors without numbers, and other tensors from the CPU."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, _PICKLE_PROTOCOL)
    pickler.dispatch_table = copyreg.dispatch_table | {
        nn.Parameter: _reduce_parameter,
        Tensor: _reduce_tensor,
    }
    pickler.dump(value)
    return buffer.getvalue()


def _reduce_parameter(parameter: nn.Parameter) -> tuple[Any, ...]:
    return _make_empty_parameter, (tuple(parameter.shape), parameter.dtype)


def _reduce_tensor(tensor: Tensor) -> Any:
    on_cpu: Any = tensor.detach().cpu()
    return on_cpu.__reduce_ex__(_PICKLE_PROTOCOL)


def _make_empty_parameter(shape: tuple[int, ...], dtype: torch.dtype) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape, dtype=dtype, device="meta"), requires_grad=False)


def _get_side(runner: EncoderRunner) -> int | None:
    encoder = runner.encoder
    return encoder.resolution if isinstance(encoder, HasResolution) else None


def _make_portable(error: Exception) -> Exception:
    """Return an exception that another process can read: itself, or its type and text."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - written by the same line
    except Exception:  # exceptions of libraries may need more than their text
        return RuntimeError(format_exception_line(error))
    return error
