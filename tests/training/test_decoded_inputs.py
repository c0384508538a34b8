"""Inputs of training batches whose pictures are decoded ahead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import torch

from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.picture_decoder import PictureRequest
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.training.decoded_inputs import DecodedInputs
from egoexobench.types import Clip, Pair

STORED = FeatureInputs(
    FeatureBank(["e0"], [FeatureRows(np.zeros((1, 2), np.uint8), "decoded")]), None, None, None
)


class NumberedLoader:
    """Gives as pictures of a clip the epoch and the number of the clip."""

    def __init__(self) -> None:
        self.requested: list[str] = []

    def load(self, requests: Iterable[PictureRequest]) -> Iterator[dict[str, FeatureRows]]:
        for request in requests:
            self.requested += [clip.id for clip in request.clips]
            numbers = {clip.id: [request.epoch or 0, int(clip.id[1:])] for clip in request.clips}
            yield {
                name: FeatureRows(np.array([row], np.uint8), "decoded")
                for name, row in numbers.items()
            }


def make_pair(name: str, ego: int, exo: int) -> Pair:
    """A pair of the clips ``g3`` and ``x5``, if its numbers are 3 and 5."""
    return Pair(
        name,
        Clip(f"g{ego}", "ego", "", 0, end=1, narration="", take=""),
        Clip(f"x{exo}", "exo", "", 0, end=1, narration="", take=""),
        "",
    )


A, B, C, D = (
    make_pair(n, *clips) for n, clips in zip("abcd", ((1, 2), (3, 4), (1, 4), (5, 6)), strict=True)
)


def read_numbers(inputs: DecodedInputs, pairs: list[Pair], view: str) -> list[list[int]]:
    bank = inputs.read(pairs).get_video_bank(view)  # type: ignore[arg-type]
    assert bank is not None
    ids = [getattr(pair, view).id for pair in pairs]
    values: torch.Tensor = bank.batch(ids).values
    assert values.dtype == torch.uint8
    rows: list[list[int]] = values[:, 0].tolist()
    return rows


def test_parts_of_a_batch_are_read_again_and_again_until_the_next_batch_is_read() -> None:
    loader = NumberedLoader()
    inputs = DecodedInputs(STORED, loader, {"ego": "video", "exo": "video"})  # type: ignore[arg-type]
    inputs.begin_epoch(7, [[A, B], [C, D]])
    assert read_numbers(inputs, [B], "ego") == [[7, 3]]
    assert loader.requested == ["g1", "g3", "x2", "x4"]
    assert read_numbers(inputs, [A, B], "exo") == [[7, 2], [7, 4]]
    assert read_numbers(inputs, [B], "exo") == [[7, 4]]
    # its clips are those of the first batch, but it is in the second one
    assert read_numbers(inputs, [C], "ego") == [[7, 1]]
    assert loader.requested == ["g1", "g3", "x2", "x4", "g1", "g5", "x4", "x6"]
    assert read_numbers(inputs, [D], "exo") == [[7, 6]]


def test_a_view_whose_pictures_are_stored_is_not_decoded() -> None:
    loader = NumberedLoader()
    inputs = DecodedInputs(STORED, loader, {"exo": "video_exo"})  # type: ignore[arg-type]
    inputs.begin_epoch(1, [[A, B]])
    result = inputs.read([A, B])
    assert result.video is STORED.video
    assert result.video_exo is not None
    assert list(result.video_exo.index) == loader.requested == ["x2", "x4"]


def test_a_batch_that_was_not_announced_is_refused() -> None:
    inputs = DecodedInputs(STORED, NumberedLoader(), {"ego": "video"})  # type: ignore[arg-type]
    inputs.begin_epoch(1, [[A]])
    with pytest.raises(ValueError, match="not the next one"):
        inputs.read([B])
