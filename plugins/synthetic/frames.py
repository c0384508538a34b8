"""Frames: hands and a large object on a plain background (ego), a person in a room (exo).

Objects have saturated colors and everything else has dull ones, so that the hue identifies the
noun. Light, skin, clothes, background and position are drawn anew for each rendering.
"""

from __future__ import annotations

from colorsys import hsv_to_rgb
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexobench_plugins.synthetic.motion import HAND_MOTIONS
from egoexobench_plugins.synthetic.timeline import (
    TimedEvent,
    Timeline,
    compute_frame_centers,
    select_frames,
)
from egoexobench_plugins.synthetic.vocabulary import MATERIALS, MOTION_OF_VERB, SCENES

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from egoexobench_plugins.synthetic.config import SyntheticConfig

    FrameArray = NDArray[np.float32]  # (F, P, P, 3) colors, or (F, P, P) distances
    PointArray = NDArray[np.float64]  # (F, 2): x and y

Color = tuple[float, float, float]
Box = tuple[float, float, float, float]
"""Center and half sizes; the side of the frame is 1."""

LIGHT, DARK = (0.9, 0.9, 0.9), (0.05, 0.05, 0.05)
NUM_HUES = len(MATERIALS) // 2
"""Pairs of opposite hues; each serves two materials, one plain and one striped."""


@dataclass(frozen=True, slots=True)
class SceneLayout:
    """What does not change during a clip; the side of the frame is 1."""

    background: Color
    boxes: tuple[tuple[Box, Color], ...]
    skin: Color
    mirrored: bool
    """Whether the person faces the camera, so that left is right."""
    center: tuple[float, float]
    reach: float
    """The unit of length of hand motions."""
    object_radius: float


def render_frames(timeline: Timeline, rng: Generator, config: SyntheticConfig) -> NDArray[np.uint8]:
    """Return the RGB frames of a timeline, ``(F, P, P, 3)``."""
    is_ego = timeline.view == "ego"
    layout = _draw_ego_layout(rng) if is_ego else _draw_exo_layout(rng, timeline.scene)
    painter = _FramePainter(config.pixels, _draw_light(rng))
    background = painter.paint_background(layout)
    times = compute_frame_centers(config)
    frames = np.broadcast_to(background, (len(times), *background.shape)).copy()
    for event in timeline.events:
        span = select_frames(event, times)
        if event.visible:
            painter.draw_event(frames[span], layout, event, times[span])
        elif is_ego:  # the camera wearer looks elsewhere
            frames[span] = np.roll(background, config.pixels // 3, axis=1)
    frames *= 255
    return frames.astype(np.uint8)


def get_noun_color(noun: str) -> tuple[Color, bool]:
    """Return the color of an object, and whether the object is striped."""
    for i, nouns in enumerate(MATERIALS.values()):
        if noun in nouns:
            hue = (i % NUM_HUES) / NUM_HUES / 2 + nouns.index(noun) / 2
            return hsv_to_rgb(hue, 0.95, 0.9), i >= NUM_HUES
    raise KeyError(noun)


def _draw_dull_color(rng: Generator, low: float, high: float) -> Color:
    return hsv_to_rgb(rng.random(), 0.12 * rng.random(), rng.uniform(low, high))


def _draw_light(rng: Generator) -> Color:
    level = rng.uniform(0.72, 1)
    red, green, blue = level * rng.uniform(0.92, 1, 3)
    return float(red), float(green), float(blue)


def _draw_skin_color(rng: Generator) -> Color:
    return hsv_to_rgb(0.07, 0.25, rng.uniform(0.35, 0.85))


def _draw_ego_layout(rng: Generator) -> SceneLayout:
    """Return a close-up: a plain background with two gray boxes."""
    boxes = tuple(
        ((rng.random(), rng.random(), *rng.uniform(0.05, 0.2, 2)), _draw_dull_color(rng, 0.3, 0.8))
        for _ in range(2)
    )
    return SceneLayout(
        background=_draw_dull_color(rng, 0.3, 0.8),
        boxes=boxes,
        skin=_draw_skin_color(rng),
        mirrored=False,
        center=(rng.uniform(0.44, 0.56), rng.uniform(0.44, 0.56)),
        reach=rng.uniform(0.27, 0.33),
        object_radius=rng.uniform(0.17, 0.21),
    )


def _draw_exo_layout(rng: Generator, scene: str) -> SceneLayout:
    """Return a room with furniture that identifies the scene, and a person."""
    index = list(SCENES).index(scene)
    wall, floor = 0.35 + 0.15 * (index % 4), 0.8 - 0.15 * (index // 4)
    x, y = 0.5 + rng.uniform(-0.06, 0.06), 0.5 + rng.uniform(-0.04, 0.04)
    furniture: tuple[Box, ...] = (
        (0.12 + 0.1 * (index % 4 // 2), 0.6, 0.1, 0.14 + 0.08 * (index % 2)),
        (0.88 - 0.1 * (index // 8), 0.3, 0.1, 0.1 + 0.1 * (index // 4 % 2)),
    )
    clothes = _draw_dull_color(rng, 0.15, 0.9)
    boxes = (
        ((0.5, 0.9, 0.5, 0.12), (floor, floor, floor)),
        *((box, hsv_to_rgb(index / 16, 0.25, 0.95 - wall)) for box in furniture),
        ((x, y + 0.22, 0.13, 0.3), clothes),
        ((x, y - 0.18, 0.07, 0.09), _draw_skin_color(rng)),
    )
    return SceneLayout(
        background=hsv_to_rgb(index * 7 % 16 / 16, 0.15, wall),
        boxes=boxes,
        skin=_draw_skin_color(rng),
        mirrored=True,
        center=(x, y + 0.12),
        reach=rng.uniform(0.19, 0.23),
        object_radius=rng.uniform(0.09, 0.11),
    )


class _FramePainter:
    """Paints shapes with soft edges on frames ``(F, P, P, 3)``, in place."""

    def __init__(self, pixels: int, light: Color) -> None:
        self.pixels, self.light = pixels, np.array(light, np.float32)
        self.positions = (np.arange(pixels, dtype=np.float32) + 0.5) / pixels

    def paint_background(self, layout: SceneLayout) -> FrameArray:
        """Return the frame ``(P, P, 3)`` without object and hands."""
        frame = np.empty((1, self.pixels, self.pixels, 3), np.float32)
        frame[:] = layout.background * self.light
        for box, color in layout.boxes:
            self._draw_box(frame, box, color)
        background: FrameArray = frame[0]
        return background

    def draw_event(
        self, frames: FrameArray, layout: SceneLayout, event: TimedEvent, times: NDArray[np.float64]
    ) -> None:
        """Draw prop, object and hands of an event on the frames at ``times``, s."""
        motion = HAND_MOTIONS[MOTION_OF_VERB[event.event.verb]]
        x_sign = -1 if layout.mirrored else 1
        if motion.prop:
            x, y, width, height = (value * layout.reach for value in motion.prop)
            box = (layout.center[0] + x * x_sign, layout.center[1] + y, width, height)
            self._draw_box(frames, box, LIGHT if sum(layout.background) < 1.5 else DARK)
        phase = 2 * np.pi * motion.num_cycles * (times - event.start) / (event.end - event.start)
        wave = np.stack([np.cos(phase), np.sin(phase)], axis=1)
        path = np.array(motion.rest) + np.array(motion.amplitude) * wave  # (F, 2)
        scale = layout.reach * np.array([x_sign, 1])
        color, is_striped = get_noun_color(event.event.noun)
        center, radius = layout.center, layout.object_radius
        self._draw_disc(frames, center + path * scale, radius, color, is_striped=is_striped)
        for hand in motion.hands:
            hand_path = np.array(hand) + path * motion.hands_follow
            self._draw_disc(frames, center + hand_path * scale, radius / 2, layout.skin)

    def _draw_box(self, frames: FrameArray, box: Box, color: Color) -> None:
        x, y, width, height = box
        rows = self._find_pixels(y - height, y + height)
        columns = self._find_pixels(x - width, x + width)
        x_distance = width - np.abs(self.positions[columns] - np.float32(x))
        y_distance = height - np.abs(self.positions[rows] - np.float32(y))
        inside = np.minimum(x_distance[None, None, :], y_distance[None, :, None])
        self._blend(frames[:, rows, columns], inside, color)

    def _draw_disc(
        self,
        frames: FrameArray,
        centers: PointArray,
        radius: float,
        color: Color,
        *,
        is_striped: bool = False,
    ) -> None:
        if not len(frames):
            return
        (left, top) = centers.min(axis=0) - radius
        (right, bottom) = centers.max(axis=0) + radius
        rows, columns = self._find_pixels(top, bottom), self._find_pixels(left, right)
        dx = self.positions[columns] - centers[:, :1].astype(np.float32)  # (F, W)
        dy = self.positions[rows] - centers[:, 1:].astype(np.float32)  # (F, H)
        distance = np.sqrt(dx[:, None, :] ** 2 + dy[:, :, None] ** 2)
        window = frames[:, rows, columns]
        inside = np.float32(radius) - distance
        self._blend(window, inside, color)
        if is_striped:
            stripe = np.float32(radius / 4) - np.abs(dy)[:, :, None]
            self._blend(window, np.minimum(stripe, inside), DARK)

    def _find_pixels(self, low: float, high: float) -> slice:
        """Return the pixels from ``low`` to ``high`` along an axis, and one more at each end."""
        first, last = int(low * self.pixels) - 1, int(high * self.pixels) + 2
        return slice(max(first, 0), max(last, 0))

    def _blend(self, window: FrameArray, inside: FrameArray, color: Color) -> None:
        """Blend a color into ``window`` where ``inside``, the distance to the edge, is positive."""
        alpha = np.clip(inside * np.float32(self.pixels) + np.float32(0.5), 0, 1)[..., None]
        window += alpha * (color * self.light - window)
