"""The contract of captioners."""

from __future__ import annotations

import numpy as np

from egoexobench.part_results import find_texts_fault
from egoexobench.protocols import AudioCaptioner, Captioner, RefiningCaptioner
from egoexobench.testing.assertions import check_has, check_that, check_valid, report_errors
from egoexobench.toolbox.captions import InvalidCaption, parse_response
from egoexobench.types import Audio, Transcript

NARRATIONS = ("A person takes the garlic, then opens the jar.", "", "Nothing. " * 200, "切蒜")


SOUND_SECONDS = (0.5, 3.0, 1.0)


def check_captioner(captioner: Captioner | AudioCaptioner) -> None:
    """Check that a captioner writes one closed caption a narration, in order, always the same.

    One that listens writes one transcript a sound.

    Raises:
        AssertionError: with the first fault.
    """
    if isinstance(captioner, AudioCaptioner):
        _check_transcripts(captioner)
        return
    check_has(captioner, methods=["caption"])
    captions = _write_captions(captioner, NARRATIONS)
    for caption in captions:
        _check_format(caption)
    check_that(
        _write_captions(captioner, NARRATIONS) == captions, "the same narrations get other captions"
    )
    backwards = _write_captions(captioner, NARRATIONS[::-1])
    message = "in another order: the order of narrations changes their captions"
    check_that(backwards[::-1] == captions, message)
    alone = [_write_captions(captioner, (narration,))[0] for narration in NARRATIONS]
    check_that(alone == captions, "alone: a caption depends on the other narrations")
    _write_captions(captioner, ())
    if isinstance(captioner, RefiningCaptioner):
        _check_refinement(captioner, captions)


def _check_transcripts(captioner: AudioCaptioner) -> None:
    rng = np.random.default_rng(0)
    lengths = [round(seconds * captioner.sample_rate) for seconds in SOUND_SECONDS]
    sounds = [
        Audio(0.1 * rng.standard_normal(length).astype(np.float32), captioner.sample_rate)
        for length in lengths
    ]
    transcripts = _transcribe(captioner, sounds)
    check_that(_transcribe(captioner, sounds) == transcripts, "the same sounds get other texts")
    message = "in another order: the order of sounds changes their texts"
    check_that(_transcribe(captioner, sounds[::-1])[::-1] == transcripts, message)
    alone = [_transcribe(captioner, [sound])[0] for sound in sounds]
    check_that(alone == transcripts, "alone: a text depends on the other sounds")
    _transcribe(captioner, [])


def _transcribe(captioner: AudioCaptioner, sounds: list[Audio]) -> list[Transcript]:
    before = [sound.waveform.copy() for sound in sounds]
    with report_errors("transcribe"):
        transcripts = list(captioner.transcribe(iter(sounds)))
    check_that(
        all(np.array_equal(old, new.waveform) for old, new in zip(before, sounds, strict=True)),
        "transcribe changes a sound",
    )
    check_that(
        len(transcripts) == len(sounds),
        f"transcribe yields {len(transcripts)} transcripts for {len(sounds)} sounds",
    )
    for transcript, sound in zip(transcripts, sounds, strict=True):
        is_valid = isinstance(transcript, Transcript) and isinstance(transcript.text, str)
        check_that(is_valid, f"transcribe yields {transcript!r}; it must be Transcript")
        seconds = len(sound.waveform) / sound.sample_rate
        check_that(
            all(0 <= word.start <= word.end <= seconds for word in transcript.words),
            f"a word of a sound of {seconds:g} s has times outside it",
        )
    return transcripts


def _write_captions(captioner: Captioner, narrations: tuple[str, ...]) -> list[str]:
    inputs = list(narrations)
    with report_errors("caption"):
        captions = captioner.caption(inputs)
    check_that(inputs == list(narrations), "caption changes its list of narrations")
    check_valid(find_texts_fault(captions, len(narrations), "caption"))
    return list(captions)


def _check_refinement(captioner: RefiningCaptioner, captions: list[str]) -> None:
    with report_errors("refine"):
        refined = captioner.refine(list(captions), ["a person"])
    check_valid(find_texts_fault(refined, len(captions), "refine"))
    for caption in refined:
        _check_format(caption)


def _check_format(caption: str) -> None:
    parsed = parse_response(caption)
    reason = parsed.reason if isinstance(parsed, InvalidCaption) else ""
    shown = caption if len(caption) <= 60 else f"{caption[:60]}..."
    check_that(not reason, f"{shown!r} is not a closed caption, [source] (effect), ...: {reason}")
