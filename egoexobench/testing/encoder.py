"""The contract of encoders: their members, what they prepare, and what they encode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egoexobench.errors import UsageError
from egoexobench.features.encoder_inputs import list_inputs, prepare_input
from egoexobench.features.encoder_runner import get_sample_rate
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows, make_missing_rows
from egoexobench.part_results import find_array_fault, find_tokens_fault
from egoexobench.protocols import AnyEncoder, HasContextFrames, HasTokenTimes, JointEncoder
from egoexobench.testing.assertions import (
    check_choice,
    check_eval_mode,
    check_finite,
    check_gradient,
    check_has,
    check_instance,
    check_that,
    check_unchanged,
    check_valid,
    is_close,
    report_errors,
    run_backward,
)
from egoexobench.testing.missing_inputs import check_missing_inputs
from egoexobench.testing.sources import (
    Item,
    Source,
    copy_source,
    is_same_source,
    make_context_source,
    make_items,
)
from egoexobench.types import Frames, Modality, Tokens

Batch = tuple[Tokens, ...]
"""A padded batch for each input of an encoder."""
Reference = Callable[..., NDArray[Any] | Tensor]


def check_encoder(
    encoder: AnyEncoder,
    *,
    num_frames: int = 4,
    seed: int = 0,
    reference: Reference | None = None,
) -> None:
    """Check that tokens have the right form and depend on nothing but their own source.

    Tokens can be right in form and wrong in number: a text model that was trained with padding, for
    example, gives other vectors without it, always the same ones. A reference finds that; nothing
    else can, since most text models read no padding.

    Args:
        encoder: of one modality or of picture and sound together, frozen or trained. Its weights
            are not changed.
        num_frames: frames of a clip, for a video encoder that takes a fixed number.
        seed: of the sources.
        reference: returns the tokens ``(T, dim)`` of a source as the authors' own code computes
            them, such as the processor and the model of a library. That of a joint encoder takes
            frames, and a sound or None.

    Raises:
        AssertionError: with the first fault.
    """
    _check_members(encoder)
    items = make_items(encoder.modality, num_frames, seed, get_sample_rate(encoder))
    if isinstance(encoder, HasContextFrames):
        items = [tuple(map(make_context_source, item)) for item in items]
    banks = [
        _prepare_all(encoder, [item[index] for item in items])
        for index in range(len(list_inputs(encoder)))
    ]
    with _evaluation_mode(encoder):
        with torch.inference_mode():
            _check_tokens(encoder, banks)
            _check_token_times(encoder, items, banks)
            if isinstance(encoder, JointEncoder):
                check_missing_inputs(encoder, banks)
            if reference is not None:
                _check_reference(encoder, reference, items, banks)
        if not encoder.frozen:
            _check_trained(encoder, banks)


def _check_members(encoder: AnyEncoder) -> None:
    check_has(encoder, ["encode"], ["modality", "dim", "frozen"])
    check_choice(encoder.modality, get_args(Modality), "modality")
    is_joint = encoder.modality == "joint"
    check_has(encoder, ["prepare_video", "prepare_audio"] if is_joint else ["prepare"])
    check_instance(encoder.frozen, bool, "frozen")
    is_count = isinstance(encoder.dim, int) and not isinstance(encoder.dim, bool)
    check_that(is_count and encoder.dim > 0, f"dim is {encoder.dim!r}; it must be a positive int")
    if isinstance(encoder, nn.Module):
        if encoder.frozen:
            check_eval_mode(encoder, "it is frozen, and modules in it are in training mode")
        trainable = any(weight.requires_grad for weight in encoder.parameters())
        check_that(
            encoder.frozen or trainable, "it is not frozen, and no parameter requires a gradient"
        )
    else:
        check_that(
            encoder.frozen, "it is not frozen; an encoder that is trained must be an nn.Module"
        )


def _prepare_all(encoder: AnyEncoder, sources: Sequence[Source | None]) -> FeatureBank:
    """Prepare the sources of one input; None is a source that is missing."""
    present = [source for source in sources if source is not None]
    arrays = [_prepare_array(encoder, source) for source in present]
    for source, array in zip(present, arrays, strict=True):
        again = _prepare_array(encoder, source)
        same = array.shape == again.shape and np.array_equal(array, again)
        check_that(same, "prepare returns another array for the same source")
    filled = [array for array in arrays if len(array)]
    check_that(bool(filled), "prepare returns arrays of length 0 only")
    dtypes = sorted({array.dtype.name for array in filled})
    check_that(len(dtypes) == 1, f"prepare returns arrays of several dtypes: {', '.join(dtypes)}")
    shapes = sorted({array.shape[1:] for array in filled})
    message = f"prepare returns arrays that differ in more than the first axis: {shapes}"
    check_that(len(shapes) == 1, message)
    prepared = iter(arrays)
    rows = [
        make_missing_rows("") if source is None else FeatureRows(next(prepared), "")
        for source in sources
    ]
    return FeatureBank([str(index) for index in range(len(sources))], rows)


def _prepare_array(encoder: AnyEncoder, source: Source) -> NDArray[Any]:
    before = copy_source(source)
    with report_errors("prepare"):
        array = prepare_input(encoder, source)
    check_that(is_same_source(before, source), "prepare changes its source in place")
    check_valid(find_array_fault(array))
    check_that(bool(np.isfinite(array).all()), "prepare returns NaN or infinity")
    return array


def _check_tokens(encoder: AnyEncoder, banks: Sequence[FeatureBank]) -> None:
    names = list(banks[0].index)
    batch = _make_batch(banks, names)
    tokens = _encode_batch(encoder, batch)
    again = _encode_batch(encoder, batch)
    message = "the same batch gets other tokens in evaluation mode: is dropout active?"
    check_that(_are_same_tokens(tokens, again), message)
    in_batch = [_get_real_tokens(tokens, row) for row in range(len(names))]
    for name, rows in zip(names, in_batch, strict=True):
        check_that(
            not any(bank.has(name) for bank in banks) or len(rows) > 0,
            "the mask marks no token of a clip that has input",
        )
    for row, name in enumerate(names):
        padded = _select_rows(batch, [row])
        alone = _get_real_tokens(_encode_batch(encoder, padded), 0)
        _compare_tokens(in_batch[row], alone, "alone", "the other clips of its batch")
        unpadded = _make_batch(banks, [name])
        for index in range(len(banks)):  # padding of one input at a time
            inputs = (*padded[:index], unpadded[index], *padded[index + 1 :])
            shorter = _get_real_tokens(_encode_batch(encoder, inputs), 0)
            _compare_tokens(alone, shorter, "padded", "padding")
    order = list(range(len(names)))[::-1]
    reordered = _encode_batch(encoder, _select_rows(batch, order))
    for row, position in enumerate(order):
        tokens_of_row = _get_real_tokens(reordered, position)
        _compare_tokens(tokens_of_row, in_batch[row], "in another order", "its position")


def _check_token_times(
    encoder: AnyEncoder, items: Sequence[Item], banks: Sequence[FeatureBank]
) -> None:
    """Each token of a clip has a time in the clip, and they rise."""
    frames = next((source for source in items[0] if isinstance(source, Frames)), None)
    if frames is None or not isinstance(encoder, HasTokenTimes):
        return
    times = None
    with report_errors("get_token_times"), suppress(UsageError):
        times = encoder.get_token_times(frames.sampled_times.copy())
    if times is None:  # with these options it has none
        return
    tokens = _encode_batch(encoder, _make_batch(banks, [next(iter(banks[0].index))]))
    num_tokens = int(tokens.mask[0].sum())
    check_that(
        np.shape(times) == (num_tokens,),
        f"get_token_times returns the shape {np.shape(times)} for {num_tokens} tokens",
    )
    check_that(bool((np.diff(times) > 0).all()), "get_token_times returns times that do not rise")
    is_inside = (times >= frames.times[0]) & (times <= frames.times[-1])
    check_that(bool(is_inside.all()), "get_token_times returns a time outside of the clip")


def _check_reference(
    encoder: AnyEncoder, reference: Reference, items: Sequence[Item], banks: Sequence[FeatureBank]
) -> None:
    for index, (name, item) in enumerate(zip(banks[0].index, items, strict=True)):
        tokens = _get_real_tokens(_encode_batch(encoder, _make_batch(banks, [name])), 0)
        copies = [None if source is None else copy_source(source) for source in item]
        with report_errors("the reference"):
            expected = torch.as_tensor(reference(*copies)).to(tokens)
        label = repr(item[0]) if isinstance(item[0], str) else f"source {index}"
        check_that(
            tokens.shape == expected.shape,
            f"{label} has tokens {tuple(tokens.shape)}, and the reference {tuple(expected.shape)}",
        )
        difference = float((tokens - expected).abs().max()) if tokens.numel() else 0.0
        check_that(
            is_close(tokens, expected),
            f"the tokens of {label} are not those of the reference; they differ by up to "
            f"{difference:.2g}",
        )


def _compare_tokens(tokens: Tensor, reference: Tensor, condition: str, cause: str) -> None:
    message = f"the mask marks {len(tokens)} tokens or {len(reference)}, depending on {cause}"
    check_that(len(tokens) == len(reference), f"{condition}: {message}")
    check_that(is_close(tokens, reference), f"{condition}: a token depends on {cause}")


def _check_trained(encoder: AnyEncoder, banks: Sequence[FeatureBank]) -> None:
    batch = _make_batch(banks, list(banks[0].index))
    without_input = "the mask marks tokens of a clip that has no input"
    empty = tuple(Tokens(torch.zeros_like(item.values), item.mask & False) for item in batch)
    check_that(not bool(_encode_batch(encoder, empty).mask.any()), without_input)
    for item in batch:
        item.values[0], item.mask[0] = 0, False  # a clip without input, such as one without sound
    tokens = _encode_batch(encoder, batch)
    check_that(not bool(tokens.mask[0].any()), without_input)
    run_backward(tokens.values[tokens.mask], "its tokens")
    if isinstance(encoder, nn.Module):
        weights = [weight for weight in encoder.parameters() if weight.requires_grad]
        check_gradient(weights, "its weights")


def _make_batch(banks: Sequence[FeatureBank], names: Sequence[str]) -> Batch:
    return tuple(bank.batch(names) for bank in banks)


def _select_rows(batch: Batch, rows: list[int]) -> Batch:
    return tuple(Tokens(item.values[rows], item.mask[rows]) for item in batch)


def _encode_batch(encoder: AnyEncoder, batch: Batch) -> Tokens:
    inputs = [tensor for item in batch for tensor in (item.values, item.mask)]
    before = [tensor.clone() for tensor in inputs]
    dtypes = " and ".join(str(item.values.dtype) for item in batch)
    with report_errors(f"encode, for values of the dtype {dtypes},"):
        tokens = encoder.encode(*inputs)
    check_unchanged(before, inputs, "encode")
    check_valid(find_tokens_fault(tokens, len(batch[0].values), encoder.dim))
    check_that(
        tokens.values.dtype == torch.float32,
        f"its tokens have the dtype {tokens.values.dtype}; in single precision they must be "
        "torch.float32 (a checkpoint in half precision is read with float())",
    )
    check_finite(tokens.values[tokens.mask], "its tokens")
    return tokens


def _get_real_tokens(tokens: Tokens, row: int) -> Tensor:
    return tokens.values[row][tokens.mask[row]]


def _are_same_tokens(first: Tokens, second: Tokens) -> bool:
    same_mask = torch.equal(first.mask, second.mask)
    return same_mask and is_close(first.values[first.mask], second.values[second.mask])


@contextmanager
def _evaluation_mode(encoder: AnyEncoder) -> Iterator[None]:
    if not isinstance(encoder, nn.Module):
        yield
        return
    modes = {module: module.training for module in encoder.modules()}
    encoder.eval()
    check_eval_mode(encoder, "eval() leaves modules in training mode")
    try:
        yield
    finally:
        encoder.zero_grad()
        for module, training in modes.items():
            module.training = training
