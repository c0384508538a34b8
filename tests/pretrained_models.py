"""Tiny random models in place of those that methods of scale pretrained use, and a few clips."""

from collections.abc import Callable, Mapping
from pathlib import Path

from media_factory import make_clip_rows, make_tone, write_video
from tiny_models import write_tiny_model
from tiny_pe_av import write_tiny_pe_av
from tiny_towers import write_open_clip

from egoexobench.data.folder_dataset import CLIPS_TABLE, write_table
from egoexobench.method import ENCODER_ROLES, Method
from egoexobench.spec import Spec


def write_siglip(folder: Path) -> None:
    """Both towers, the picture processor and the tokenizer."""
    write_tiny_model(folder, "image", "siglip")
    write_tiny_model(folder, "text", "siglip")


def write_clap(folder: Path) -> None:
    """Both towers, the feature extractor and the tokenizer."""
    write_tiny_model(folder, "audio", "clap")
    write_tiny_model(folder, "text", "clap")


WRITERS: Mapping[str, Callable[[Path], object]] = {
    "laion/CLIP-ViT-B-16-laion2B-s34B-b88K": write_open_clip,
    "google/siglip2-base-patch16-224": write_siglip,
    "laion/clap-htsat-unfused": write_clap,
    "MIT/ast-finetuned-audioset-10-10-0.4593": lambda folder: write_tiny_model(
        folder, "audio", "audio-spectrogram-transformer"
    ),
    "facebook/dinov2-base": lambda folder: write_tiny_model(folder, "image", "dinov2"),
    "facebook/pe-av-base": write_tiny_pe_av,
    "facebook/vjepa2-vitl-fpc64-256": lambda folder: write_tiny_model(folder, "video", "vjepa2"),
}
"""By name of the model whose place the tiny one takes."""


def write_models(method: Method, root: Path) -> dict[str, str]:
    """Write the tiny models of a method; return its encoders with these, for ``--set``."""
    overrides = {}
    for role in ENCODER_ROLES:
        if spec := getattr(method, role):
            encoder = Spec.parse(spec)
            name = encoder.options["model"]
            if not (folder := root / name).exists():
                WRITERS[name](folder)
            overrides[role] = str(encoder.add_options({"model": folder}))
    return overrides


def write_folder(root: Path, splits: Mapping[str, str], *, silent: str = "", seed: int = 0) -> Path:
    """Write pairs of one second each; a letter is a pair, and those of ``silent`` have no sound."""
    root.mkdir()
    rows = [row for split, names in splits.items() for row in make_clip_rows(list(names), split)]
    for row in rows:
        number = 7 * ord(row.pair) + (row.view == "exo") + 100 * (row.split == "test") * seed
        waveform = None if row.pair in silent else make_tone(1.0, hertz=200 + number)
        write_video(root / row.media, seconds=1.0, waveform=waveform, seed=number)
    write_table(root / CLIPS_TABLE, rows)
    return root
