"""Forward cost of the published sizes on a CPU, beside libraries' own models of the same size.

    python benchmarks/encoders.py [--rounds 3] [--threads 1] [--only timesformer]

Weights are random, the batch is one clip. Ours is `Encoder.encode` of what `prepare` gives, and so
has pixels normalised and tokens averaged; a peer is the model alone on a tensor of the same shape.
Ours and its peers take turns in every round. Printed are the median seconds of a round by the
clock and of the processor, and the median over rounds of the processor's time divided by that of
ours in the same round: above 1 costs more than ours. Where no library has the same network the
peer is the nearest one, which is named.
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


def ours(name: str, shape: tuple[int, ...], **options: object) -> Run:
    """Our encoder on prepared values ``shape``, of which all are real."""
    part = next(part for part in Registry().parts("encoder") if part.name == name)
    encoder: Encoder = part.factory(**options)
    values = torch.rand(shape) * (255 if len(shape) == 5 else 1)
    mask = torch.ones(shape[:2], dtype=torch.bool)
    return lambda: encoder.encode(values, mask)


def peer(model: nn.Module, *shape: int) -> Run:
    """Someone's model on random values."""
    model.eval()
    values = torch.randn(shape)
    return lambda: model(values)


def open_clip_vit(pictures: int) -> Run:
    """ViT-B/16 as open_clip builds it."""
    from open_clip.transformer import QuickGELU, VisionTransformer

    model = VisionTransformer(224, 16, 768, 12, 12, 4.0, output_dim=512, act_layer=QuickGELU)
    return peer(model, pictures, 3, 224, 224)


def timesformer() -> Iterator[tuple[str, Run]]:
    """ViT-B/16 with divided attention, 4 frames."""
    from transformers import TimesformerConfig, TimesformerModel

    yield "ours", ours("timesformer", (1, 4, 224, 224, 3))
    model = TimesformerModel(TimesformerConfig(num_frames=4))
    yield "transformers Timesformer-B (another block)", peer(model, 1, 4, 3, 224, 224)
    yield "open_clip ViT-B/16 on 4 pictures (no time)", open_clip_vit(4)


def beats() -> Iterator[tuple[str, Run]]:
    """Base, 10 s: 992 frames, 496 tokens."""
    yield "ours", ours("beats", (1, 992, 128))
    layer = nn.TransformerEncoderLayer(768, 12, 3072, activation="gelu", batch_first=True)
    bare = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
    yield "torch TransformerEncoder alone, 496 tokens", peer(bare, 1, 496, 768)


def fbank() -> Iterator[tuple[str, Run]]:
    """Filter banks of 10 s in front of BEATs."""
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

    from egoexobench_plugins.beats.fbank import compute_fbank

    wave = torch.rand(160_000) - 0.5
    yield "ours (torchaudio's kaldi)", lambda: compute_fbank(wave)
    mel = mel_filter_bank(
        257, 128, 20, 8000, 16_000, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    window, samples = window_function(400, "povey", periodic=False), wave.double().numpy()
    yield (
        "transformers spectrogram",
        lambda: spectrogram(
            samples, window, 400, 160, 512, center=False, preemphasis=0.97, mel_filters=mel,
            log_mel="log", remove_dc_offset=True,
        ),
    )  # fmt: skip


def videomae() -> Iterator[tuple[str, Run]]:
    """ViT-B/16, 16 frames: 1,568 tokens."""
    from transformers import VideoMAEConfig, VideoMAEModel

    yield "ours", ours("videomae", (1, 16, 224, 224, 3))
    yield "transformers VideoMAE-B", peer(VideoMAEModel(VideoMAEConfig()), 1, 16, 3, 224, 224)


def viclip() -> Iterator[tuple[str, Run]]:
    """ViT-B/16 over the patches of 8 frames at once."""
    yield "ours", ours("viclip", (1, 8, 224, 224, 3))
    yield "open_clip ViT-B/16 on 8 pictures (no time)", open_clip_vit(8)


def internimage() -> Iterator[tuple[str, Run]]:
    """T at 224 pixels, one frame."""
    from torchvision.models import convnext_tiny

    yield "ours", ours("internimage", (1, 1, 224, 224, 3))
    yield "torchvision ConvNeXt-T (no deformation)", peer(convnext_tiny(), 1, 3, 224, 224)


def clap() -> Iterator[tuple[str, Run]]:
    """HTS-AT, 10 s."""
    from transformers import ClapAudioConfig, ClapAudioModel

    yield "ours", ours("clap", (1, 1, 1001, 65))
    yield "transformers ClapAudioModel", peer(ClapAudioModel(ClapAudioConfig()), 1, 1, 1001, 64)


CASES = (timesformer, beats, fbank, videomae, viclip, internimage, clap)


@torch.inference_mode()
def compare(case: Callable[[], Iterator[tuple[str, Run]]], rounds: int) -> None:
    """Time the methods of one case, in turns, and print their rows."""
    methods = dict(case())
    clock: dict[str, list[float]] = {name: [] for name in methods}
    processor: dict[str, list[float]] = {name: [] for name in methods}
    for lap in range(rounds + 1):
        for name, run in methods.items():
            start, spent = time.perf_counter(), time.process_time()
            run()
            if lap:  # the first only warms up
                clock[name].append(time.perf_counter() - start)
                processor[name].append(time.process_time() - spent)
    first = next(iter(methods))
    for name in methods:
        pairs = zip(processor[name], processor[first], strict=True)
        ratio = median(one / other for one, other in pairs)
        cells = f"{median(clock[name]):.3f} | {median(processor[name]):.3f} | {ratio:.2f}"
        print(f"| {case.__name__} | {name} | {cells} |", flush=True)


def main() -> None:
    """Time every case, print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=[case.__name__ for case in CASES])
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print("| case | method | s by the clock | s of the processor | ratio to ours |")
    print("|---|---|---|---|---|")
    for case in CASES:
        if asked.only in (None, case.__name__):
            torch.manual_seed(0)
            compare(case, asked.rounds)


if __name__ == "__main__":
    main()
