"""Encoder `clap`: the audio tower of CLAP, as transformers has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Bring the encoder."""
    register("clap", clap)


def clap(
    *,
    weights: Path | None = None,
    size: Literal["base", "large", "tiny"] = "base",
    trained: bool = False,
) -> Encoder:
    """32 tokens for each 10 s of sound, from a Swin transformer over its log-mel picture (HTS-AT).

    Sound is resampled from 16 to 48 kHz, so nothing above 8 kHz is heard. CLAP takes 10 s: a
    longer clip is heard in windows of 10 s, all of them, where the release draws one at random. A
    shorter one is repeated up to 10 s, as released, and the tokens of repetitions are left out. A
    checkpoint shows its own sizes, so `size` only counts without one.

    Args:
        weights: a checkpoint in transformers' layout, a file or `hub:ORG/NAME/FILE` such as
            `hub:laion/clap-htsat-unfused/pytorch_model.bin`; none is random.
        size: of the random model; `base` is that of clap-htsat-unfused, `large` that of
            larger_clap_general, `tiny` is for dry runs.
        trained: train it inside the method; otherwise it runs once, frozen.

    Source: Wu et al., Large-Scale Contrastive Language-Audio Pretraining, ICASSP 2023;
    transformers, models/clap.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.clap.encoder import Hearing
    from egoexobench_plugins.clap.model import SIZES, load, tower

    if weights is None:
        return Hearing(tower(SIZES[size]), trained)
    return Hearing(load(hub.resolve_weights(weights)), trained)
