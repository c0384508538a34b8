"""One clip as an MP4 file: H.264 video and AAC audio."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from egoexobench.toolbox.storage import atomic_path
from egoexobench.types import View
from egoexobench_plugins.synthetic.audio import render_audio
from egoexobench_plugins.synthetic.config import SyntheticConfig
from egoexobench_plugins.synthetic.frames import render_frames
from egoexobench_plugins.synthetic.script import Script, spawn_view_rngs
from egoexobench_plugins.synthetic.synth import SAMPLE_RATE
from egoexobench_plugins.synthetic.timeline import schedule_events

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_clip(path: Path, script: Script, view: View, config: SyntheticConfig) -> None:
    """Render one view of a script and write the file, either completely or not at all."""
    timing_rng, camera_rng, microphone_rng = spawn_view_rngs(script, view, config)
    timeline = schedule_events(script, view, timing_rng, seconds=config.seconds, sync=config.sync)
    frames = render_frames(timeline, camera_rng, config)
    waveform = render_audio(timeline, microphone_rng, config.seconds)
    with atomic_path(path, flush=False) as draft:
        _encode_mp4(draft, frames, waveform, config.fps)


def _encode_mp4(
    path: Path, frames: NDArray[np.uint8], waveform: NDArray[np.float32], fps: int
) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        # one thread: the same frames give the same bytes
        options = {"preset": "ultrafast", "crf": "18", "threads": "1"}
        video = container.add_stream("libx264", rate=fps, options=options)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, options={"aac_coder": "fast"})
        audio.layout, audio.bit_rate = "mono", 48_000
        for index, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(waveform[None], format="fltp", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
