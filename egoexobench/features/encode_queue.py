"""Decoded clips on their way through one encoder: into forward passes, and then into files."""

from __future__ import annotations

from typing import NamedTuple, final

from egoexobench.features.batch_plan import MAX_BATCH_BYTES
from egoexobench.features.encoder_inputs import ClipArrays
from egoexobench.features.encoder_runner import (
    EncoderRunner,
    encode_arrays,
    find_nonfinite,
    is_missing_input,
)
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.feature_store import FeatureStore
from egoexobench.features.join_queue import LARGE_FILE_BYTES


class _WaitingClip(NamedTuple):
    key: str
    arrays: ClipArrays
    state: str


@final
class EncodeQueue:
    """The clips that wait for a forward pass of an encoder, and the features that wait for a file.

    A forward pass begins as soon as it has all of its clips, while later ones are decoded. Long
    clips share it with fewer others.
    """

    def __init__(self, runner: EncoderRunner, store: FeatureStore) -> None:
        self._runner, self._store = runner, store
        self._waiting: list[_WaitingClip] = []
        self._num_inputs = self._max_bytes = 0
        self._rows: dict[str, FeatureRows] = {}
        self._faults: dict[str, str] = {}

    def add(self, key: str, arrays: ClipArrays, state: str) -> None:
        """Add a clip by its key in the store.

        Raises:
            PartError: if the encoder returns something wrong.
        """
        self._waiting.append(_WaitingClip(key, arrays, state))
        self._num_inputs += not is_missing_input(arrays)
        self._max_bytes = max(self._max_bytes, sum(a.nbytes for a in arrays if a is not None))
        is_large = self._num_inputs * self._max_bytes >= MAX_BATCH_BYTES
        if self._num_inputs >= self._runner.batch_size or is_large:
            self._encode()

    def finish_file(self) -> dict[str, str]:
        """Encode and store what waits; return the reason for each clip that is not stored, by key.

        Raises:
            PartError: if the encoder returns something wrong.
        """
        self._encode()
        self._put()
        faults, self._faults = self._faults, {}
        return faults

    def _encode(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._num_inputs = self._max_bytes = 0
        states = [clip.state for clip in waiting]
        encoded = encode_arrays(self._runner, [clip.arrays for clip in waiting], states)
        for clip, item in zip(waiting, encoded, strict=True):
            if reason := find_nonfinite(item):
                self._faults[clip.key] = reason
                continue
            self._rows[clip.key] = item
            if sum(item.rows.nbytes for item in self._rows.values()) >= LARGE_FILE_BYTES:
                self._put()

    def _put(self) -> None:
        self._store.put(list(self._rows), list(self._rows.values()))  # nothing, if it is empty
        self._rows = {}
