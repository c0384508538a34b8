"""Sound that does not start where the sound before it ends."""

import av
import numpy as np
from media_factory import SAMPLE_RATE, make_tone

from egoexobench.data.downmix import AudioCollector

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
    collector = AudioCollector("a.mkv", has_peak=True)
    for time in times:
        collector.add_frame(make_frame(waveform), time)
    return collector


def test_frames_in_a_row_are_joined_although_times_are_rounded() -> None:
    tone = make_tone(SECONDS)[0]
    samples = collect_frames([1.0, 1.1 + 0.004, None, 1.3 - 0.004]).finish()
    assert np.allclose(samples, np.tile(tone, 4))


def test_a_gap_is_silence_and_an_overlap_is_cut() -> None:
    tone = make_tone(SECONDS)[0]
    collector = collect_frames([1.0, 1.3, 1.35, 1.36])
    samples = collector.finish()
    silence = np.zeros(round(0.2 * SAMPLE_RATE))
    # the third frame is cut by 0.05 s, and the fourth by 0.09 s
    expected = [tone, silence, tone, tone[LENGTH // 2 :], tone[-LENGTH // 10 :]]
    assert np.allclose(samples, np.concatenate(expected))
    assert np.allclose(collector.gaps, [(1.1, 1.3)])
    assert collector.start == 1.0


def test_a_frame_inside_what_was_heard_before_is_left_out() -> None:
    assert len(collect_frames([1.0, 1.1, 1.05]).finish()) == 2 * LENGTH
    assert len(collect_frames([1.0, 1.0]).finish()) == LENGTH


def test_the_peak_of_channels_that_cancel_is_that_of_a_channel() -> None:
    tone = make_tone(SECONDS)[0]
    collector = AudioCollector("a.mkv", has_peak=True)
    collector.add_frame(make_frame(np.stack([tone, -tone])), 0.0)
    assert np.abs(collector.finish()).max() == 0
    assert collector.channel_peak > 0.2
