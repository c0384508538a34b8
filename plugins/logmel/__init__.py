"""Encoder `logmel`: log-mel means, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder."""
    register("logmel", logmel, modality="audio")


def logmel(*, mels: int = 64, hop: float = 0.2) -> Encoder:
    """A token every `hop` seconds: the mean log energy in each mel band.

    A frozen, simple audio encoder. It uses means over a fixed step alone, because extremes and
    deviations over longer tokens depend on the clip's length. The mean level of the clip is
    subtracted, so that the gain of a microphone does not matter.

    Args:
        mels: number of mel bands between 50 Hz and 8 kHz.
        hop: length of a token, s.
    """
    from egoexobench_plugins.logmel.model import LogMelEncoder

    return LogMelEncoder(mels, hop)
