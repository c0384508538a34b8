"""CLAP's audio tower against transformers' own preprocessing and model, and its checkpoints."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from egoexobench.errors import DataError
from egoexobench.testing import check_encoder
from egoexobench.types import Audio
from egoexobench_plugins.clap import clap
from egoexobench_plugins.clap.mel import RATE, windows
from egoexobench_plugins.clap.model import SIZES, Shape, load, shown, tower

TINY = SIZES["tiny"]


def made(shape=TINY):
    generator = torch.Generator().manual_seed(4)
    model = tower(shape).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator) * 0.2 + 0.1)
    return model


def sound(seconds, seed=0, rate=16_000):
    rng = np.random.default_rng(seed)
    return Audio(rng.uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32), rate)


def tokens_of(encoder, source):
    values = torch.from_numpy(encoder.prepare(source))[None]
    with torch.inference_mode():
        return encoder.encode(values, torch.ones(values.shape[:2], dtype=torch.bool))


def test_a_tiny_one_keeps_the_contract():
    check_encoder(clap(size="tiny"))


def test_ten_seconds_are_what_transformers_makes_of_them():
    from torchaudio.functional import resample
    from transformers import ClapFeatureExtractor

    source = sound(10)
    encoder = clap(size="tiny")
    encoder.model.load_state_dict(made().state_dict())
    # clap-htsat-unfused: preprocessor_config.json says 50 to 14,000 Hz
    extract = ClapFeatureExtractor(frequency_min=50, frequency_max=14_000, truncation="rand_trunc")
    wave = resample(torch.from_numpy(source.waveform), 16_000, RATE).numpy()
    given = extract(wave, sampling_rate=RATE, return_tensors="pt")["input_features"]
    with torch.inference_mode():
        wanted = made()(given).last_hidden_state  # (1, D, 2, 32)
    tokens = tokens_of(encoder, source)
    assert tokens.mask.all()
    assert tokens.values.shape == (1, 32, encoder.dim)
    torch.testing.assert_close(tokens.values[0], wanted[0].mean(1).T, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("seconds", "count"), [(0.01, 1), (1, 4), (5, 16), (10, 32), (21, 68)])
def test_there_is_a_token_for_each_third_of_a_second_that_sounds(seconds, count):
    assert int(tokens_of(clap(size="tiny"), sound(seconds)).mask.sum()) == count


def test_a_long_sound_is_heard_in_windows_that_do_not_hear_each_other():
    encoder = clap(size="tiny")
    first, second = sound(10), sound(4, seed=1)
    both = Audio(np.concatenate([first.waveform, second.waveform]), 16_000)
    whole = tokens_of(encoder, both)
    alone = tokens_of(encoder, first)
    # the resampler alone reaches across: it reads a few samples on both sides
    assert float((whole.values[0, :31] - alone.values[0, :31]).abs().max()) < 0.05
    assert whole.mask.sum() == 32 + 13


def test_silence_and_sound_are_told_apart():
    quiet = Audio(np.zeros(16_000, np.float32), 16_000)
    encoder = clap(size="tiny")
    found = [tokens_of(encoder, one).values[0, 0] for one in (quiet, sound(1))]
    assert float((found[0] - found[1]).abs().max()) > 1e-3


def test_resampling_keeps_a_tone_where_it_is():
    time = np.arange(16_000) / 16_000
    mel = windows(np.sin(2 * np.pi * 1000 * time).astype(np.float32), 16_000, False)[0]
    assert mel.shape == (1001, 65)
    loudest = mel[:90, :64].mean(0).argmax()
    low = windows(np.sin(2 * np.pi * 250 * time).astype(np.float32), 16_000, False)[0]
    assert low[:90, :64].mean(0).argmax() < loudest
    assert mel[:, 64].sum() == 100  # rows 0 to 99 start within the second


@pytest.mark.parametrize("fused", [False, True])
def test_a_checkpoint_shows_its_own_sizes_and_keeps_its_text_tower_out(tmp_path, fused):
    shape = Shape(8, (1, 2, 1, 1), (2, 2, 4, 8), window=4, fused=fused)
    giver = made(shape)
    state = {f"audio_model.{k}": v.contiguous() for k, v in giver.state_dict().items()}
    assert shown(giver.state_dict()) == shape
    others = {"text_model.x": torch.ones(2), "logit_scale_a": torch.ones(())}
    halved = {k: v.half() if v.is_floating_point() else v for k, v in (state | others).items()}
    index = [key for key in halved if key.endswith("relative_position_index")]
    assert index  # a file of another version has none
    save_file({k: v for k, v in halved.items() if k not in index}, tmp_path / "c.safetensors")
    taker = clap(weights=tmp_path / "c.safetensors")
    for name, value in giver.state_dict().items():
        if value.is_floating_point():
            found = taker.model.state_dict()[name]
            torch.testing.assert_close(found, value.half().float())
    assert tokens_of(taker, sound(1)).values.isfinite().all()


def test_a_file_of_another_system_or_with_a_weight_too_few_is_one_line(tmp_path):
    save_file({"blocks.0.x": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="no checkpoint of CLAP"):
        load(tmp_path / "other.safetensors")
    state = {f"audio_model.{k}": v.contiguous() for k, v in made().state_dict().items()}
    del state["audio_model.audio_encoder.norm.bias"]
    save_file(state, tmp_path / "less.safetensors")
    with pytest.raises(DataError, match=r"1 missing \(audio_encoder.norm.bias\)"):
        load(tmp_path / "less.safetensors")


def test_a_sound_without_a_sample_is_an_error():
    with pytest.raises(DataError, match="no sample"):
        clap(size="tiny").prepare(Audio(np.zeros(0, np.float32), 16_000))


def test_frozen_is_still_and_trained_learns():
    assert not clap(size="tiny").train().model.training
    encoder = clap(size="tiny", trained=True).train()
    values = torch.from_numpy(encoder.prepare(sound(1)))[None]
    encoder.encode(values, torch.ones(1, 1, dtype=torch.bool)).values.square().sum().backward()
    weight = encoder.model.audio_encoder.patch_embed.proj.weight
    assert weight.grad.abs().sum() > 0
