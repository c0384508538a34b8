"""Exchanges one input of a joint encoder between clips: both are read from their sources again.

Its tokens are computed from picture and sound, so that no stored row belongs to one of them alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from egoexobench.evaluation.tasks import TEST_SPLIT
from egoexobench.experiment.prepare import TrainedMethod
from egoexobench.features.batch_plan import ENCODING_PLAN
from egoexobench.features.encode_again import PreparedItem, PreparedItems, encode_prepared
from egoexobench.features.encode_clips import ITEMS_PER_FILE, decode_and_prepare
from egoexobench.features.encoder_runner import EncoderRunner
from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.types import Clip, Evidence, Modality


def encode_swapped(
    trained: TrainedMethod, modality: Evidence, origins: Mapping[str, str | None]
) -> FeatureBank | None:
    """Return the tokens of the test split after a swap; None if the encoder does not read it.

    Args:
        trained: a method with a frozen joint encoder.
        modality: the input that is exchanged.
        origins: each clip id to the id of the clip whose input it gets; None: it gets none.

    Raises:
        DataError: if a clip does not decode.
        PartError: if the encoder returns something wrong.
    """
    runner = trained.parts.encoders["joint"]
    if modality not in runner.given_inputs:
        return None
    clips = {clip.id: clip for clip in trained.scored.inputs.clips[TEST_SPLIT]}
    names = ENCODING_PLAN.sort(origins, "joint")
    rows: dict[str, FeatureRows] = {}
    for start in range(0, len(names), ITEMS_PER_FILE):
        chunk = [
            (clips[name], None if (origin := origins[name]) is None else clips[origin])
            for name in names[start:][:ITEMS_PER_FILE]
        ]
        items = _prepare_swapped(trained, runner, chunk, modality)
        bank = encode_prepared(runner, items, ENCODING_PLAN)
        rows |= {name: FeatureRows(bank.rows[bank.index[name]], "") for name in bank.index}
    return FeatureBank(list(rows), list(rows.values()), (runner.encoder.dim,))


def _prepare_swapped(
    trained: TrainedMethod,
    runner: EncoderRunner,
    chunk: Sequence[tuple[Clip, Clip | None]],
    modality: Evidence,
) -> PreparedItems:
    """Prepare pairs of a clip and of the one whose input it gets, if it gets any."""
    items: dict[str, PreparedItem] = {}
    for clip, other in chunk:
        arrays = tuple(
            _prepare_input(trained, runner, other if stored == modality else clip, stored)
            for stored in runner.inputs
        )
        items[clip.id] = PreparedItem(clip.view, arrays, "")
    return items


def _prepare_input(
    trained: TrainedMethod, runner: EncoderRunner, source: Clip | None, stored: Modality
) -> NDArray[Any]:
    """Return one input of a clip; without rows if there is no clip, or if it has no such input."""
    method = trained.parts.method
    if source is not None:
        reader = {"": replace(runner, stored_input=stored)}
        prepared, _ = decode_and_prepare(source, reader, method.num_frames, method.frame_sampling)
        (array,) = prepared[""]
        if array is not None:
            return array
    return runner.prepare_blank(stored, method.num_frames)
