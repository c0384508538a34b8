"""hf-audio equals the library on one clip, for every family, and reads all of a clip."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import write_tiny_model
from torch import Tensor

from egoexobench import testing
from egoexobench.errors import DataError, UsageError
from egoexobench.protocols import HasSampleRate
from egoexobench.types import Audio
from egoexobench_plugins.hub_encoders import hf_audio
from egoexobench_plugins.hub_encoders.families import FAMILIES
from egoexobench_plugins.hub_encoders.family import ModelFamily

AUDIO_FAMILIES = [family for family in FAMILIES if family.kind == "audio"]
SPEECH = [family.model_type for family in AUDIO_FAMILIES if family.input == "input_values"]
WINDOW_S = {"audio-spectrogram-transformer": 0.64, "clap": 10.0, "whisper": 2.0}


def make_sound(seconds: float, rate: int) -> Audio:
    rng = np.random.default_rng(0)
    return Audio(rng.uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32), rate)


def encode_sound(encoder: Any, seconds: float) -> Tensor:
    """The tokens of one clip."""
    values = torch.from_numpy(encoder.prepare(make_sound(seconds, encoder.sample_rate)))[None]
    with torch.inference_mode():
        result = encoder.encode(values, torch.ones(values.shape[:2], dtype=torch.bool))
    return result.values[result.mask]


def run_library(folder: Path, family: ModelFamily, seconds: float) -> Any:
    """What the library itself computes for one clip."""
    import transformers

    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = getattr(transformers, family.model).from_pretrained(folder).eval()
    sound = make_sound(seconds, extractor.sampling_rate)
    batch = extractor(sound.waveform, sampling_rate=extractor.sampling_rate, return_tensors="pt")
    with torch.inference_mode():
        return getattr(model, family.call)(**batch, output_hidden_states=True)


def get_expected(family: ModelFamily, result: Any, output: str) -> Tensor:
    """The library's tokens of a sound that fills one window."""
    states = result.last_hidden_state[0]
    if family.model_type == "wav2vec2-bert":
        states = states[:-1]  # 49 rows are joined in pairs, and the mask leaves out the last pair
    if output == "pooled":
        return result.pooler_output if family.pooling == "pooler" else states.mean(0)[None]
    match family.spectrogram:
        case "ast":
            bands = states[2:].unflatten(0, (2, -1)).transpose(0, 1)  # (steps, bands, D)
        case "clap":
            bands = states.permute(2, 1, 0)
        case _:
            bands = states[:, None]
    return bands.mean(1) if output == "frames" else bands.flatten(0, 1)


@pytest.mark.parametrize("family", AUDIO_FAMILIES, ids=lambda family: family.model_type)
def test_a_family_of_sound_equals_the_library(family: ModelFamily, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "audio", family.model_type)
    # Kaldi's frames lie inside of the sound: 15 ms more fill the last of 64 rows
    seconds = WINDOW_S.get(family.model_type, 0.505)
    result = run_library(tmp_path, family, seconds)
    for output in ("frames", "pooled", "tokens"):
        encoder = hf_audio(model=str(tmp_path), output=output)
        testing.check_encoder(encoder)
        expected = get_expected(family, result, output)
        tokens = encode_sound(encoder, seconds)
        torch.testing.assert_close(tokens, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["group", "layer"])
@pytest.mark.parametrize("model_type", SPEECH)
def test_no_speech_model_reads_padding(norm: str, model_type: str, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "audio", model_type, feat_extract_norm=norm)
    testing.check_encoder(hf_audio(model=str(tmp_path)))


@pytest.mark.parametrize("model_type", ["wav2vec2", "audio-spectrogram-transformer"])
def test_a_trained_encoder_of_sound_draws_nothing_at_random(
    model_type: str, tmp_path: Path
) -> None:
    write_tiny_model(
        tmp_path, "audio", model_type, mask_time_prob=0.5, hidden_dropout=0.0,
        hidden_dropout_prob=0.0, attention_dropout=0.0, activation_dropout=0.0,
        feat_proj_dropout=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    encoder: Any = hf_audio(model=str(tmp_path), trained=True)
    testing.check_encoder(encoder)
    encoder.train()
    values = torch.from_numpy(encoder.prepare(make_sound(0.6, encoder.sample_rate)))[None]
    mask = torch.ones(values.shape[:2], dtype=torch.bool)
    assert torch.equal(encoder.encode(values, mask).values, encoder.encode(values, mask).values)


@pytest.mark.parametrize("model_type", list(WINDOW_S))
def test_a_long_sound_is_read_to_its_end_and_twice_the_same(
    model_type: str, tmp_path: Path
) -> None:
    write_tiny_model(tmp_path, "audio", model_type)
    encoder: Any = hf_audio(model=str(tmp_path))
    window = WINDOW_S[model_type]
    single, double, half = (encode_sound(encoder, factor * window) for factor in (1, 2, 2.5))
    assert len(double) == 2 * len(single)
    assert len(double) < len(half) < 3 * len(single)
    torch.testing.assert_close(double[: len(single)], single)
    assert torch.equal(double, encode_sound(encoder, 2 * window))


def test_a_window_cuts_a_sound_for_a_model_of_samples(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "audio", "wav2vec2")
    encoder: Any = hf_audio(model=str(tmp_path), window=0.25)
    testing.check_encoder(encoder)
    parts = encode_sound(encoder, 0.5)
    torch.testing.assert_close(parts[: len(parts) // 2], encode_sound(encoder, 0.25))
    sliver = encode_sound(encoder, 0.2505)  # what gives no token is no window
    assert len(sliver) == len(parts) // 2


def test_the_sound_is_read_at_the_rate_of_the_model(tmp_path: Path) -> None:
    for model_type, rate in {"clap": 48_000, "wav2vec2": 16_000}.items():
        write_tiny_model(tmp_path / model_type, "audio", model_type)
        encoder = hf_audio(model=str(tmp_path / model_type))
        assert isinstance(encoder, HasSampleRate)
        assert encoder.sample_rate == rate


@pytest.mark.parametrize(
    ("model_type", "options", "text"),
    [
        ("clap", {"window": 12.0}, "reads 10 s at most"),
        ("clap", {"layer": 1}, "differ in width"),
        ("wav2vec2", {"window": 0.001}, "needs a longer window"),
    ],
)
def test_an_option_that_a_model_does_not_take_is_refused(
    model_type: str, options: dict[str, Any], text: str, tmp_path: Path
) -> None:
    write_tiny_model(tmp_path, "audio", model_type)
    with pytest.raises(UsageError, match=text):
        hf_audio(model=str(tmp_path), **options)


@pytest.mark.parametrize("model_type", ["wav2vec2", "audio-spectrogram-transformer"])
def test_a_sound_that_is_too_short_is_refused(model_type: str, tmp_path: Path) -> None:
    write_tiny_model(tmp_path, "audio", model_type)
    encoder: Any = hf_audio(model=str(tmp_path))
    with pytest.raises(DataError, match="too short"):
        encoder.prepare(make_sound(0.001, 16_000))
