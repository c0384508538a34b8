"""Peak memory of a shard of 64-frame clips through V-JEPA 2 ViT-L, and what a second run decodes.

    python benchmarks/encoder_memory.py                    # 64 clips, 24 layers, output=frames
    python benchmarks/encoder_memory.py --output tokens    # every tube of every clip is stored
    python benchmarks/encoder_memory.py --computed-layers 2   # minutes less; all weights are loaded

Weights are random and have the published size: 24 layers, 256 pixels, 64 frames. The clips are
decoded, resized, stored and read as in a run. A forward pass of one clip takes minutes on a CPU, so
only the first and the last one are computed; each other returns a copy of the result before, which
is kept as a result of its own would be. At the last pass all other results of its batch are in
memory, so the peak is that of a run. The bar: below 4 GiB, and no film is opened by the second run.

With `--computed-layers`, the layers after so many pass their input on. A layer frees its memory
before the next one begins, so 2 layers have the peak of 24; the weights of all are in memory.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import av
import numpy as np
import torch

from egoexobench.data import open_media
from egoexobench.features.encode_clips import ITEMS_PER_FILE, EncoderRunner, encode_clips
from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.types import Clip

BAR_GIB = 4.0
NUM_FRAMES = 64
FPS = 16
SPAN_S = NUM_FRAMES / FPS


def write_film(path: Path, num_clips: int) -> None:
    """Write a film of moving noise, long enough for so many clips."""
    base = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        for index in range(num_clips * NUM_FRAMES):
            pixels = np.roll(base, 3 * index, axis=0)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))


def write_model(folder: Path, layers: int) -> None:
    """Write V-JEPA 2 ViT-L with random weights, without its predictor."""
    from transformers import VJEPA2Config, VJEPA2Model, VJEPA2VideoProcessor

    config = VJEPA2Config(num_hidden_layers=layers, pred_num_hidden_layers=1)
    VJEPA2Model(config).save_pretrained(folder)
    VJEPA2VideoProcessor().save_pretrained(folder)


def make_clips(film: Path, num_clips: int) -> list[Clip]:
    """Return clips of one view, one after the other."""
    return [
        Clip(
            id=f"{index}",
            view="ego",
            media=str(film),
            start=index * SPAN_S,
            end=(index + 1) * SPAN_S,
            narration="",
            take="take",
        )
        for index in range(num_clips)
    ]


class ForwardLimit:
    """Replaces the forward passes of a model between the first and the last one by copies."""

    def __init__(self, model: Any, num_clips: int) -> None:
        self.compute = model.forward
        self.num_clips = num_clips
        self.count = 0
        self.seconds = 0.0
        self.last: Any = None

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Return what the model computes, or a copy of its last result."""
        self.count += 1
        if self.count in (1, self.num_clips):
            start = time.process_time()
            self.last = self.compute(*arguments, **options)
            self.seconds = time.process_time() - start
            return self.last
        return type(self.last)(last_hidden_state=self.last.last_hidden_state.clone())


def pass_on(hidden_states: torch.Tensor, *_arguments: Any, **_options: Any) -> tuple[Any, None]:
    """Return what a layer of V-JEPA 2 returns, without computing it."""
    return hidden_states, None


def measure_peak_gib() -> float:
    """Largest resident set of this process until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Encode a shard twice and print the peak after each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=ITEMS_PER_FILE)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--computed-layers", type=int, help="Of each forward pass; default: all.")
    parser.add_argument("--output", choices=("pooled", "frames", "tokens"), default="frames")
    parser.add_argument("--model", type=Path, help="Folder of a model that was written before.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = arguments.model or root / "model"
        if not (folder / "config.json").is_file():
            import multiprocessing

            # the random weights of a new model would count in the peak of this process
            process = multiprocessing.get_context("spawn").Process(
                target=write_model, args=(folder, arguments.layers)
            )
            process.start()
            process.join()
        write_film(root / "film.mp4", arguments.clips)
        spec = f"hf-video:model={folder},output={arguments.output}"
        encoder: Any = Registry().create("encoder", spec)
        print(f"loaded: {measure_peak_gib():.2f} GiB", flush=True)
        if arguments.computed_layers is not None:
            for layer in encoder.model.encoder.layer[arguments.computed_layers :]:
                layer.forward = pass_on
        limit = ForwardLimit(encoder.model, arguments.clips)
        encoder.model.forward = limit
        runner = EncoderRunner(encoder, "random")
        clips = make_clips(root / "film.mp4", arguments.clips)
        for run in ("first run", "second run"):
            with mock.patch.object(open_media.av, "open", wraps=av.open) as opened:
                encode_clips(clips, {"video": runner}, NUM_FRAMES, root, progress=NullProgress())
            print(
                f"{run}: peak {measure_peak_gib():.2f} GiB, opened {opened.call_count} films, "
                f"{limit.count} forward passes, {limit.seconds:.0f} CPU s for the last",
                flush=True,
            )
    peak = measure_peak_gib()
    print(f"peak {peak:.2f} GiB, bar {BAR_GIB:g} GiB: {'holds' if peak < BAR_GIB else 'FAILS'}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
