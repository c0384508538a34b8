"""Encoder `features`: features that were made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Encoder


@hookimpl
def register_encoders(register: Register) -> None:
    """Register the encoder; it fits every role."""
    register("features", features)


def features(*, file: Path, ids: Path | None = None, evidence: str | None = None) -> Encoder:
    """Features that were made elsewhere, one vector or some tokens for each clip or text.

    Nothing is computed and no media are read. Clips are found by id, texts by the text itself;
    docs/own-features.md describes the formats. What the features show is a claim: a record says so,
    and `audit` refuses them.

    Args:
        file: `.safetensors`, `.npz`, `.npy`, `.pt` or `.parquet`, or a folder of `ID.npy`.
        ids: a file with one id a line, for an array without ids.
        evidence: what they are computed from, of `video`, `audio`, `narration` and
            `sound_caption`, joined by `+` (`video+audio`); none: what the role takes.
    """
    from egoexobench.external.feature_table import read_feature_table

    return read_feature_table(file, ids, evidence)
