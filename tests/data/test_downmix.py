"""Sound that does not start where the sound before it ends."""

import av
import numpy as np
import pytest
from media_factory import SAMPLE_RATE, make_tone

from egoexobench.data.downmix import AudioCollector
from egoexobench.errors import MediaError

LENGTH = 1600
SECONDS = LENGTH / SAMPLE_RATE


def make_frame(waveform: np.ndarray) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(waveform), format="fltp", layout="stereo"
    )
    frame.rate = SAMPLE_RATE
    return frame


def collect_frames(times: list[float | None]) -> AudioCollector:
    waveform = make_tone(SECONDS, channels=2)
    collector = make_collector()
    for time in times:
        collector.add_frame(make_frame(waveform), time)
    collector.finish()
    return collector


def make_collector(start: float = 1.0, seconds: float = 1.0) -> AudioCollector:
    return AudioCollector(
        "a.mkv", start=start, num_samples=round(seconds * SAMPLE_RATE), has_peak=True
    )


def get_sound(collector: AudioCollector) -> np.ndarray:
    first, last = collector.filled
    assert not collector.samples[:first].any()
    assert not collector.samples[last:].any()
    return collector.samples[first:last]


def test_frames_in_a_row_are_joined_although_times_are_rounded() -> None:
    tone = make_tone(SECONDS)[0]
    samples = get_sound(collect_frames([1.0, 1.1 + 0.004, None, 1.3 - 0.004]))
    assert np.allclose(samples, np.tile(tone, 4))


def test_a_gap_is_silence_and_an_overlap_is_cut() -> None:
    tone = make_tone(SECONDS)[0]
    collector = collect_frames([1.0, 1.3, 1.35, 1.36])
    samples = get_sound(collector)
    silence = np.zeros(round(0.2 * SAMPLE_RATE))
    # the third frame is cut by 0.05 s, and the fourth by 0.09 s
    expected = [tone, silence, tone, tone[LENGTH // 2 :], tone[-LENGTH // 10 :]]
    assert np.allclose(samples, np.concatenate(expected))
    assert np.allclose(collector.gaps, [(1.1, 1.3)])
    assert collector.start == 1.0


def test_a_frame_inside_what_was_heard_before_is_left_out() -> None:
    assert len(get_sound(collect_frames([1.0, 1.1, 1.05]))) == 2 * LENGTH
    assert len(get_sound(collect_frames([1.0, 1.0]))) == LENGTH


def test_the_peak_of_channels_that_cancel_is_that_of_a_channel() -> None:
    tone = make_tone(SECONDS)[0]
    collector = make_collector(start=0.0)
    collector.add_frame(make_frame(np.stack([tone, -tone])), 0.0)
    collector.finish()
    assert np.abs(collector.samples).max() == 0
    assert collector.channel_peak > 0.2


def test_what_is_before_and_after_a_span_is_left_out() -> None:
    tone, waveform = make_tone(SECONDS)[0], make_tone(SECONDS, channels=2)
    collector = make_collector(start=1.05, seconds=0.1)
    for time in (1.0, 1.1):
        collector.add_frame(make_frame(waveform), time)
    collector.finish()
    assert collector.filled == (0, LENGTH)
    assert np.allclose(
        collector.samples, np.concatenate([tone[LENGTH // 2 :], tone[: LENGTH // 2]])
    )
    late = make_collector(start=0.95, seconds=0.1)
    late.add_frame(make_frame(waveform), 1.0)
    late.finish()
    assert late.filled == (LENGTH // 2, LENGTH)
    assert np.allclose(late.samples[LENGTH // 2 :], tone[: LENGTH // 2])


def test_sound_whose_channels_or_rate_change_is_refused() -> None:
    collector, tone = make_collector(), make_tone(SECONDS)
    collector.add_frame(make_frame(make_tone(SECONDS, channels=2)), 1.0)
    mono = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone), format="fltp", layout="mono")
    mono.rate = SAMPLE_RATE
    with pytest.raises(MediaError, match="the sample rate or the channels of its audio change"):
        collector.add_frame(mono, 1.1)
    faster = make_frame(make_tone(SECONDS, channels=2))
    faster.rate = 2 * SAMPLE_RATE
    with pytest.raises(MediaError, match="the sample rate or the channels of its audio change"):
        collector.add_frame(faster, 1.1)
