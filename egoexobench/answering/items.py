"""What questions show: decoded clips, scaled down, and texts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egoexobench.answering.plan import PlannedQuestion
from egoexobench.data.decode import decode_clip
from egoexobench.data.downmix import AUDIO_SAMPLE_RATE
from egoexobench.data.sampling import DEFAULT_SAMPLING
from egoexobench.hashing import hash_json
from egoexobench.types import Clip, ClipFormat, Frames, Question, QuestionItem

MAX_CACHED_BYTES = 2**28
"""Bytes of decoded clips that stay in memory, because a clip is a candidate of many questions."""


@final
@dataclass(frozen=True, slots=True)
class QuestionSource:
    """Gives the content of questions."""

    clips: Mapping[str, Clip]
    texts: Mapping[str, str]
    media_hashes: Mapping[str, str]
    """Content hash of each media file by path."""
    clip_format: ClipFormat
    sampling: str = DEFAULT_SAMPLING
    _decoded: OrderedDict[str, QuestionItem] = field(default_factory=OrderedDict, init=False)

    def hash_content(self, question: PlannedQuestion) -> str:
        """Return a hash of everything that a question shows; ids and paths do not count."""
        query, *candidates = self._describe_items(question)
        return hash_json([question.task, query, candidates])

    def load_question(self, number: int, question: PlannedQuestion) -> Question:
        """Return a question with its clips decoded.

        Raises:
            ClipError: if one of them does not decode.
        """
        texts = set(question.text_ids)
        items = tuple(
            QuestionItem(text=self.texts[name]) if name in texts else self._load_clip(name)
            for name in (question.source, *question.candidates)
        )
        return Question(number, question.task, items[0], items[1:])

    def _describe_items(self, question: PlannedQuestion) -> list[object]:
        texts = set(question.text_ids)
        return [
            {"text": self.texts[name]} if name in texts else self._describe_clip(self.clips[name])
            for name in (question.source, *question.candidates)
        ]

    def _describe_clip(self, clip: Clip) -> list[object]:
        form = self.clip_format
        return [
            self.media_hashes[clip.media],
            clip.start,
            clip.end,
            self.sampling,
            form.num_frames,
            form.side,
            form.sample_rate,
        ]

    def _load_clip(self, name: str) -> QuestionItem:
        if name in self._decoded:
            self._decoded.move_to_end(name)
            return self._decoded[name]
        item = self._decode_clip(self.clips[name])
        self._decoded[name] = item
        while len(self._decoded) > 1 and sum(map(_count_bytes, self._decoded.values())) > (
            MAX_CACHED_BYTES
        ):
            self._decoded.popitem(last=False)
        return item

    def _decode_clip(self, clip: Clip) -> QuestionItem:
        form = self.clip_format
        decoded = decode_clip(
            clip,
            form.num_frames,
            with_audio=form.sample_rate is not None,
            sampling=self.sampling,
            sample_rate=form.sample_rate or AUDIO_SAMPLE_RATE,
        )
        if decoded.frames is None:
            return QuestionItem(None, decoded.audio)
        frames = decoded.frames
        # Times on the clock of the file would say when two views were recorded.
        times = frames.times - frames.times[:1]
        pixels = np.stack([_scale_down(pixels, form.side) for pixels in frames.pixels])
        return QuestionItem(replace(frames, pixels=pixels, times=times), decoded.audio)


def _scale_down(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a picture whose longer side has at most ``side`` pixels, of the same proportions."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    if longer <= side:
        return pixels
    size = max(1, round(width * side / longer)), max(1, round(height * side / longer))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS), np.uint8)


def _count_bytes(item: QuestionItem) -> int:
    frames: Frames | None = item.frames
    num_bytes = 0 if frames is None else frames.pixels.nbytes
    return num_bytes + (0 if item.audio is None else item.audio.waveform.nbytes)
