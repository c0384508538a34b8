"""CLAP's audio tower against transformers' own preprocessing and model, and its checkpoints."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from egoexobench.errors import DataError
from egoexobench.testing import check_encoder
from egoexobench.types import Audio
from egoexobench_plugins.clap import clap
from egoexobench_plugins.clap.mel import SAMPLE_RATE, compute_windows
from egoexobench_plugins.clap.model import SIZES, CLAPConfig, build_tower, infer_config, load_tower

TINY = SIZES["tiny"]


def make_model(config=TINY):
    generator = torch.Generator().manual_seed(4)
    model = build_tower(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.2 + 0.1)
    return model


def make_sound(seconds, seed=0, rate=16_000):
    rng = np.random.default_rng(seed)
    return Audio(rng.uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32), rate)


def encode_source(encoder, source):
    values = torch.from_numpy(encoder.prepare(source))[None]
    with torch.inference_mode():
        return encoder.encode(values, torch.ones(values.shape[:2], dtype=torch.bool))


def test_a_tiny_encoder_keeps_the_contract():
    check_encoder(clap(size="tiny"))


def test_ten_seconds_are_what_transformers_makes_of_them():
    from torchaudio.functional import resample
    from transformers import ClapFeatureExtractor

    source = make_sound(10)
    encoder = clap(size="tiny")
    encoder.model.load_state_dict(make_model().state_dict())
    # clap-htsat-unfused: preprocessor_config.json says 50 to 14,000 Hz
    extract = ClapFeatureExtractor(frequency_min=50, frequency_max=14_000, truncation="rand_trunc")
    wave = resample(torch.from_numpy(source.waveform), 16_000, SAMPLE_RATE).numpy()
    inputs = extract(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt")["input_features"]
    with torch.inference_mode():
        expected = make_model()(inputs).last_hidden_state  # (1, D, 2, 32)
    tokens = encode_source(encoder, source)
    assert tokens.mask.all()
    assert tokens.values.shape == (1, 32, encoder.dim)
    torch.testing.assert_close(tokens.values[0], expected[0].mean(1).T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("seconds", "count"), [(0.01, 1), (1, 4), (5, 16), (10, 32), (21, 68)])
def test_there_is_a_token_for_each_third_of_a_second_that_sounds(seconds, count):
    assert int(encode_source(clap(size="tiny"), make_sound(seconds)).mask.sum()) == count


def test_a_long_sound_is_read_in_windows_that_do_not_influence_each_other():
    encoder = clap(size="tiny")
    first, second = make_sound(10), make_sound(4, seed=1)
    joined = Audio(np.concatenate([first.waveform, second.waveform]), 16_000)
    joined_tokens = encode_source(encoder, joined)
    alone = encode_source(encoder, first)
    # the resampler alone reaches across: it reads a few samples on both sides
    assert float((joined_tokens.values[0, :31] - alone.values[0, :31]).abs().max()) < 0.05
    assert joined_tokens.mask.sum() == 32 + 13


def test_silence_and_sound_have_different_tokens():
    quiet = Audio(np.zeros(16_000, np.float32), 16_000)
    encoder = clap(size="tiny")
    result = [encode_source(encoder, source).values[0, 0] for source in (quiet, make_sound(1))]
    assert float((result[0] - result[1]).abs().max()) > 1e-3


def test_resampling_keeps_a_tone_where_it_is():
    time = np.arange(16_000) / 16_000
    mel = compute_windows(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 16_000, False)[0]
    assert mel.shape == (1001, 65)
    loudest = mel[:90, :64].mean(0).argmax()
    low = compute_windows(np.sin(2 * np.pi * 250 * time).astype(np.float32), 16_000, False)[0]
    assert low[:90, :64].mean(0).argmax() < loudest
    assert mel[:, 64].sum() == 100  # rows 0 to 99 start within the second


@pytest.mark.parametrize("fused", [False, True])
def test_a_checkpoint_shows_its_own_sizes_and_keeps_its_text_tower_out(tmp_path, fused):
    config = CLAPConfig(8, (1, 2, 1, 1), (2, 2, 4, 8), window=4, fused=fused)
    original = make_model(config)
    state = {f"audio_model.{k}": v.contiguous() for k, v in original.state_dict().items()}
    assert infer_config(original.state_dict()) == config
    others = {"text_model.x": torch.ones(2), "logit_scale_a": torch.ones(())}
    halved = {k: v.half() if v.is_floating_point() else v for k, v in (state | others).items()}
    index = [key for key in halved if key.endswith("relative_position_index")]
    assert index  # a file of another version has none
    save_file({k: v for k, v in halved.items() if k not in index}, tmp_path / "c.safetensors")
    loaded = clap(weights=tmp_path / "c.safetensors")
    for name, value in original.state_dict().items():
        if value.is_floating_point():
            result = loaded.model.state_dict()[name]
            torch.testing.assert_close(result, value.half().float())
    assert encode_source(loaded, make_sound(1)).values.isfinite().all()


def test_a_file_of_another_system_or_with_a_weight_too_few_is_one_line(tmp_path):
    save_file({"blocks.0.x": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="no checkpoint of CLAP"):
        load_tower(tmp_path / "other.safetensors")
    state = {f"audio_model.{k}": v.contiguous() for k, v in make_model().state_dict().items()}
    del state["audio_model.audio_encoder.norm.bias"]
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(DataError, match=r"1 missing \(audio_encoder.norm.bias\)"):
        load_tower(tmp_path / "less.safetensors")


def test_a_sound_without_a_sample_is_an_error():
    with pytest.raises(DataError, match="no sample"):
        clap(size="tiny").prepare(Audio(np.zeros(0, np.float32), 16_000))


def test_frozen_is_still_and_trained_learns():
    assert not clap(size="tiny").train().model.training
    encoder = clap(size="tiny", trained=True).train()
    values = torch.from_numpy(encoder.prepare(make_sound(1)))[None]
    encoder.encode(values, torch.ones(1, 1, dtype=torch.bool)).values.square().sum().backward()
    weight = encoder.model.audio_encoder.patch_embed.proj.weight
    assert weight.grad.abs().sum() > 0
