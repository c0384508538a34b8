"""BEATs against loops, its masks, and its checkpoints."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexobench.errors import DataError
from egoexobench.testing import check_encoder
from egoexobench.types import Audio
from egoexobench_plugins.beats import beats
from egoexobench_plugins.beats.attention import GatedAttention, bucket_distances
from egoexobench_plugins.beats.checkpoint import load_beats
from egoexobench_plugins.beats.config import SIZES
from egoexobench_plugins.beats.fbank import BEATS_FBANK, compute_fbank
from egoexobench_plugins.beats.model import BEATsModel, downsample_padding, get_min_samples

TINY = SIZES["tiny"]


@pytest.fixture
def model() -> BEATsModel:
    return randomize_weights(BEATsModel(TINY)).eval()


def randomize_weights(module: torch.nn.Module) -> torch.nn.Module:
    """Set random weights, so that norms and gates matter too."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(
                torch.randn(weight.shape, generator=generator) * 0.2 + (weight.ndim == 1) * 0.5
            )
    return module


def make_waveform(samples: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, samples, generator=generator) - 0.5


def compute_bucket(distance: int, num_buckets: int, max_distance: int) -> int:
    """T5's rule for a single distance, which is key minus query."""
    half, bucket = num_buckets // 2, abs(distance)
    exact = half // 2
    if bucket >= exact:
        steps = math.log(bucket / exact) / math.log(max_distance / exact) * (half - exact)
        bucket = min(exact + math.floor(np.float32(steps)), half - 1)
    return bucket + (half if distance > 0 else 0)


@pytest.mark.parametrize(("num_buckets", "max_distance"), [(320, 800), (320, 1280), (32, 128)])
def test_buckets_equal_the_rule_written_out_for_each_pair(
    num_buckets: int, max_distance: int
) -> None:
    length = 600
    result = bucket_distances(length, num_buckets, max_distance)
    for query, key in [(0, 0), (0, 1), (1, 0), (5, 95), (99, 0), (0, 599), (599, 0), (300, 41)]:
        assert result[query, key] == compute_bucket(key - query, num_buckets, max_distance), (
            query,
            key,
        )


def test_buckets_depend_on_the_distance_alone_and_grow_with_it() -> None:
    result = bucket_distances(200, 320, 800)
    assert torch.equal(result[:-1, :-1], result[1:, 1:])
    assert bool((result[0, 1:].diff() >= 0).all())
    assert not set(result[0, 1:].tolist()) & set(result[1:, 0].tolist())


def test_attention_equals_loops_over_heads_queries_and_keys() -> None:
    torch.manual_seed(0)
    table = torch.nn.Embedding(TINY.num_buckets, TINY.encoder_attention_heads)
    layer = randomize_weights(GatedAttention(TINY, table))
    assert isinstance(layer, GatedAttention)
    x = torch.randn(1, 5, TINY.encoder_embed_dim)
    bias = table.weight[bucket_distances(5, TINY.num_buckets, TINY.max_distance)].permute(2, 0, 1)
    with torch.no_grad():
        result = layer(x, bias, None)[0]
        heads, size = TINY.encoder_attention_heads, TINY.encoder_embed_dim // 4
        q, k, v = (f(x[0]).view(5, heads, size) for f in (layer.q_proj, layer.k_proj, layer.v_proj))
        rows = torch.zeros(5, heads, size)
        for head in range(heads):
            for i in range(5):
                parts = layer.grep_linear(q[i, head])
                a, b = parts[:4].sum().sigmoid(), parts[4:].sum().sigmoid()
                gate = a * (b * layer.grep_a[0, head, 0, 0] - 1) + 2
                scores = [
                    q[i, head] @ k[j, head] / size**0.5
                    + gate * table.weight[compute_bucket(j - i, 320, 800), head]
                    for j in range(5)
                ]
                weights = torch.stack(scores).softmax(0)
                rows[i, head] = sum(weights[j] * v[j, head] for j in range(5))
        expected = layer.out_proj(rows.flatten(1))
    assert torch.allclose(result, expected, atol=1e-5)


def test_a_padded_clip_gives_the_tokens_that_it_gives_alone(model: BEATsModel) -> None:
    spectra = torch.randn(1, 48, 128)
    noise = torch.randn(1, 32, 128)
    padding = torch.tensor([[False] * 24 + [True] * 16])
    with torch.inference_mode():
        alone = model.encode_tokens(spectra, None)
        padded = model.encode_tokens(torch.cat([spectra, noise], 1), padding)
        unmasked = model.encode_tokens(torch.cat([spectra, noise], 1), None)
    assert torch.allclose(padded[:, :24], alone, atol=1e-5)
    assert not torch.allclose(unmasked[:, :24], alone, atol=1e-2)


def test_a_clip_that_is_padding_altogether_gives_numbers(model: BEATsModel) -> None:
    with torch.inference_mode():
        result = model.encode_tokens(
            torch.randn(2, 16, 128), torch.tensor([[True] * 8, [False] * 8])
        )
    assert bool(torch.isfinite(result).all())


def test_a_mask_is_coarser_where_all_of_a_place_is_padding() -> None:
    padding = torch.tensor([[False, False, False, True, True, True, True]])
    assert downsample_padding(padding, 3).tolist() == [[False, False, True]]


def test_attention_reads_far_context_through_more_than_its_exact_buckets(model: BEATsModel) -> None:
    spectra = torch.randn(1, 16 * 62, 128)  # 496 tokens, as 10 s give
    with torch.inference_mode():
        before = model.encode_tokens(spectra, None)
        model.encoder.layers[0].self_attn.relative_attention_bias.weight[100:160] += 3
        after = model.encode_tokens(spectra, None)
        short = model.encode_tokens(spectra[:, :160], None)
        model.encoder.layers[0].self_attn.relative_attention_bias.weight[100:160] -= 3
        assert torch.equal(short, model.encode_tokens(spectra[:, :160], None))
    assert not torch.allclose(before, after, atol=1e-3)


def test_filter_banks_of_a_tone_peak_in_its_band_and_silence_is_the_floor() -> None:
    time = torch.arange(16_000) / 16_000
    low, high = (
        compute_fbank(0.1 * torch.sin(2 * math.pi * hertz * time)).mean(0).argmax()
        for hertz in (200, 4000)
    )
    assert low < high
    floor = compute_fbank(torch.zeros(4000))
    assert torch.allclose(floor, torch.tensor(math.log(torch.finfo(torch.float).eps)), atol=1e-4)
    assert compute_fbank(torch.rand(16_000)).shape == (98, BEATS_FBANK.num_mel_bins)


@pytest.mark.parametrize("samples", [400, 6777, 16_000])
def test_filter_banks_equal_those_of_transformers_in_double_precision(samples: int) -> None:
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    bands = mel_filter_bank(
        257, 128, 20, 8000, sampling_rate=16_000, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    wave = make_waveform(samples)[0]
    expected = spectrogram(
        wave.double().numpy() * 2**15,
        window_function(400, "povey", periodic=False),
        frame_length=400, hop_length=160, fft_length=512, power=2.0, center=False,
        preemphasis=0.97, mel_filters=bands, log_mel="log", mel_floor=1.192092955078125e-07,
        remove_dc_offset=True,
    ).T  # fmt: skip
    result = compute_fbank(wave)
    assert result.shape == expected.shape
    assert float(np.abs(result.numpy() - expected).max()) < 5e-4


def test_half_the_amplitude_is_two_log_two_less() -> None:
    loud, soft = compute_fbank(make_waveform(8000)[0]), compute_fbank(make_waveform(8000)[0] / 2)
    above_floor = soft > -10  # the narrowest bands contain no bin of the spectrum
    assert above_floor.float().mean() > 0.9
    assert torch.allclose((loud - soft)[above_floor], torch.tensor(2 * math.log(2)), atol=2e-3)


def test_the_encoder_keeps_its_contract_and_gives_whole_patches() -> None:
    for output, dim_t in (("patches", 48), ("frames", 6)):
        encoder = beats(size="tiny", output=output)
        check_encoder(encoder)
        rows = encoder.prepare(Audio(make_waveform(16_000)[0].numpy(), 16_000))
        assert rows.shape == (96, 128)
        tokens = encoder.encode(torch.tensor(rows)[None], torch.ones(1, 96, dtype=torch.bool))
        assert tokens.values.shape == (1, dim_t, 32)


def test_a_sound_shorter_than_a_patch_is_an_error_and_the_shortest_is_not() -> None:
    encoder = beats(size="tiny")
    assert get_min_samples(16) == 2800
    with pytest.raises(DataError, match="2799 samples"):
        encoder.prepare(Audio(np.zeros(2799, np.float32), 16_000))
    assert encoder.prepare(Audio(np.zeros(2800, np.float32), 16_000)).shape == (16, 128)


@pytest.mark.parametrize("finetuned", [False, True])
def test_a_checkpoint_says_its_own_sizes(tmp_path: Path, finetuned: bool) -> None:
    extra = {"finetuned_model": finetuned, "predictor_class": 7, "encoder_layers": 3}
    cfg = {**TINY.model_dump(), **extra, "dropout": 0.1}
    original = randomize_weights(BEATsModel(make_config(cfg)))
    torch.save({"cfg": cfg, "model": original.state_dict()}, tmp_path / "b.pt")
    loaded = load_beats(tmp_path / "b.pt").eval()
    wave = make_waveform(9000)
    with torch.inference_mode():
        assert torch.equal(loaded(wave)[0], original.eval()(wave)[0])
    assert beats(weights=tmp_path / "b.pt").dim == 32


def make_config(cfg: dict[str, object]) -> object:
    return type(TINY).model_validate(cfg)


def test_weight_normalization_may_have_the_parameter_names_of_new_torch(tmp_path: Path) -> None:
    original = randomize_weights(BEATsModel(TINY))
    new = {"weight_g": "parametrizations.weight.original0"}
    new["weight_v"] = "parametrizations.weight.original1"
    state = {}
    for key, weight in original.state_dict().items():
        head, _, tail = key.rpartition(".")
        state[f"{head}.{new.get(tail, tail)}"] = weight
    torch.save({"cfg": TINY.model_dump(), "model": state}, tmp_path / "b.pt")
    loaded = load_beats(tmp_path / "b.pt")
    assert torch.equal(loaded.encoder.pos_conv[0].weight_g, original.encoder.pos_conv[0].weight_g)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {"a": torch.ones(1)}}, "no entry 'cfg'"),
        ({"model": {"a": torch.ones(1)}, "cfg": {"encoder_layers": "many"}}, "encoder_layers"),
        ({"model": {"a": torch.ones(1)}, "cfg": {"activation_fn": "glu"}}, "activation_fn"),
        ({"model": {"a": torch.ones(1)}, "cfg": TINY.model_dump()}, "missing"),
    ],
)
def test_a_file_of_another_system_is_one_clear_line(
    tmp_path: Path, content: dict[str, object], message: str
) -> None:
    torch.save(content, tmp_path / "b.pt")
    with pytest.raises(DataError, match=message):
        load_beats(tmp_path / "b.pt")
