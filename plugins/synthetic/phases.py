"""Phases of frames: how the hands move, as far as the view shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from egoexobench.data.folder_dataset import make_clip_id
from egoexobench.types import FrameLabels, Split
from egoexobench_plugins.synthetic.files import list_files
from egoexobench_plugins.synthetic.script import spawn_view_rngs
from egoexobench_plugins.synthetic.timeline import (
    Timeline,
    compute_frame_centers,
    schedule_events,
    select_frames,
)
from egoexobench_plugins.synthetic.vocabulary import MOTION_OF_VERB, MOTIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from egoexobench_plugins.synthetic.config import SyntheticConfig

PHASES = tuple(MOTIONS)
"""The motions. A verb would not do: the picture does not tell look twins apart. Nor would the
number of the event: nothing that a frame shows says that it is the third."""
NO_PHASE = -1


def list_phases(config: SyntheticConfig, split: Split) -> list[FrameLabels]:
    """Return the phase of every frame of a split, by the time at which the frame begins.

    A pause has no phase, and neither has an event that only the other view shows. Both clips of a
    pair are of one activity; the order of phases differs between pairs.
    """
    return list(_iter_phases(config, split))


def _iter_phases(config: SyntheticConfig, split: Split) -> Iterator[FrameLabels]:
    times = np.arange(round(config.seconds * config.fps)) / config.fps
    for file in list_files(config):
        if file.script.split == split:
            rng = spawn_view_rngs(file.script, file.view, config)[0]
            timeline = schedule_events(
                file.script, file.view, rng, seconds=config.seconds, sync=config.sync
            )
            phases = label_frames(timeline, config)
            clip_id = make_clip_id(file.pair, file.view)
            yield FrameLabels(clip_id, times, phases, activity=file.pair)


def label_frames(timeline: Timeline, config: SyntheticConfig) -> NDArray[np.int64]:
    """Return the phase ``(F,)`` of each frame of a timeline."""
    centers = compute_frame_centers(config)
    phases = np.full(len(centers), NO_PHASE, np.int64)
    for event in timeline.events:
        if event.visible:
            motion = MOTION_OF_VERB[event.event.verb]
            phases[select_frames(event, centers)] = PHASES.index(motion)
    return phases
