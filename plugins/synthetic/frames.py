"""Pictures: hands and a large object on a plain ground (ego), a figure in a room (exo).

Objects are saturated and everything else is dull, so that hue means noun. Light, skin, clothes,
ground and place are drawn anew for each performance.
"""

from __future__ import annotations

from colorsys import hsv_to_rgb
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexobench_plugins.synthetic.motion import GESTURES
from egoexobench_plugins.synthetic.timeline import Act, Performance
from egoexobench_plugins.synthetic.vocabulary import MATERIALS, MOTION, SCENES

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from egoexobench_plugins.synthetic.config import Dials

    Movie = NDArray[np.float32]  # (F, P, P, 3), or the distances (F, P, P)
    Points = NDArray[np.float64]  # (F, 2): x and y

Colour = tuple[float, float, float]
Box = tuple[float, float, float, float]
"""Centre and half sizes, in shares of the picture."""

LIGHT, DARK = (0.9, 0.9, 0.9), (0.05, 0.05, 0.05)
TINTS = len(MATERIALS) // 2
"""Pairs of opposite hues; each serves two materials, one plain and one striped."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What stays as it is through a performance; lengths are shares of the picture."""

    ground: Colour
    boxes: tuple[tuple[Box, Colour], ...]
    skin: Colour
    faces: bool
    """Whether the actor faces the camera, so that left is right."""
    centre: tuple[float, float]
    reach: float
    """Length that gestures are measured in."""
    size: float
    """Radius of an object."""


def film(performance: Performance, rng: Generator, dials: Dials) -> NDArray[np.uint8]:
    """Pictures ``(F, P, P, 3)`` of a performance."""
    ego = performance.view == "ego"
    shot = _close_up(rng) if ego else _room(rng, performance.scene)
    canvas = _Canvas(dials.pixels, _light(rng))
    still = canvas.paint(shot)
    times = (np.arange(round(dials.seconds * dials.fps)) + 0.5) / dials.fps
    movie = np.broadcast_to(still, (len(times), *still.shape)).copy()
    for act in performance.acts:
        span = slice(*np.searchsorted(times, (act.start, act.end)))
        if act.seen:
            canvas.play(movie[span], shot, act, times[span])
        elif ego:  # the wearer looks elsewhere
            movie[span] = np.roll(still, dials.pixels // 3, axis=1)
    movie *= 255
    return movie.astype(np.uint8)


def colour(noun: str) -> tuple[Colour, bool]:
    """Return the colour of an object, and whether it is striped."""
    for i, nouns in enumerate(MATERIALS.values()):
        if noun in nouns:
            hue = (i % TINTS) / TINTS / 2 + nouns.index(noun) / 2
            return hsv_to_rgb(hue, 0.95, 0.9), i >= TINTS
    raise KeyError(noun)


def _dull(rng: Generator, low: float, high: float) -> Colour:
    return hsv_to_rgb(rng.random(), 0.12 * rng.random(), rng.uniform(low, high))


def _light(rng: Generator) -> Colour:
    level = rng.uniform(0.72, 1)
    red, green, blue = level * rng.uniform(0.92, 1, 3)
    return float(red), float(green), float(blue)


def _skin(rng: Generator) -> Colour:
    return hsv_to_rgb(0.07, 0.25, rng.uniform(0.35, 0.85))


def _close_up(rng: Generator) -> Shot:
    spots = tuple(
        ((rng.random(), rng.random(), *rng.uniform(0.05, 0.2, 2)), _dull(rng, 0.3, 0.8))
        for _ in range(2)
    )
    return Shot(
        ground=_dull(rng, 0.3, 0.8),
        boxes=spots,
        skin=_skin(rng),
        faces=False,
        centre=(rng.uniform(0.44, 0.56), rng.uniform(0.44, 0.56)),
        reach=rng.uniform(0.27, 0.33),
        size=rng.uniform(0.17, 0.21),
    )


def _room(rng: Generator, scene: str) -> Shot:
    kind = list(SCENES).index(scene)
    wall, floor = 0.35 + 0.15 * (kind % 4), 0.8 - 0.15 * (kind // 4)
    x, y = 0.5 + rng.uniform(-0.06, 0.06), 0.5 + rng.uniform(-0.04, 0.04)
    furniture: tuple[Box, ...] = (
        (0.12 + 0.1 * (kind % 4 // 2), 0.6, 0.1, 0.14 + 0.08 * (kind % 2)),
        (0.88 - 0.1 * (kind // 8), 0.3, 0.1, 0.1 + 0.1 * (kind // 4 % 2)),
    )
    clothes = _dull(rng, 0.15, 0.9)
    boxes = (
        ((0.5, 0.9, 0.5, 0.12), (floor, floor, floor)),
        *((box, hsv_to_rgb(kind / 16, 0.25, 0.95 - wall)) for box in furniture),
        ((x, y + 0.22, 0.13, 0.3), clothes),
        ((x, y - 0.18, 0.07, 0.09), _skin(rng)),
    )
    return Shot(
        ground=hsv_to_rgb(kind * 7 % 16 / 16, 0.15, wall),
        boxes=boxes,
        skin=_skin(rng),
        faces=True,
        centre=(x, y + 0.12),
        reach=rng.uniform(0.19, 0.23),
        size=rng.uniform(0.09, 0.11),
    )


class _Canvas:
    """Paints shapes with soft edges on pictures ``(F, P, P, 3)``."""

    def __init__(self, pixels: int, light: Colour) -> None:
        self.pixels, self.light = pixels, np.array(light, np.float32)
        self.steps = (np.arange(pixels, dtype=np.float32) + 0.5) / pixels

    def paint(self, shot: Shot) -> Movie:
        """The empty picture ``(P, P, 3)``."""
        picture = np.empty((1, self.pixels, self.pixels, 3), np.float32)
        picture[:] = shot.ground * self.light
        for box, dye in shot.boxes:
            self._box(picture, box, dye)
        empty: Movie = picture[0]
        return empty

    def play(self, movie: Movie, shot: Shot, act: Act, times: NDArray[np.float64]) -> None:
        """Draw an act on the pictures of its time."""
        gesture, turned = GESTURES[MOTION[act.event.verb]], -1 if shot.faces else 1
        if gesture.prop:
            x, y, width, height = (value * shot.reach for value in gesture.prop)
            box = (shot.centre[0] + x * turned, shot.centre[1] + y, width, height)
            self._box(movie, box, LIGHT if sum(shot.ground) < 1.5 else DARK)
        phase = 2 * np.pi * gesture.turns * (times - act.start) / (act.end - act.start)
        wave = np.stack([np.cos(phase), np.sin(phase)], axis=1)
        path = np.array(gesture.rest) + np.array(gesture.swing) * wave  # (f, 2)
        scale = shot.reach * np.array([turned, 1])
        dye, striped = colour(act.event.noun)
        self._disc(movie, shot.centre + path * scale, shot.size, dye, striped)
        for hand in gesture.hands:
            at = np.array(hand) + path * gesture.follows
            self._disc(movie, shot.centre + at * scale, shot.size / 2, shot.skin)

    def _box(self, movie: Movie, box: Box, dye: Colour) -> None:
        x, y, width, height = box
        rows, columns = self._near(y - height, y + height), self._near(x - width, x + width)
        across = width - np.abs(self.steps[columns] - np.float32(x))
        down = height - np.abs(self.steps[rows] - np.float32(y))
        inside = np.minimum(across[None, None, :], down[None, :, None])
        self._blend(movie[:, rows, columns], inside, dye)

    def _disc(
        self, movie: Movie, at: Points, radius: float, dye: Colour, striped: bool = False
    ) -> None:
        if not len(movie):
            return
        (left, top), (right, bottom) = at.min(axis=0) - radius, at.max(axis=0) + radius
        rows, columns = self._near(top, bottom), self._near(left, right)
        across = self.steps[columns] - at[:, :1].astype(np.float32)  # (f, w)
        down = self.steps[rows] - at[:, 1:].astype(np.float32)  # (f, h)
        far = np.sqrt(across[:, None, :] ** 2 + down[:, :, None] ** 2)
        window = movie[:, rows, columns]
        self._blend(window, np.float32(radius) - far, dye)
        if striped:
            bands = np.float32(radius / 4) - np.abs(down)[:, :, None]
            self._blend(window, np.minimum(bands, np.float32(radius) - far), DARK)

    def _near(self, low: float, high: float) -> slice:
        first, last = int(low * self.pixels) - 1, int(high * self.pixels) + 2
        return slice(max(first, 0), max(last, 0))

    def _blend(self, window: Movie, inside: Movie, dye: Colour) -> None:
        """Mix a colour in where ``inside``, the distance to the edge, is positive."""
        share = np.clip(inside * np.float32(self.pixels) + np.float32(0.5), 0, 1)[..., None]
        window += share * (dye * self.light - window)
