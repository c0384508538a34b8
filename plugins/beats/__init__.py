"""Encoder `beats`: BEATs, the audio transformer that SoundBridge hears with."""

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
    register("beats", beats)


def beats(
    *,
    weights: Path | None = None,
    size: Literal["base", "tiny"] = "base",
    output: Literal["patches", "frames"] = "patches",
    trained: bool = False,
) -> Encoder:
    """A token for each patch of 0.16 s by 16 mel bands, 8 patches side by side in time.

    A checkpoint says its own sizes in `cfg`, so `size` only counts without one. A fine-tuned
    checkpoint loads whole, and its tokens are those before the classifier.

    Args:
        weights: a published checkpoint, such as BEATs_iter3_plus_AS2M.pt, a file or
            `hub:ORG/NAME/FILE`; none is random.
        size: of the random model; `base` is that of every published checkpoint, `tiny` is for
            dry runs.
        output: `patches` is every token, `frames` one a time step, the mean of its 8 patches.
        trained: train it inside the method; otherwise it runs once, frozen.

    Source: Chen et al., BEATs, ICML 2023; microsoft/unilm 768a3c8, beats/BEATs.py, backbone.py.
    """
    from egoexobench.toolbox import hub
    from egoexobench_plugins.beats.checkpoint import load
    from egoexobench_plugins.beats.config import SIZES
    from egoexobench_plugins.beats.encoder import BeatsEncoder

    model = None if weights is None else load(hub.resolve_weights(weights))
    return BeatsEncoder(model, SIZES[size], output, trained)
