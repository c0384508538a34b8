"""Times the forward pass of encoders of published sizes on a CPU, next to other libraries.

    python benchmarks/encoders.py [--rounds 3] [--threads 1] [--only timesformer]

Weights are random and the batch is one clip. Ours is `Encoder.encode` of the output of `prepare`,
so it also normalizes pixels and averages tokens; a model of another library runs alone on a tensor
of the same shape. Ours and the others take turns in every round. The script prints the median
seconds of a round, of the clock and of the processor, and the median over rounds of the processor
time divided by ours of the same round: above 1 costs more than ours. If no library has the same
network, the nearest one is used and named.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch
from torch import nn

from egoexobench.protocols import Encoder
from egoexobench.registry import Registry

Run = Callable[[], object]


def prepare_ours(name: str, shape: tuple[int, ...], **options: object) -> Run:
    """Return a call of our encoder on random prepared values of this shape; none is padding."""
    part = next(part for part in Registry().list_parts("encoder") if part.name == name)
    encoder: Encoder = part.factory(**options)
    values = torch.rand(shape) * (255 if len(shape) == 5 else 1)
    mask = torch.ones(shape[:2], dtype=torch.bool)
    return lambda: encoder.encode(values, mask)


def prepare_model(model: nn.Module, shape: tuple[int, ...]) -> Run:
    """Return a call of a model on random values."""
    model.eval()
    values = torch.randn(shape)
    return lambda: model(values)


def prepare_open_clip(num_images: int) -> Run:
    """Return a call of open_clip's ViT-B/16."""
    from open_clip.transformer import QuickGELU, VisionTransformer

    model = VisionTransformer(
        image_size=224, patch_size=16, width=768, layers=12, heads=12, mlp_ratio=4.0,
        output_dim=512, act_layer=QuickGELU,
    )  # fmt: skip
    return prepare_model(model, (num_images, 3, 224, 224))


def build_timesformer_case() -> Iterator[tuple[str, Run]]:
    """ViT-B/16 with divided attention, 4 frames."""
    from transformers import TimesformerConfig, TimesformerModel

    yield "ours", prepare_ours("timesformer", (1, 4, 224, 224, 3))
    model = TimesformerModel(TimesformerConfig(num_frames=4))
    yield "transformers Timesformer-B (another block)", prepare_model(model, (1, 4, 3, 224, 224))
    yield "open_clip ViT-B/16 on 4 images (no time)", prepare_open_clip(4)


def build_beats_case() -> Iterator[tuple[str, Run]]:
    """Base, 10 s: 992 frames, 496 tokens."""
    yield "ours", prepare_ours("beats", (1, 992, 128))
    layer = nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True)
    bare = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
    yield "torch TransformerEncoder alone, 496 tokens", prepare_model(bare, (1, 496, 768))


def build_fbank_case() -> Iterator[tuple[str, Run]]:
    """Filter banks of 10 s, the input of BEATs."""
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    from egoexobench_plugins.beats.fbank import compute_fbank

    wave = torch.rand(160_000) - 0.5
    yield "ours (torchaudio's kaldi)", lambda: compute_fbank(wave)
    mel = mel_filter_bank(
        num_frequency_bins=257, num_mel_filters=128, min_frequency=20, max_frequency=8000,
        sampling_rate=16_000, mel_scale="kaldi", triangularize_in_mel_space=True,
    )  # fmt: skip
    window, samples = window_function(400, "povey", periodic=False), wave.double().numpy()
    yield (
        "transformers spectrogram",
        lambda: spectrogram(
            samples, window, frame_length=400, hop_length=160, fft_length=512, center=False,
            preemphasis=0.97, mel_filters=mel, log_mel="log", remove_dc_offset=True,
        ),
    )  # fmt: skip


def build_videomae_case() -> Iterator[tuple[str, Run]]:
    """ViT-B/16, 16 frames: 1,568 tokens."""
    from transformers import VideoMAEConfig, VideoMAEModel

    yield "ours", prepare_ours("videomae", (1, 16, 224, 224, 3))
    model = VideoMAEModel(VideoMAEConfig())
    yield "transformers VideoMAE-B", prepare_model(model, (1, 16, 3, 224, 224))


def build_viclip_case() -> Iterator[tuple[str, Run]]:
    """ViT-B/16 over the patches of 8 frames together."""
    yield "ours", prepare_ours("viclip", (1, 8, 224, 224, 3))
    yield "open_clip ViT-B/16 on 8 images (no time)", prepare_open_clip(8)


def build_internimage_case() -> Iterator[tuple[str, Run]]:
    """T at 224 pixels, one frame."""
    from torchvision.models import convnext_tiny

    yield "ours", prepare_ours("internimage", (1, 1, 224, 224, 3))
    model = convnext_tiny()
    yield "torchvision ConvNeXt-T (no deformation)", prepare_model(model, (1, 3, 224, 224))


def build_clap_case() -> Iterator[tuple[str, Run]]:
    """HTS-AT, 10 s."""
    from transformers import ClapAudioConfig, ClapAudioModel

    yield "ours", prepare_ours("clap", (1, 1, 1001, 65))
    model = ClapAudioModel(ClapAudioConfig())
    yield "transformers ClapAudioModel", prepare_model(model, (1, 1, 1001, 64))


CASES: dict[str, Callable[[], Iterator[tuple[str, Run]]]] = {
    "timesformer": build_timesformer_case,
    "beats": build_beats_case,
    "fbank": build_fbank_case,
    "videomae": build_videomae_case,
    "viclip": build_viclip_case,
    "internimage": build_internimage_case,
    "clap": build_clap_case,
}


@torch.inference_mode()
def compare_methods(case: str, rounds: int) -> None:
    """Time the methods of a case in turns and print their rows."""
    methods = dict(CASES[case]())
    wall_times: dict[str, list[float]] = {name: [] for name in methods}
    cpu_times: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(rounds + 1):
        for name, run in methods.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if turn:  # the first round only warms up
                wall_times[name].append(time.perf_counter() - wall)
                cpu_times[name].append(time.process_time() - cpu)
    reference = cpu_times[next(iter(methods))]
    for name in methods:
        ratio = median(a / b for a, b in zip(cpu_times[name], reference, strict=True))
        cells = f"{median(wall_times[name]):.3f} | {median(cpu_times[name]):.3f} | {ratio:.2f}"
        print(f"| {case} | {name} | {cells} |", flush=True)


def main() -> None:
    """Time every case and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=CASES)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| case | method | s, clock | s, processor | ratio to ours |")
    print("|---|---|---|---|---|")
    for case in CASES:
        if arguments.only in (None, case):
            torch.manual_seed(0)
            compare_methods(case, arguments.rounds)


if __name__ == "__main__":
    main()
