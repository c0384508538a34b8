"""Encoder `logmel`: log-mel means, frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Bring the encoder."""
    register("logmel", logmel)


def logmel(*, mels: int = 64, hop: float = 0.2) -> Encoder:
    """A token every `hop` seconds: the mean log energy in each mel band.

    A frozen stand-in for an audio encoder. Only means over a fixed step are taken: extremes and
    deviations over longer tokens carry the clip's length. The clip's mean level is taken off, so
    that the gain of a microphone does not matter.

    Args:
        mels: bands, from 50 Hz to 8 kHz.
        hop: length of a token, s.
    """
    from egoexobench_plugins.logmel.model import LogMel

    return LogMel(mels, hop)
