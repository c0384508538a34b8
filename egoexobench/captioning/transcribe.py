"""Transcripts of the sound of clips, from a captioner that listens; each sound is read once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from egoexobench.captioning.stats import CaptionSet, CaptionStats
from egoexobench.data.decode import decode_clip
from egoexobench.errors import ModelUnavailableError, notify
from egoexobench.files import cache_dir
from egoexobench.identity import Identity
from egoexobench.part_results import describe_value, require_valid
from egoexobench.protocols import AudioCaptioner, Progress
from egoexobench.response_cache import ResponseCache, ResponseFile, ResponseKind
from egoexobench.toolbox.captions import CLIP_CONTEXT, estimate_clip_tokens
from egoexobench.types import Audio, Clip, Pair, Transcript, TranscriptWord


def encode_transcript(transcript: Transcript) -> str:
    """Return a transcript as one line of JSON."""
    words = [[word.text, word.start, word.end] for word in transcript.words]
    return json.dumps({"text": transcript.text, "words": words}, ensure_ascii=False)


def decode_transcript(line: str) -> Transcript | None:
    """Return the transcript of such a line; None for any other text."""
    try:
        values = json.loads(line)
        words = tuple(
            TranscriptWord(str(text), float(start), float(end))
            for text, start, end in values["words"]
        )
        return Transcript(values["text"], words) if isinstance(values["text"], str) else None
    except (ValueError, TypeError, KeyError):
        return None


TRANSCRIPTS = ResponseKind(
    field="transcript",
    is_valid=lambda line: decode_transcript(line) is not None,
    part="captioner",
)
"""Transcripts as lines of JSON, by the key of the clip: a hash of its span and its file."""


def open_transcript_cache(root: Path | None = None, part: Identity | None = None) -> ResponseCache:
    """Return the cache of the transcripts of a captioner, as `captioning.cache.open_cache`."""
    return ResponseCache(TRANSCRIPTS, root or cache_dir() / "transcripts", part)


@dataclass(frozen=True, slots=True)
class _PendingSound:
    """A sound that is not in the cache."""

    key: str
    clip: Clip


def transcribe_clips(
    captioner: AudioCaptioner,
    clips: Sequence[Clip],
    keys: Mapping[str, str],
    *,
    cache: ResponseCache | None = None,
    progress: Progress,
    label: str = "the captioner",
) -> CaptionSet:
    """Return what is said in each clip, by clip id; a clip without speech is not in the result.

    A clip without an audio track, and digital silence, have an empty transcript without a call.

    Args:
        captioner: listens.
        clips: may show the same span of the same file.
        keys: hash of the content of each clip, by id.
        cache: of earlier transcripts; None stores none.
        progress: shows the stage, one step for each sound.
        label: kind, name and distribution of the captioner, for messages.

    Raises:
        MediaError: for a clip that does not decode.
        PartError: if the captioner returns anything but one transcript for each sound.
    """
    file = cache.open(captioner.key) if cache else ResponseFile(None, {}, TRANSCRIPTS)
    distinct = {keys[clip.id]: clip for clip in clips}
    pending = [_PendingSound(key, clip) for key, clip in distinct.items() if key not in file]
    if pending and cache:
        cache.explain_requests(captioner.key, {sound.key for sound in pending})
        file.explain_damage()
    abort_reason = None
    if pending:
        with progress.stage("transcribe", len(pending)) as advance:
            try:
                for key, transcript in _iter_transcripts(captioner, pending, label):
                    file.put(key, encode_transcript(transcript))
                    advance(1)
            except ModelUnavailableError as error:
                abort_reason = str(error)
                notify(f"{label} stopped: {abort_reason}")
    texts = {key: _read_text(file.responses[key]) for key in distinct if key in file.responses}
    captions = {clip.id: text for clip in clips if (text := texts.get(keys[clip.id]))}
    return CaptionSet(
        captions,
        (),
        CaptionStats(
            num_narrations=len(distinct),
            num_written=len(pending) - (len(distinct) - len(texts)),
            num_cached=len(distinct) - len(pending),
            num_retried=0,
            refusals={},
            num_truncated=0,
            num_unrefined=0,
            num_over_context=sum(
                estimate_clip_tokens(text) > CLIP_CONTEXT for text in texts.values()
            ),
            num_empty=0,
            num_missing=len(clips) - len(captions),
            concepts=(),
            abort_reason=abort_reason,
            num_without_speech=sum(not text for text in texts.values()),
        ),
    )


def add_pair_transcripts(captions: Mapping[str, str], pairs: Iterable[Pair]) -> dict[str, str]:
    """Return transcripts by id of a clip or a pair.

    A pair has that of its ego clip, whose microphone is nearest to the wearer; where nothing is
    said there, that of its exo clip.
    """
    of_pairs = {
        pair.id: text
        for pair in pairs
        if (text := captions.get(pair.ego.id) or captions.get(pair.exo.id))
    }
    return {**captions, **of_pairs}


def _iter_transcripts(
    captioner: AudioCaptioner, pending: Sequence[_PendingSound], label: str
) -> Iterator[tuple[str, Transcript]]:
    """Yield the key and the transcript of each sound; sounds are decoded when they are needed."""
    waiting: list[str] = []
    silent: list[str] = []

    def decode_sounds() -> Iterator[Audio]:
        for sound in pending:
            decoded = decode_clip(sound.clip, 0, with_audio=True, sample_rate=captioner.sample_rate)
            if decoded.audio is None:
                silent.append(sound.key)
            else:
                waiting.append(sound.key)
                yield decoded.audio

    transcripts = captioner.transcribe(decode_sounds())
    fault = f"the result of transcribe is {describe_value(transcripts)}; it must be an iterator"
    require_valid(None if isinstance(transcripts, Iterable) else fault, label)
    num_done = 0
    for transcript in transcripts:
        if not isinstance(transcript, Transcript) or not isinstance(transcript.text, str):
            fault = f"transcribe yields {describe_value(transcript)}; it must be Transcript"
            require_valid(fault, label)
        fault = "transcribe yields more transcripts than it read sounds"
        require_valid(None if num_done < len(waiting) else fault, label)
        yield waiting[num_done], Transcript(transcript.text.strip(), tuple(transcript.words))
        num_done += 1
        while silent:
            yield silent.pop(0), Transcript("")
    fault = f"transcribe yields {num_done} transcripts for {len(waiting)} sounds"
    require_valid(None if num_done == len(waiting) else fault, label)
    for key in silent:
        yield key, Transcript("")


def _read_text(line: str) -> str:
    transcript = decode_transcript(line)
    return transcript.text if transcript else ""
