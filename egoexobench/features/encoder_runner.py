"""Runs an encoder on prepared arrays, and describes everything that decides its output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.frame_extras import FrameExtras
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.device import DeviceConfig, Precision, autocast
from egoexobench.errors import notify
from egoexobench.features.batch_plan import CUDA_BATCH_SIZE, ENCODING_PLAN, BatchSize
from egoexobench.features.encoder_inputs import (
    ClipArrays,
    list_given_inputs,
    list_inputs,
    make_blank_source,
    prepare_input,
)
from egoexobench.features.encoder_state import hash_networks
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows, make_missing_rows
from egoexobench.identity import Identity
from egoexobench.part_results import find_array_fault, find_tokens_fault, require_valid
from egoexobench.protocols import (
    AnyEncoder,
    HasBoxInput,
    HasContextFrames,
    HasGivenFeatures,
    HasSampleRate,
    JointEncoder,
)
from egoexobench.types import Audio, Clip, Frames, JointInputs, Modality, Tokens

StorageDtype = Literal["fp32", "fp16"]
CPU = torch.device("cpu")
_DTYPES: Mapping[StorageDtype, type[np.floating[Any]]] = {"fp32": np.float32, "fp16": np.float16}


@dataclass(frozen=True)
class EncoderRunner:
    """An encoder, what it is made of, and how it computes.

    ``fingerprint`` is a hash of its code and options, and ``identity`` lists them by name, so that
    a new version can say what changed. ``state`` has hashes of the numbers that the encoder holds
    outside of networks, or the seed that they were drawn with. ``device`` holds its weights,
    ``precision`` is that of its forward pass and ``storage_dtype`` that of the stored tokens. The
    prepared arrays of a trained encoder are stored unchanged.
    """

    encoder: AnyEncoder
    fingerprint: str
    device: torch.device = CPU
    precision: Precision = "fp32"
    storage_dtype: StorageDtype = "fp32"
    label: str = "the encoder"
    """Kind, name and distribution, for messages."""
    identity: Identity = field(default_factory=dict)
    state: Mapping[str, str | int] = field(default_factory=dict)
    joint_inputs: JointInputs = "both"
    """What a joint encoder is given."""
    stored_input: Modality | None = None
    """The input whose prepared arrays are stored, of a joint encoder that is trained."""
    requested_batch: int | None = None
    """Items of one forward pass; None is the default of the device."""

    @property
    def is_joint(self) -> bool:
        """Whether it encodes picture and sound together."""
        return isinstance(self.encoder, JointEncoder) and self.stored_input is None

    @property
    def inputs(self) -> tuple[Modality, ...]:
        """What is prepared for it, in the order of `encode`."""
        return (self.stored_input,) if self.stored_input else list_inputs(self.encoder)

    @property
    def given_inputs(self) -> tuple[Modality, ...]:
        """What is decoded for it: all inputs, or those that a joint encoder is given."""
        decoded = list_given_inputs(self.encoder, self.joint_inputs)
        return tuple(modality for modality in self.inputs if modality in decoded)

    @property
    def sample_rate(self) -> int:
        """Sample rate at which audio is decoded for it, Hz."""
        return get_sample_rate(self.encoder)

    def get_frame_extras(self, clip: Clip) -> FrameExtras:
        """Return what is decoded for it beside the sampled frames of a clip."""
        encoder = self.encoder
        step = encoder.context_step if isinstance(encoder, HasContextFrames) else 0
        reads_boxes = isinstance(encoder, HasBoxInput) and encoder.reads_boxes
        return FrameExtras(step, clip.boxes if reads_boxes else None)

    @property
    def batch_size(self) -> int:
        """Clips or texts of one forward pass; fewer, once the device had no memory for them."""
        return self._batch.size

    @property
    def feature_source(self) -> HasGivenFeatures | None:
        """The encoder, if its features were made elsewhere; None if it computes them."""
        return self.encoder if isinstance(self.encoder, HasGivenFeatures) else None

    @cached_property
    def weights_hash(self) -> str | None:
        """Hash of the weights of its networks when it was new; None if it has none."""
        return None if self.feature_source else hash_networks(self.encoder)

    def prepare(self, source: Frames | Audio | str) -> NDArray[Any]:
        """Return the prepared array of a source.

        Raises:
            PartError: if the encoder returns no array.
        """
        array = prepare_input(self.encoder, source)
        require_valid(find_array_fault(array), self.label)
        return array

    def prepare_blank(self, modality: Modality, num_frames: int) -> NDArray[Any]:
        """Return an array without rows ``(0, ...)``, in the shape and dtype of prepared ones.

        It stands for an input that is left out.

        Raises:
            PartError: if the encoder returns no array.
        """
        if modality not in self._blanks:
            source = make_blank_source(
                modality, num_frames=num_frames, sample_rate=self.sample_rate
            )
            self._blanks[modality] = self.prepare(source)[:0]
        return self._blanks[modality]

    @cached_property
    def _batch(self) -> BatchSize:
        default = CUDA_BATCH_SIZE if self.device.type == "cuda" else ENCODING_PLAN.size
        return BatchSize(self.requested_batch or default)

    def shrink_batch(self, num_items: int) -> None:
        """Take fewer items at once, because the memory was too small for so many."""
        self._batch.shrink(num_items)
        notify(
            f"{self.label}: {self.device} has no memory for {num_items} items at once; "
            f"{self.batch_size} are encoded together"
        )
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @cached_property
    def _blanks(self) -> dict[Modality, NDArray[Any]]:
        return {}


def split_stored_inputs(runners: Mapping[str, EncoderRunner]) -> dict[str, EncoderRunner]:
    """Return one runner for each store of features, by name.

    The prepared arrays of a joint encoder that is trained are stored by input: those of the picture
    under the name of the encoder, those of the sound under that name with ``_audio``.
    """
    result: dict[str, EncoderRunner] = {}
    for name, runner in runners.items():
        if runner.is_joint and not runner.encoder.frozen:
            result[name] = replace(runner, stored_input="video")
            result[f"{name}_audio"] = replace(runner, stored_input="audio")
        else:
            result[name] = runner
    return result


def get_sample_rate(encoder: AnyEncoder) -> int:
    """Return the sample rate that an encoder reads, Hz; `AUDIO_SAMPLE_RATE` if it says none."""
    return encoder.sample_rate if isinstance(encoder, HasSampleRate) else AUDIO_SAMPLE_RATE


def cache_signature(
    runner: EncoderRunner, frames: int = 0, sampling: str = DEFAULT_SAMPLING
) -> dict[str, Any]:
    """Return everything that decides the output of an encoder, except the clip.

    The device is not included: it changes only the last digits of a number.
    """
    encoder = runner.encoder
    signature: dict[str, Any] = {
        "encoder": dict(runner.identity) or runner.fingerprint,
        "stage": "tokens" if encoder.frozen else "prepared",
        **runner.state,
    }
    if runner.stored_input:
        signature["input"] = runner.stored_input
    if runner.given_inputs != runner.inputs:
        signature["inputs"] = list(runner.given_inputs)
    if "video" in runner.given_inputs:
        signature |= {"sampling": sampling, "frames": frames}
    if "audio" in runner.given_inputs and runner.sample_rate != AUDIO_SAMPLE_RATE:
        signature["sample_rate"] = runner.sample_rate
    if encoder.frozen:
        dtypes = {"precision": runner.precision, "stored": runner.storage_dtype}
        signature |= {key: value for key, value in dtypes.items() if value != "fp32"}
        if runner.weights_hash:
            signature["weights"] = runner.weights_hash
    return signature


def encode_arrays(
    runner: EncoderRunner,
    arrays: Sequence[ClipArrays],
    states: Sequence[str],
    *,
    batch_size: int | None = None,
    min_lengths: Sequence[int] = (1, 1),
) -> Iterator[FeatureRows]:
    """Yield the rows to store: tokens, or the prepared arrays if the encoder is trained.

    A batch is computed when its first item is needed, so that its rows can be stored before the
    next one needs memory.

    Args:
        runner: the encoder.
        arrays: ``(T0, ...)`` for each input, in the order in which the items are encoded.
        states: state of each source, such as ``audible``.
        batch_size: items of one forward pass; None is that of the runner.
        min_lengths: least T0 of each input; shorter items are padded to it.

    Raises:
        PartError: if the encoder returns something wrong.
    """
    present = [_list_inputs(item) for item in arrays if not is_missing_input(item)]
    for of_input in zip(*present, strict=True):
        require_valid(_find_shape_fault(of_input), runner.label)
    rows: Iterator[NDArray[Any]] = (item[0] for item in present)
    if runner.encoder.frozen:
        rows = _encode_batches(runner, present, batch_size, min_lengths)
    for item, state in zip(arrays, states, strict=True):
        is_missing = is_missing_input(item)
        yield make_missing_rows(state) if is_missing else FeatureRows(next(rows), state)


def find_nonfinite(item: FeatureRows) -> str | None:
    """Return why an item cannot be stored, or None."""
    if item.rows.dtype.kind == "f" and not np.isfinite(item.rows).all():
        return "its features contain NaN or infinity; try another precision"
    return None


def is_missing_input(item: ClipArrays) -> bool:
    """Whether the source of every input of an item is missing."""
    arrays = _list_inputs(item)
    return not arrays or (len(arrays) > 1 and not any(len(array) for array in arrays))


def _list_inputs(item: ClipArrays) -> tuple[NDArray[Any], ...]:
    return tuple(array for array in item if array is not None)


def _find_shape_fault(arrays: Sequence[NDArray[Any]]) -> str | None:
    """Say that prepared arrays differ in more than their length, so that no batch can hold them."""
    shapes = sorted({array.shape[1:] for array in arrays})
    if len(shapes) < 2:
        return None
    return (
        f"prepare returns arrays (T, *{shapes[0]}) and (T, *{shapes[1]}); they may differ in the "
        "first axis alone"
    )


def _encode_batches(
    runner: EncoderRunner,
    arrays: Sequence[tuple[NDArray[Any], ...]],
    batch_size: int | None,
    min_lengths: Sequence[int],
) -> Iterator[NDArray[Any]]:
    start = 0
    while start < len(arrays):
        batch = arrays[start : start + (batch_size or runner.batch_size)]
        try:
            encoded, masks = _encode_batch(runner, batch, min_lengths)
        except torch.cuda.OutOfMemoryError:
            if len(batch) == 1:
                raise
            encoded = None  # the tensors of the failed pass are free after this block
        if encoded is None:
            runner.shrink_batch(len(batch))
            batch_size = batch_size and len(batch) // 2
            continue
        yield from (rows[row_mask] for rows, row_mask in zip(encoded, masks, strict=True))
        del encoded  # or the tokens of two batches are in memory
        start += len(batch)


def _encode_batch(
    runner: EncoderRunner,
    arrays: Sequence[tuple[NDArray[Any], ...]],
    min_lengths: Sequence[int],
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return tokens ``(B, T, dim)`` in the stored precision, and their mask ``(B, T)``."""
    inputs: list[Tensor] = []
    for of_input, min_length in zip(zip(*arrays, strict=True), min_lengths, strict=False):
        batch = _make_batch(of_input, min_length)
        inputs += [batch.values.to(runner.device), batch.mask.to(runner.device)]
    compute = DeviceConfig(str(runner.device), runner.precision)
    with torch.inference_mode(), autocast(compute):
        tokens = runner.encoder.encode(*inputs)
    require_valid(find_tokens_fault(tokens, len(arrays), runner.encoder.dim), runner.label)
    encoded, masks = tokens.values.float().cpu().numpy(), tokens.mask.cpu().numpy()
    with np.errstate(over="ignore"):  # `find_nonfinite` reports the item
        return encoded.astype(_DTYPES[runner.storage_dtype], copy=False), masks


def _make_batch(arrays: Sequence[NDArray[Any]], min_length: int) -> Tokens:
    names = [str(position) for position in range(len(arrays))]
    rows = [FeatureRows(array, "") for array in arrays]
    first = arrays[0]
    return FeatureBank(names, rows, first.shape[1:], first.dtype).batch(names, min_length)
