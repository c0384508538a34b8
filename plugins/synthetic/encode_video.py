"""One clip as an MP4 file: pictures as H.264, sound as AAC."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from egoexobench.types import View
from egoexobench_plugins.synthetic.audio import play
from egoexobench_plugins.synthetic.config import Dials
from egoexobench_plugins.synthetic.frames import film
from egoexobench_plugins.synthetic.script import Script, generator
from egoexobench_plugins.synthetic.synth import RATE
from egoexobench_plugins.synthetic.timeline import perform

if TYPE_CHECKING:
    from numpy.typing import NDArray


def shoot(path: Path, script: Script, view: View, dials: Dials) -> None:
    """Act one view of a script out and write it, whole or not at all."""
    rng = generator(dials.seed, script.split, script.family, script.member, view)
    actor, camera, microphone = rng.spawn(3)
    performance = perform(script, view, actor, dials.seconds, dials.sync)
    pictures = film(performance, camera, dials)
    samples = play(performance, microphone, dials.seconds)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    _encode(draft, pictures, samples, dials.fps)
    draft.replace(path)


def _encode(
    path: Path, pictures: NDArray[np.uint8], samples: NDArray[np.float32], fps: int
) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        # one thread: the same pictures give the same bytes
        options = {"preset": "ultrafast", "crf": "18", "threads": "1"}
        video = container.add_stream("libx264", rate=fps, options=options)
        video.height, video.width = pictures.shape[1:3]
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=RATE, options={"aac_coder": "fast"})
        audio.layout, audio.bit_rate = "mono", 48_000
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        sound.sample_rate, sound.pts, sound.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(audio.encode(sound))
        container.mux(audio.encode(None))
