"""The dials of the set, checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from egoexobench.errors import UsageError, unknown_name_message
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import SPLITS, Split

GENERATION = 1
"""Raised whenever the same dials give other annotations or other media."""
SIZES: dict[str, dict[Split, int]] = {
    "small": {"train": 448, "val": 64, "test": 128},
    "standard": {"train": 1024, "val": 128, "test": 256},
}
"""Pairs per split."""
FAMILY = 4
"""Pairs of a family of twins."""


@dataclass(frozen=True, slots=True)
class Dials:
    """Everything that decides the set; see the factory for what each one does."""

    pairs: dict[Split, int]
    seconds: float
    pixels: int
    fps: int
    overlap: float
    sound: float
    sync: float
    seed: int


def fingerprint(dials: Dials) -> str:
    """Hash of the dials and of the generation."""
    return hash_json({"generation": GENERATION, **asdict(dials)})


def sizes(size: str) -> dict[Split, int]:
    """Return the pairs per split of a named size.

    Raises:
        UsageError: if there is no such size.
    """
    if size not in SIZES:
        raise UsageError(unknown_name_message("size", size, SIZES, "of dataset 'synthetic'"))
    return SIZES[size]


def check(dials: Dials) -> Dials:
    """Return the dials if they can work.

    Raises:
        UsageError: naming the dial, what was found and what works.
    """
    for split in SPLITS:
        _require(
            split,
            dials.pairs[split],
            dials.pairs[split] >= FAMILY and dials.pairs[split] % FAMILY == 0,
            f"pairs come in families of {FAMILY}, so give a multiple of {FAMILY} from {FAMILY} up",
        )
    for name in ("overlap", "sound", "sync"):
        share = getattr(dials, name)
        _require(name, share, 0 <= share <= 1, "give a share from 0 to 1")
    _require("seconds", dials.seconds, 2 <= dials.seconds <= 60, "give 2 to 60 s")
    _require("fps", dials.fps, 2 <= dials.fps <= 60, "give 2 to 60 pictures a second")
    frames = dials.seconds * dials.fps
    _require(
        "seconds",
        dials.seconds,
        abs(frames - round(frames)) < 1e-9,
        f"at fps={dials.fps} that is {frames:g} pictures; give a whole number of them",
    )
    _require(
        "pixels",
        dials.pixels,
        32 <= dials.pixels <= 512 and dials.pixels % 16 == 0,
        "give a multiple of 16 from 32 to 512",
    )
    _require("seed", dials.seed, dials.seed >= 0, "give 0 or more")
    return dials


def _require(name: str, found: float, works: bool, advice: str) -> None:
    if not works:
        raise UsageError(f"dataset 'synthetic': {name} is {found!r}; {advice}")
