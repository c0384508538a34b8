"""Tiny random models in place of the models by name that methods of scale pretrained use."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tiny_models import write_tiny_model
from tiny_pe_av import write_tiny_pe_av
from tiny_towers import write_open_clip

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
