"""Encodes some clips and texts once more, from their source, without reading what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoexobench.features.batch_plan import BatchPlan
from egoexobench.features.encode_clips import decode_and_prepare
from egoexobench.features.encoder_inputs import NO_ROWS, ClipArrays
from egoexobench.features.encoder_runner import EncoderRunner, encode_arrays
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.types import Clip


@dataclass(frozen=True, slots=True)
class PreparedItem:
    """The prepared arrays of a clip or text, one for each input of the encoder.

    Items of one group are encoded together: a view, or ``text``.
    """

    group: str
    arrays: ClipArrays
    state: str


PreparedItems = Mapping[str, PreparedItem]
"""By id of the clip, pair or text."""


def prepare_clips(
    clips: Sequence[Clip],
    encoders: Mapping[str, EncoderRunner],
    *,
    num_frames: int,
    sampling: str,
) -> dict[str, PreparedItems]:
    """Decode clips and return their prepared arrays by role; exo clips may have an own encoder.

    Raises:
        DataError: if a clip does not decode.
        PartError: if an encoder returns no array.
    """
    result: dict[str, dict[str, PreparedItem]] = {role: {} for role in encoders}
    for clip in clips:
        has_own_encoder = clip.view == "exo" and "video_exo" in encoders
        other_role = "video" if has_own_encoder else "video_exo"
        runners = {
            role: runner
            for role, runner in encoders.items()
            if role != other_role and runner.encoder.modality != "text"
        }
        arrays, audio_state = decode_and_prepare(clip, runners, num_frames, sampling)
        for role, item in arrays.items():
            state = audio_state if "audio" in runners[role].given_inputs else "decoded"
            result[role][clip.id] = PreparedItem(clip.view, item, state)
    return {role: items for role, items in result.items() if items}


def prepare_texts(texts: Mapping[str, str | None], runner: EncoderRunner) -> PreparedItems:
    """Return the prepared arrays of texts by id.

    Raises:
        PartError: if the encoder returns no array.
    """
    return {
        name: PreparedItem("text", NO_ROWS, "no text")
        if text is None
        else PreparedItem("text", (runner.prepare(text),), "read")
        for name, text in texts.items()
    }


def encode_prepared(runner: EncoderRunner, items: PreparedItems, plan: BatchPlan) -> FeatureBank:
    """Return the tokens of prepared items in the batches of a plan, as a bank.

    A padded plan pads every item to the longest one of them. A trained encoder is run by the model,
    so its bank holds the prepared arrays.
    """
    min_lengths = [1 for _ in runner.inputs]
    if plan.is_padded:
        columns = zip(*(item.arrays for item in items.values()), strict=True)
        min_lengths = [max(1 if a is None else len(a) for a in column) for column in columns]
    rows: dict[str, FeatureRows] = {}
    groups = dict.fromkeys([*plan.views, *(item.group for item in items.values())])
    for group in groups:
        names = plan.sort((name for name, item in items.items() if item.group == group), group)
        encoded = encode_arrays(
            runner,
            [items[name].arrays for name in names],
            [items[name].state for name in names],
            batch_size=plan.size,
            min_lengths=min_lengths,
        )
        rows.update(zip(names, encoded, strict=True))
    return FeatureBank(list(items), [rows[name] for name in items], (runner.encoder.dim,))


def nudge_last_bit(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows of which one number differs in its last bit; integers stay as they are.

    No result changes by more than rounding does, but a table that is keyed by exact rows misses.
    """
    if rows.dtype.kind != "f" or not rows.size:
        return rows
    nudged = np.array(rows, np.float32)
    flat = nudged.reshape(-1)
    position = int(np.abs(flat).argmax())
    flat[position] = np.nextafter(flat[position], np.copysign(np.float32(np.inf), flat[position]))
    return nudged
