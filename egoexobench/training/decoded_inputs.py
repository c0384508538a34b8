"""Pictures of training batches that are decoded when they are needed, and changed at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple, final

from egoexobench.features.feature_bank import FeatureBank
from egoexobench.features.feature_file import FeatureRows
from egoexobench.features.picture_decoder import PictureRequest
from egoexobench.features.picture_loader import PictureLoader, split_requests
from egoexobench.models.clip_times import ClipTimes
from egoexobench.models.feature_inputs import FeatureInputs
from egoexobench.protocols import AnyEncoder, HasTokenTimes
from egoexobench.types import Clip, Pair, View


class _AnnouncedBatch(NamedTuple):
    """A batch that will be read, and what is decoded for it; each pair is in one of an epoch."""

    pair_ids: frozenset[str]
    requests: list[PictureRequest]


@final
class DecodedInputs:
    """Gives the inputs of training batches, with pictures that workers decode ahead.

    Args:
        inputs: everything that is stored; it stays as it is.
        loader: decodes pictures; closed by whoever made it.
        roles: role of the encoder of a view whose pictures are decoded: a field of ``inputs``. A
            view that is left out has stored inputs.
        encoders: by role; they say the times of tokens where ``inputs`` have those of clips, as
            random frames have other times.
    """

    def __init__(
        self,
        inputs: FeatureInputs,
        loader: PictureLoader,
        roles: Mapping[View, str],
        encoders: Mapping[str, AnyEncoder] = MappingProxyType({}),
    ) -> None:
        self._inputs, self._loader, self._roles = inputs, loader, roles
        self._encoders = encoders
        self._results: Iterator[dict[str, FeatureRows]] = iter(())
        self._batches: Iterator[_AnnouncedBatch] = iter(())
        self._pair_ids: frozenset[str] = frozenset()
        self._pictures: dict[str, dict[str, FeatureRows]] = {}

    def begin_epoch(self, epoch: int, batches: Sequence[Sequence[Pair]]) -> None:
        """Let workers begin to decode the pictures of some batches.

        Args:
            epoch: from 1; the same clip is changed in another way in each epoch.
            batches: pairs in the order in which `read` will get them, of this process alone.
        """
        announced = [
            _AnnouncedBatch(frozenset(_list_ids(batch)), self._list_requests(batch, epoch))
            for batch in batches
        ]
        self._pair_ids, self._pictures = frozenset(), {}
        self._batches = iter(announced)
        self._results = self._loader.load(
            request for batch in announced for request in batch.requests
        )

    def read(self, pairs: Sequence[Pair]) -> FeatureInputs:
        """Return the inputs of a batch, or of a part of it; pictures of other clips are not there.

        Parts may be read in any order and several times, until a part of the next batch is read.

        Raises:
            ClipError: if a clip does not decode.
        """
        if not self._pair_ids.issuperset(_list_ids(pairs)):
            self._read_next_batch()
        if not self._pair_ids.issuperset(_list_ids(pairs)):
            message = "the batch is not the next one of those that were announced"
            raise ValueError(message)
        banks: dict[str, Any] = {
            role: FeatureBank(
                [clip.id for clip in clips], [self._pictures[role][clip.id] for clip in clips]
            )
            for role, clips in self._list_clips(pairs).items()
        }
        return replace(self._inputs, **banks, clip_times=self._read_clip_times(pairs))

    def _read_clip_times(self, pairs: Sequence[Pair]) -> Mapping[str, ClipTimes]:
        """Return when the tokens of the pictures are; the durations of clips stay."""
        stored = self._inputs.clip_times
        if not stored:
            return stored
        times = dict(stored)
        for role, clips in self._list_clips(pairs).items():
            encoder = self._encoders[role]
            for clip in clips:
                frame_times = self._pictures[role][clip.id].frame_times
                if frame_times is not None and isinstance(encoder, HasTokenTimes):
                    tokens = encoder.get_token_times(frame_times) - clip.start
                    times[clip.id] = stored[clip.id]._replace(tokens=tokens)
        return times

    def _read_next_batch(self) -> None:
        batch = next(self._batches, _AnnouncedBatch(frozenset(), []))
        self._pair_ids = batch.pair_ids
        self._pictures = {role: {} for role in self._roles.values()}
        for request in batch.requests:
            self._pictures[request.role] |= next(self._results)

    def _list_requests(self, pairs: Sequence[Pair], epoch: int) -> list[PictureRequest]:
        return [
            request
            for role, clips in self._list_clips(pairs).items()
            for request in split_requests(role, clips, epoch)
        ]

    def _list_clips(self, pairs: Sequence[Pair]) -> dict[str, list[Clip]]:
        """Return the clips of some pairs by the role of the encoder that reads their pictures."""
        clips: dict[str, dict[str, Clip]] = {}
        for view, role in self._roles.items():
            of_view = (pair.ego if view == "ego" else pair.exo for pair in pairs)
            clips.setdefault(role, {}).update((clip.id, clip) for clip in of_view)
        return {role: list(by_id.values()) for role, by_id in clips.items()}


def _list_ids(pairs: Sequence[Pair]) -> list[str]:
    return [pair.id for pair in pairs]
