"""Encoder `clap`: the audio tower of CLAP, in transformers' implementation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register("clap", clap, modality="audio", example={"size": "tiny"})


def clap(
    *,
    weights: Path | None = None,
    size: Literal["base", "large", "tiny"] = "base",
    trained: bool = False,
) -> Encoder:
    """32 tokens per 10 s of audio, from a Swin transformer over its log-mel spectrogram (HTS-AT).

    Audio is resampled from 16 to 48 kHz, so it contains nothing above 8 kHz. CLAP reads 10 s: a
    longer clip is read in windows of 10 s, where the release draws a single random window. A
    shorter clip is repeated up to 10 s, as released, and tokens of repetitions are masked. The
    sizes are read from a checkpoint, so `size` matters only without one.

    Args:
        weights: a checkpoint in transformers' layout, a file or `hub:ORG/NAME/FILE` such as
            `hub:laion/clap-htsat-unfused/pytorch_model.bin`; without it, they are random.
        size: size of the random model; `base` is that of clap-htsat-unfused, `large` that of
            larger_clap_general, `tiny` is for dry runs.
        trained: train it inside the method; otherwise it runs once, frozen.

    Source: Wu et al., Large-Scale Contrastive Language-Audio Pretraining, ICASSP 2023;
    transformers, models/clap.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.clap.encoder import CLAPEncoder
    from egoexobench_plugins.clap.model import SIZES, build_tower, load_tower

    if weights is None:
        return CLAPEncoder(build_tower(SIZES[size]), trained)
    return CLAPEncoder(load_tower(hub.resolve_weights(weights)), trained)
