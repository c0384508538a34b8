"""The options of the data set, and the check of their values."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from egoexobench.errors import UsageError, format_unknown_name
from egoexobench.toolbox.storage import hash_json
from egoexobench.types import SPLITS, Split

GENERATOR_VERSION = 1
"""Increased whenever the same options give other annotations or other media."""
NUM_PAIRS: dict[str, dict[Split, int]] = {
    "small": {"train": 448, "val": 64, "test": 128},
    "standard": {"train": 1024, "val": 128, "test": 256},
}
"""Pairs per split, by the name of the size."""
FAMILY_SIZE = 4
"""Pairs in a family of twins."""
MAX_SAME_FAMILIES = 384
"""Families whose scripts all have the same events: 24 orders in 16 scenes."""


@dataclass(frozen=True, slots=True)
class SyntheticConfig:
    """Everything that the annotations and media depend on; the factory explains the options."""

    num_pairs: dict[Split, int]
    seconds: float
    pixels: int
    fps: int
    overlap: float
    sound: float
    sync: float
    seed: int
    first_family: int = 0
    """Number of the first family of each split; other families share no script and no random
    number with these, but the preferences of the scenes."""
    same_events: bool = False


def hash_config(config: SyntheticConfig) -> str:
    """Return a hash of the options and of the generator version."""
    values = asdict(config)
    # The hashed names never change, so that fingerprints and cached media stay valid.
    values["pairs"] = values.pop("num_pairs")
    for name in ("first_family", "same_events"):
        if not values[name]:
            del values[name]
    return hash_json({"generation": GENERATOR_VERSION, **values})


def get_num_pairs(size: str) -> dict[Split, int]:
    """Return the pairs per split of a named size.

    Raises:
        UsageError: there is no such size.
    """
    if size not in NUM_PAIRS:
        raise UsageError(format_unknown_name("size", size, NUM_PAIRS, "of dataset 'synthetic'"))
    return NUM_PAIRS[size]


def validate_config(config: SyntheticConfig) -> None:
    """Check the value of every option.

    Raises:
        UsageError: a value is not allowed; the message names the option and the allowed values.
    """
    for split in SPLITS:
        count = config.num_pairs[split]
        advice = f"must be a multiple of {FAMILY_SIZE}, at least {FAMILY_SIZE} (one family)"
        _require(split, count, count >= FAMILY_SIZE and count % FAMILY_SIZE == 0, advice)
    shares = {"overlap": config.overlap, "sound": config.sound, "sync": config.sync}
    for name, share in shares.items():
        _require(name, share, 0 <= share <= 1, "must be from 0 to 1")
    _require("seconds", config.seconds, 2 <= config.seconds <= 60, "must be from 2 to 60")
    _require("fps", config.fps, 2 <= config.fps <= 60, "must be from 2 to 60")
    num_frames = config.seconds * config.fps
    _require(
        "seconds",
        config.seconds,
        abs(num_frames - round(num_frames)) < 1e-9,
        f"seconds * fps must be an integer, and is {num_frames:g} at fps={config.fps}",
    )
    num_families = sum(config.num_pairs.values()) // FAMILY_SIZE
    _require(
        "same_events",
        config.same_events,
        not config.same_events or num_families <= MAX_SAME_FAMILIES,
        f"{num_families} families of pairs need different events: at most {MAX_SAME_FAMILIES} "
        "orders and scenes of the same ones exist",
    )
    is_valid_size = 32 <= config.pixels <= 512 and config.pixels % 16 == 0
    _require("pixels", config.pixels, is_valid_size, "must be a multiple of 16 from 32 to 512")
    _require("seed", config.seed, config.seed >= 0, "must be 0 or more")


def _require(name: str, value: float, is_valid: bool, advice: str) -> None:
    if not is_valid:
        raise UsageError(f"dataset 'synthetic': {name} is {value!r}; {advice}")
