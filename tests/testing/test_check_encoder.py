"""Every wrong encoder is an AssertionError that names its fault, and a right one passes."""

import numpy as np
import pytest
import torch
from torch import nn

from egoexobench.errors import UsageError
from egoexobench.testing import check_encoder
from egoexobench.types import Tokens

DIM = 4


class GoodEncoder(nn.Module):
    """Loudness of every half second of a sound through a trained layer with dropout."""

    modality = "audio"
    dim = DIM
    frozen = False

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, DIM)
        self.dropout = nn.Dropout(0.5)

    def prepare(self, source):
        parts = source.waveform.reshape(-1, 8000)
        return np.stack([parts.mean(1), parts.std(1)], 1)

    def encode(self, values, mask):
        return Tokens(self.dropout(self.layer(values)), mask)


class FrozenEncoder(GoodEncoder):
    frozen = True

    def __init__(self):
        super().__init__()
        self.requires_grad_(False)
        self.eval()


class TextEncoder(nn.Module):
    """Rows of a table by token id."""

    modality = "text"
    dim = DIM
    frozen = False

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(256, DIM)

    def prepare(self, source):
        return np.frombuffer(source.encode(), np.uint8).astype(np.int64)

    def encode(self, values, mask):
        assert values.dtype == torch.int64, "token ids stay integers"
        return Tokens(self.table(values), mask)


class VideoEncoder:
    """Mean color of a frame; takes 6 frames."""

    modality = "video"
    dim = 3
    frozen = True

    def prepare(self, source):
        assert len(source.pixels) == 6
        return source.pixels.mean((1, 2)).astype(np.float32)

    def encode(self, values, mask):
        return Tokens(values, mask)


def test_right_encoders_pass_and_keep_their_mode() -> None:
    encoder = GoodEncoder().train()
    check_encoder(encoder)
    assert encoder.training
    assert encoder.layer.weight.grad is None
    check_encoder(FrozenEncoder())
    check_encoder(TextEncoder())
    check_encoder(VideoEncoder(), num_frames=6)


def change_encoder(name, value):
    """Return an encoder with another member."""
    return type("Changed", (GoodEncoder,), {name: value})()


class EncoderWithoutAttribute:
    """Not a module, so that any member can be missing."""

    def __init__(self, *missing):
        members = {"modality": "audio", "dim": DIM, "frozen": True}
        members |= {"prepare": len, "encode": len}
        for name, value in members.items():
            if name not in missing:
                setattr(self, name, value)


def make_training_encoder():
    encoder = FrozenEncoder()
    encoder.dropout.train()
    return encoder


def without_trainable_weights():
    return GoodEncoder().requires_grad_(False)


class StaysInTraining(GoodEncoder):
    def train(self, mode=True):
        return super().train(True)


MEMBERS = [
    (EncoderWithoutAttribute("modality"), "it has no attribute 'modality'"),
    (EncoderWithoutAttribute("dim"), "it has no attribute 'dim'"),
    (EncoderWithoutAttribute("frozen"), "it has no attribute 'frozen'"),
    (EncoderWithoutAttribute("prepare"), "it has no method 'prepare'"),
    (EncoderWithoutAttribute("encode"), "it has no method 'encode'"),
    (change_encoder("prepare", None), "prepare is None (NoneType); it must be a method"),
    (None, "it has no attribute 'modality'"),
    (
        change_encoder("modality", "sound"),
        "modality is 'sound'; it must be one of video, audio, text",
    ),
    (change_encoder("modality", ["audio"]), "modality is ['audio']; it must be one of"),
    (change_encoder("dim", 4.0), "dim is 4.0; it must be a positive int"),
    (change_encoder("dim", True), "dim is True; it must be a positive int"),
    (change_encoder("dim", 0), "dim is 0; it must be a positive int"),
    (change_encoder("frozen", 0), "frozen is 0 (int); it must be bool"),
    (
        change_encoder("frozen", property(lambda self: 1 / 0)),
        "reading frozen raised ZeroDivisionError",
    ),
    (make_training_encoder(), "it is frozen, and modules in it are in training mode: dropout"),
    (without_trainable_weights(), "it is not frozen, and no parameter requires a gradient"),
    (type("Plain", (VideoEncoder,), {"frozen": False})(), "must be an nn.Module"),
    (StaysInTraining(), "eval() leaves modules in training mode: itself, layer, dropout"),
]


def prepare_with(function):
    """Return an encoder whose ``prepare`` is another function of the right array."""
    good = GoodEncoder.prepare
    return change_encoder("prepare", lambda self, source: function(good(self, source), source))


class CountingEncoder:
    """Counts its calls, for results that change."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return self.count


def make_silence(array, source):
    source.waveform[:10] = 0
    return array


PREPARED = [
    (lambda array, source: 1 / 0, "prepare raised ZeroDivisionError: division by zero"),
    (lambda array, source: array.tolist(), "the result of prepare is of type list"),
    (lambda array, source: torch.tensor(array), "the result of prepare is of type Tensor"),
    (lambda array, source: array.sum(), "the result of prepare is"),
    (lambda array, source: np.asarray(array.sum()), "prepare returns an array without axes"),
    (lambda array, source: array.astype(complex), "prepare returns the dtype complex128; use one"),
    (lambda array, source: array.astype(np.uint32), "prepare returns the dtype uint32; use one of"),
    (lambda array, source: array * np.nan, "prepare returns NaN or infinity"),
    (lambda array, source: array + np.inf, "prepare returns NaN or infinity"),
    (make_silence, "prepare changes its source in place"),
    (lambda array, source: array + next_number(), "prepare returns another array for the same"),
    (lambda array, source: array[: next_number() % 2 + 1], "returns another array for the same"),
    (lambda array, source: array[:0], "prepare returns arrays of length 0 only"),
    (lambda array, source: array[:, : len(array) - 1], "differ in more than the first axis: [(1,"),
    (
        lambda array, source: array.astype(f"float{32 if len(array) == 2 else 64}"),
        "prepare returns arrays of several dtypes: float32, float64",
    ),
]
next_number = CountingEncoder()


def encode_with(function, frozen=False):
    """Return an encoder whose tokens are another function of the right ones."""
    base = FrozenEncoder if frozen else GoodEncoder

    def encode(self, values, mask):
        tokens = GoodEncoder.encode(self, values, mask)
        return function(tokens.values, tokens.mask, values)

    return type("Changed", (base,), {"encode": encode})()


def overwrite_input(tokens, mask, inputs):
    inputs.mul_(2)
    return Tokens(tokens, mask)


def overwrite_mask(tokens, mask, inputs):
    result = Tokens(tokens, mask.clone())
    mask[:] = True
    return result


def read_padding(tokens, mask, inputs):
    mean = torch.cat([tokens, tokens.new_ones(len(tokens), 1, DIM)], 1).mean(1, keepdim=True)
    return Tokens(tokens + mean, mask)


def read_neighbors(tokens, mask, inputs):
    return Tokens(tokens + tokens.mean((0, 1), keepdim=True) * len(tokens), mask)


def add_row_number(tokens, mask, inputs):
    return Tokens(tokens + torch.arange(float(len(tokens)))[:, None, None], mask)


def mark_by_batch(tokens, mask, inputs):
    return Tokens(tokens, mask if len(mask) > 1 else mask & (torch.arange(mask.shape[1]) > 0))


def mark_padding(tokens, mask, inputs):
    return Tokens(tokens, mask.any(1, keepdim=True).expand_as(mask))


ENCODED = [
    (
        lambda tokens, mask, inputs: 1 / 0,
        "encode, for values of the dtype torch.float32, raised Ze",
    ),
    (lambda tokens, mask, inputs: tokens, "the result of encode is of type Tensor; it must be Tok"),
    (lambda tokens, mask, inputs: (tokens, mask), "the result of encode is of type tuple"),
    (lambda tokens, mask, inputs: Tokens(tokens.detach().numpy(), mask), "values of its tokens is"),
    (lambda tokens, mask, inputs: Tokens(tokens.int(), mask), "has the dtype torch.int32; it must"),
    (lambda tokens, mask, inputs: Tokens(tokens.mean(1), mask), "(3, 4); it must be (B, T, dim)"),
    (lambda tokens, mask, inputs: Tokens(tokens[..., :3], mask), "(3, 8, 3); it must be (B, T, d"),
    (lambda tokens, mask, inputs: Tokens(tokens[:2], mask[:2]), "shape (2, 8, 4); it must be (B,"),
    (lambda tokens, mask, inputs: Tokens(tokens, None), "mask of its tokens is None (NoneType)"),
    (lambda tokens, mask, inputs: Tokens(tokens, mask.float()), "the mask has the dtype torch.flo"),
    (lambda tokens, mask, inputs: Tokens(tokens, mask[:, :2]), "the mask has the shape (3, 2); it"),
    (
        lambda tokens, mask, inputs: Tokens(tokens * torch.nan, mask),
        "its tokens contains NaN or inf",
    ),
    (
        lambda tokens, mask, inputs: Tokens(tokens, mask & False),
        "the mask marks no token of a clip",
    ),
    (
        lambda tokens, mask, inputs: Tokens(tokens, mask | True),
        "8 tokens or 2, depending on padding",
    ),
    (mark_padding, "the mask marks 8 tokens or 2, depending on padding"),
    (mark_by_batch, "the mask marks 2 tokens or 1, depending on the other clips of its batch"),
    (
        lambda tokens, mask, inputs: Tokens(nn.functional.dropout(tokens, 0.5, True), mask),
        "the same batch gets other tokens in evaluation mode: is dropout active?",
    ),
    (overwrite_input, "encode changes its inputs in place"),
    (overwrite_mask, "encode changes its inputs in place"),
    (read_padding, "padded: a token depends on padding"),
    (read_neighbors, "alone: a token depends on the other clips of its batch"),
    (add_row_number, "alone: a token depends on the other clips of its batch"),
]


def mark_without_input(tokens, mask, inputs):
    rows = mask.any(1, keepdim=True)
    return Tokens(tokens, torch.where(rows, mask, torch.arange(mask.shape[1]) == 0))


class IntegersAreFloats(TextEncoder):
    def encode(self, values, mask):
        return Tokens(nn.functional.linear(values[..., None], torch.ones(DIM, 1)), mask)


class NanGradient(GoodEncoder):
    def encode(self, values, mask):
        tokens = super().encode(values, mask).values
        return Tokens(tokens + (tokens - tokens).sqrt(), mask)


TRAINED = [
    (encode_with(mark_without_input), "the mask marks tokens of a clip that has no input"),
    (
        encode_with(lambda tokens, mask, inputs: Tokens(tokens.detach(), mask)),
        "its tokens has no gradient: it was detached",
    ),
    (
        encode_with(lambda tokens, mask, inputs: Tokens(tokens.detach().requires_grad_(), mask)),
        "no gradient reaches its weights",
    ),
    (NanGradient(), "the gradient of its weights contains NaN"),
    (IntegersAreFloats(), "encode, for values of the dtype torch.int64, raised RuntimeError"),
]


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        *MEMBERS,
        *((prepare_with(function), message) for function, message in PREPARED),
        *((encode_with(function), message) for function, message in ENCODED),
        *((encode_with(function, frozen=True), message) for function, message in ENCODED),
        *TRAINED,
    ],
)
def test_a_wrong_encoder_is_one_line_that_names_its_fault(encoder: object, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_encoder(encoder)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_half_precision_is_found():
    class HalfEncoder(FrozenEncoder):
        def encode(self, values, mask):
            return Tokens(values[..., :1].expand(-1, -1, DIM).half(), mask)

    with pytest.raises(AssertionError, match=r"dtype torch\.float16"):
        check_encoder(HalfEncoder())


def test_a_reference_finds_tokens_of_right_form_and_wrong_numbers():
    encoder = FrozenEncoder()

    def compute_reference(source):
        with torch.inference_mode():
            return encoder.layer(torch.from_numpy(encoder.prepare(source)))

    check_encoder(encoder, reference=compute_reference)
    with pytest.raises(AssertionError, match=r"source 0 are not those of the reference; .* 0\.01"):
        check_encoder(encoder, reference=lambda source: compute_reference(source) + 0.01)
    with pytest.raises(AssertionError, match=r"tokens \(2, 4\), and the reference \(1, 4\)"):
        check_encoder(encoder, reference=lambda source: compute_reference(source)[:1])


class FrameEncoder:
    """The mean color of each frame."""

    modality = "video"
    dim = 3
    frozen = True

    def prepare(self, source):
        return source.pixels.mean((1, 2)).astype(np.float32)

    def encode(self, values, mask):
        return Tokens(values, mask)

    def get_token_times(self, frame_times):
        return frame_times


def refuse_times(frame_times):
    message = "output=pooled gives no token for each frame"
    raise UsageError(message)


def test_an_encoder_with_the_times_of_its_tokens_passes() -> None:
    check_encoder(FrameEncoder())
    refusing = FrameEncoder()
    refusing.get_token_times = refuse_times
    check_encoder(refusing)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda times: times[:-1], r"returns the shape \(3,\) for 4 tokens"),
        (lambda times: times[::-1], "times that do not rise"),
        (lambda times: times + 1, "a time outside of the clip"),
        (lambda times: times.reshape(2, 2), r"returns the shape \(2, 2\) for 4 tokens"),
    ],
)
def test_wrong_times_of_tokens_are_a_fault(change, fault) -> None:
    encoder = FrameEncoder()
    encoder.get_token_times = change
    with pytest.raises(AssertionError, match=fault):
        check_encoder(encoder)
