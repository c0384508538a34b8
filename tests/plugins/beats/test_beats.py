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
from egoexobench_plugins.beats.attention import Attention, buckets
from egoexobench_plugins.beats.checkpoint import load
from egoexobench_plugins.beats.config import SIZES
from egoexobench_plugins.beats.fbank import BEATS, fbank
from egoexobench_plugins.beats.model import Beats, coarser, shortest

TINY = SIZES["tiny"]


@pytest.fixture
def model() -> Beats:
    return _random(Beats(TINY)).eval()


def _random(module: torch.nn.Module) -> torch.nn.Module:
    """Weights that make every part count: norms and gates are not at their start."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for one in module.parameters():
            one.copy_(torch.randn(one.shape, generator=generator) * 0.2 + (one.ndim == 1) * 0.5)
    return module


def _wave(samples: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, samples, generator=generator) - 0.5


def _bucket(distance: int, count: int, farthest: int) -> int:
    """T5's rule for one distance, in words: key minus query."""
    half, place = count // 2, abs(distance)
    exact = half // 2
    if place >= exact:
        steps = math.log(place / exact) / math.log(farthest / exact) * (half - exact)
        place = min(exact + math.floor(np.float32(steps)), half - 1)
    return place + (half if distance > 0 else 0)


@pytest.mark.parametrize(("count", "farthest"), [(320, 800), (320, 1280), (32, 128)])
def test_buckets_equal_the_rule_written_out_for_each_pair(count: int, farthest: int) -> None:
    length = 600
    found = buckets(length, count, farthest)
    for query, key in [(0, 0), (0, 1), (1, 0), (5, 95), (99, 0), (0, 599), (599, 0), (300, 41)]:
        assert found[query, key] == _bucket(key - query, count, farthest), (query, key)


def test_buckets_depend_on_the_distance_alone_and_grow_with_it() -> None:
    found = buckets(200, 320, 800)
    assert torch.equal(found[:-1, :-1], found[1:, 1:])
    assert bool((found[0, 1:].diff() >= 0).all())
    assert not set(found[0, 1:].tolist()) & set(found[1:, 0].tolist())


def test_attention_equals_loops_over_heads_queries_and_keys() -> None:
    torch.manual_seed(0)
    table = torch.nn.Embedding(TINY.num_buckets, TINY.encoder_attention_heads)
    layer = _random(Attention(TINY, table))
    assert isinstance(layer, Attention)
    x = torch.randn(1, 5, TINY.encoder_embed_dim)
    bias = table.weight[buckets(5, TINY.num_buckets, TINY.max_distance)].permute(2, 0, 1)
    with torch.no_grad():
        found = layer(x, bias, None)[0]
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
                    + gate * table.weight[_bucket(j - i, 320, 800), head]
                    for j in range(5)
                ]
                weights = torch.stack(scores).softmax(0)
                rows[i, head] = sum(weights[j] * v[j, head] for j in range(5))
        wanted = layer.out_proj(rows.flatten(1))
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_padded_clip_gives_the_tokens_that_it_gives_alone(model: Beats) -> None:
    spectra = torch.randn(1, 48, 128)
    noise = torch.randn(1, 32, 128)
    padding = torch.tensor([[False] * 24 + [True] * 16])
    with torch.inference_mode():
        alone = model.tokens(spectra, None)
        padded = model.tokens(torch.cat([spectra, noise], 1), padding)
        open_ = model.tokens(torch.cat([spectra, noise], 1), None)
    assert torch.allclose(padded[:, :24], alone, atol=1e-5)
    assert not torch.allclose(open_[:, :24], alone, atol=1e-2)


def test_a_clip_that_is_padding_altogether_gives_numbers(model: Beats) -> None:
    with torch.inference_mode():
        found = model.tokens(torch.randn(2, 16, 128), torch.tensor([[True] * 8, [False] * 8]))
    assert bool(torch.isfinite(found).all())


def test_a_mask_is_coarser_where_all_of_a_place_is_padding() -> None:
    padding = torch.tensor([[False, False, False, True, True, True, True]])
    assert coarser(padding, 3).tolist() == [[False, False, True]]


def test_attention_reads_far_context_through_more_than_its_exact_buckets(model: Beats) -> None:
    spectra = torch.randn(1, 16 * 62, 128)  # 496 tokens, as 10 s give
    with torch.inference_mode():
        before = model.tokens(spectra, None)
        model.encoder.layers[0].self_attn.relative_attention_bias.weight[100:160] += 3
        after = model.tokens(spectra, None)
        near = model.tokens(spectra[:, :160], None)
        model.encoder.layers[0].self_attn.relative_attention_bias.weight[100:160] -= 3
        assert torch.equal(near, model.tokens(spectra[:, :160], None))
    assert not torch.allclose(before, after, atol=1e-3)


def test_filter_banks_of_a_tone_peak_in_its_band_and_silence_is_the_floor() -> None:
    time = torch.arange(16_000) / 16_000
    low, high = (
        fbank(0.1 * torch.sin(2 * math.pi * hertz * time)).mean(0).argmax() for hertz in (200, 4000)
    )
    assert low < high
    floor = fbank(torch.zeros(4000))
    assert torch.allclose(floor, torch.tensor(math.log(torch.finfo(torch.float).eps)), atol=1e-4)
    assert fbank(torch.rand(16_000)).shape == (98, BEATS.num_mel_bins)


@pytest.mark.parametrize("samples", [400, 6777, 16_000])
def test_filter_banks_equal_those_of_transformers_in_double_precision(samples: int) -> None:
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    bands = mel_filter_bank(
        257, 128, 20, 8000, 16_000, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    wave = _wave(samples)[0]
    wanted = spectrogram(
        wave.double().numpy() * 2**15,
        window_function(400, "povey", periodic=False),
        frame_length=400, hop_length=160, fft_length=512, power=2.0, center=False,
        preemphasis=0.97, mel_filters=bands, log_mel="log", mel_floor=1.192092955078125e-07,
        remove_dc_offset=True,
    ).T  # fmt: skip
    found = fbank(wave)
    assert found.shape == wanted.shape
    assert float(np.abs(found.numpy() - wanted).max()) < 5e-4


def test_half_the_amplitude_is_two_log_two_less() -> None:
    loud, soft = fbank(_wave(8000)[0]), fbank(_wave(8000)[0] / 2)
    heard = soft > -10  # the narrowest bands hold no place of the spectrum and stay at the floor
    assert heard.float().mean() > 0.9
    assert torch.allclose((loud - soft)[heard], torch.tensor(2 * math.log(2)), atol=2e-3)


def test_the_encoder_keeps_its_contract_and_gives_whole_patches() -> None:
    for output, dim_t in (("patches", 48), ("frames", 6)):
        encoder = beats(size="tiny", output=output)
        check_encoder(encoder)
        rows = encoder.prepare(Audio(_wave(16_000)[0].numpy(), 16_000))
        assert rows.shape == (96, 128)
        tokens = encoder.encode(torch.tensor(rows)[None], torch.ones(1, 96, dtype=torch.bool))
        assert tokens.values.shape == (1, dim_t, 32)


def test_a_sound_shorter_than_a_patch_is_an_error_and_the_shortest_is_not() -> None:
    encoder = beats(size="tiny")
    assert shortest(16) == 2800
    with pytest.raises(DataError, match="2799 samples"):
        encoder.prepare(Audio(np.zeros(2799, np.float32), 16_000))
    assert encoder.prepare(Audio(np.zeros(2800, np.float32), 16_000)).shape == (16, 128)


@pytest.mark.parametrize("finetuned", [False, True])
def test_a_checkpoint_says_its_own_sizes(tmp_path: Path, finetuned: bool) -> None:
    extra = {"finetuned_model": finetuned, "predictor_class": 7, "encoder_layers": 3}
    cfg = {**TINY.model_dump(), **extra, "dropout": 0.1}
    made = _random(Beats(load_config(cfg)))
    torch.save({"cfg": cfg, "model": made.state_dict()}, tmp_path / "b.pt")
    loaded = load(tmp_path / "b.pt").eval()
    wave = _wave(9000)
    with torch.inference_mode():
        assert torch.equal(loaded(wave)[0], made.eval()(wave)[0])
    assert beats(weights=tmp_path / "b.pt").dim == 32


def load_config(cfg: dict[str, object]) -> object:
    return type(TINY).model_validate(cfg)


def test_weight_normalisation_may_be_named_as_torch_names_it_now(tmp_path: Path) -> None:
    made = _random(Beats(TINY))
    new = {"weight_g": "parametrizations.weight.original0"}
    new["weight_v"] = "parametrizations.weight.original1"
    state = {}
    for key, one in made.state_dict().items():
        head, _, tail = key.rpartition(".")
        state[f"{head}.{new.get(tail, tail)}"] = one
    torch.save({"cfg": TINY.model_dump(), "model": state}, tmp_path / "b.pt")
    loaded = load(tmp_path / "b.pt")
    assert torch.equal(loaded.encoder.pos_conv[0].weight_g, made.encoder.pos_conv[0].weight_g)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"model": {"a": torch.ones(1)}}, "no entry 'cfg'"),
        ({"model": {"a": torch.ones(1)}, "cfg": {"encoder_layers": "many"}}, "encoder_layers"),
        ({"model": {"a": torch.ones(1)}, "cfg": {"activation_fn": "glu"}}, "activation_fn"),
        ({"model": {"a": torch.ones(1)}, "cfg": TINY.model_dump()}, "missing"),
    ],
)
def test_a_file_of_another_system_is_one_clear_line(
    tmp_path: Path, content: dict[str, object], said: str
) -> None:
    torch.save(content, tmp_path / "b.pt")
    with pytest.raises(DataError, match=said):
        load(tmp_path / "b.pt")
