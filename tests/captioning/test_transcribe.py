"""What is said in clips: each sound is read once, and silence is never sent to a captioner."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from fake_data import make_clip
from media_factory import make_tone, write_video

from egoexobench.captioning.transcribe import (
    add_pair_transcripts,
    decode_transcript,
    encode_transcript,
    open_transcript_cache,
    transcribe_clips,
)
from egoexobench.errors import ModelUnavailableError, PartError
from egoexobench.progress import NullProgress
from egoexobench.types import Audio, Clip, Pair, Transcript, TranscriptWord


@dataclass
class ToneCaptioner:
    """Says which tone it hears; a tone of 100 Hz is no speech."""

    limit: int = 99
    calls: list[str] = field(default_factory=list)
    sample_rate: int = 16_000
    key: Mapping[str, object] = field(default_factory=lambda: {"captioner": "tone"})

    def transcribe(self, sounds: Iterable[Audio]) -> Iterator[Transcript]:
        for number, sound in enumerate(sounds):
            if number == self.limit:
                message = "the model is gone"
                raise ModelUnavailableError(message)
            spectrum = np.abs(np.fft.rfft(sound.waveform))
            hertz = round(spectrum.argmax() / len(sound.waveform) * sound.sample_rate, -2)
            self.calls.append(f"{hertz:.0f} hertz")
            yield Transcript("" if hertz == 100 else f" {hertz:.0f} hertz ")


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """Two tones, one of them twice, a hum, silence, and a file without sound."""
    sounds = {"a": 400, "b": 800, "hum": 100}
    files = {
        name: write_video(tmp_path / f"{name}.mp4", waveform=make_tone(2.0, hertz))
        for name, hertz in sounds.items()
    }
    files["silent"] = write_video(tmp_path / "silent.mp4", waveform=0 * make_tone(2.0))
    files["mute"] = write_video(tmp_path / "mute.mp4")
    return [
        make_clip(name, media=str(files[name.partition("/")[0]]))
        for name in ("a", "silent", "b", "mute", "a/again", "hum")
    ]


def list_keys(clips: list[Clip]) -> dict[str, str]:
    return {clip.id: Path(clip.media).stem for clip in clips}


def test_each_sound_is_read_once_and_silence_never(clips: list[Clip]) -> None:
    captioner = ToneCaptioner()
    result = transcribe_clips(captioner, clips, list_keys(clips), progress=NullProgress())
    assert result.captions == {"a": "400 hertz", "a/again": "400 hertz", "b": "800 hertz"}
    assert captioner.calls == ["400 hertz", "800 hertz", "100 hertz"]
    stats = result.stats
    assert (stats.num_narrations, stats.num_written, stats.num_cached) == (5, 5, 0)
    assert (stats.num_without_speech, stats.num_missing) == (3, 3)


def test_a_second_call_reads_the_cache(clips: list[Clip], tmp_path: Path) -> None:
    cache = open_transcript_cache(tmp_path / "cache")
    keys = list_keys(clips)
    first = transcribe_clips(ToneCaptioner(), clips, keys, cache=cache, progress=NullProgress())
    later = ToneCaptioner()
    second = transcribe_clips(later, clips, keys, cache=cache, progress=NullProgress())
    assert (second.captions, later.calls) == (first.captions, [])
    assert second.stats.num_cached == 5


def test_it_goes_on_where_it_stopped(clips: list[Clip], tmp_path: Path) -> None:
    cache = open_transcript_cache(tmp_path / "cache")
    keys = list_keys(clips)
    stopped = transcribe_clips(
        ToneCaptioner(limit=1), clips, keys, cache=cache, progress=NullProgress()
    )
    assert stopped.stats.abort_reason == "the model is gone"
    assert stopped.captions == {"a": "400 hertz", "a/again": "400 hertz"}
    later = ToneCaptioner()
    complete = transcribe_clips(later, clips, keys, cache=cache, progress=NullProgress())
    assert later.calls == ["800 hertz", "100 hertz"]
    assert complete.captions.keys() == {"a", "a/again", "b"}


@pytest.mark.parametrize(
    ("transcribe", "message"),
    [
        (lambda sounds: None, "result of transcribe is None .*it must be an iterator"),
        (lambda sounds: ("text" for _ in sounds), "yields 'text' .*must be Transcript"),
        (lambda sounds: iter([Transcript("x") for _ in sounds][1:]), "yields 2 tran"),
        (lambda sounds: iter([Transcript("x"), *(Transcript("x") for _ in sounds)]), "more"),
    ],
)
def test_a_wrong_captioner_is_named(clips: list[Clip], transcribe, message: str) -> None:
    captioner = ToneCaptioner()
    captioner.transcribe = transcribe
    with pytest.raises(PartError, match=message):
        transcribe_clips(
            captioner, clips, list_keys(clips), progress=NullProgress(), label="captioner 'mine'"
        )


def test_words_and_their_times_come_back_from_the_cache() -> None:
    transcript = Transcript("in die Küche", (TranscriptWord("in", 0.0, 0.25),))
    assert decode_transcript(encode_transcript(transcript)) == transcript
    for damaged in ("", "[]", '{"text": 3, "words": []}', '{"text": "a"}', '{"words": [[1]]}'):
        assert decode_transcript(damaged) is None


def test_a_pair_has_what_is_said_beside_the_wearer_or_else_in_the_room() -> None:
    pairs = [
        Pair(name, make_clip(f"{name}/ego"), make_clip(f"{name}/exo", "exo"), "") for name in "abc"
    ]
    captions = {"a/ego": "wearer", "a/exo": "room", "b/exo": "room"}
    assert add_pair_transcripts(captions, pairs) == {**captions, "a": "wearer", "b": "room"}
