"""Encoder `beats`: BEATs, the audio transformer of SoundBridge."""

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
    register("beats", beats, modality="audio", example={"size": "tiny"})


def beats(
    *,
    weights: Path | None = None,
    size: Literal["base", "tiny"] = "base",
    output: Literal["patches", "frames"] = "patches",
    trained: bool = False,
) -> Encoder:
    """A token for each patch of 0.16 s by 16 mel bands; 8 patches cover a time step.

    A checkpoint contains its sizes in `cfg`, so `size` matters only without one. A fine-tuned
    checkpoint is loaded with its classifier; the tokens are those in front of it.

    Args:
        weights: a published checkpoint, such as BEATs_iter3_plus_AS2M.pt, a file or
            `hub:ORG/NAME/FILE`; without it, they are random.
        size: size of the random model; `base` is that of every published checkpoint, `tiny` is
            for dry runs.
        output: `patches` returns every token, `frames` one per time step, the mean of its 8
            patches.
        trained: train it inside the method; otherwise it runs once, frozen.

    Source: Chen et al., BEATs, ICML 2023; microsoft/unilm 768a3c8, beats/BEATs.py, backbone.py.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.beats.checkpoint import load_beats
    from egoexobench_plugins.beats.config import SIZES
    from egoexobench_plugins.beats.encoder import BEATsEncoder
    from egoexobench_plugins.beats.model import BEATsModel

    if weights is None:
        return BEATsEncoder(BEATsModel(SIZES[size]), output, trained)
    return BEATsEncoder(load_beats(hub.resolve_weights(weights)), output, trained)
