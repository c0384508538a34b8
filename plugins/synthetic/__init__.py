"""A small synthetic data set with sound. It needs no download, and its ground truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset


@hookimpl
def register_datasets(register: Register) -> None:
    """Register the data set."""
    register("synthetic", synthetic, example={"train": 4, "val": 4, "test": 4})


def synthetic(
    *,
    size: Literal["small", "standard"] = "small",
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
    seconds: float = 4.0,
    pixels: int = 64,
    fps: int = 8,
    overlap: float = 0.5,
    sound: float = 1.0,
    sync: float = 0.5,
    same_events: bool = False,
    seed: int = 0,
) -> Dataset:
    """Ego-exo videos of four events each: two renderings of one script, rendered once and cached.

    Scripts come in families of four. Sound twins replace every noun by one of the same material,
    look twins replace every verb by one of the same motion. So neither video alone nor audio alone
    can identify the script within its family; both together can.

    Frames have phases, the motions that they show, for the tasks on frames.

    Args:
        size: pairs per split: small is 448, 64 and 128, standard 1024, 128 and 256.
        train: training pairs, instead of those of `size`; a multiple of 4, as are val and test.
        val: pairs of the validation split.
        test: pairs of the test split.
        seconds: length of every clip, s.
        pixels: height and width of the frames; a multiple of 16.
        fps: frames per second.
        overlap: share of the events that both views show; only one view shows each of the others.
        sound: share of the events that can be heard, the same events in both views; at 0 each
            microphone records only the noise and the distractor sounds of its own room.
        sync: how similar the timing of both views is, from 0 (independent) to 1 (equal).
        same_events: every script has the same four events, up to twins, in an order of its own; so
            what a video shows says nothing about the script, and only the order does.
        seed: random seed of scripts, media and candidate lists.

    Raises:
        UsageError: an option has a value that is not allowed.
    """
    from egoexobench_plugins.synthetic.config import (
        SyntheticConfig,
        get_num_pairs,
        validate_config,
    )
    from egoexobench_plugins.synthetic.dataset import SyntheticDataset

    defaults = get_num_pairs(size)
    config = SyntheticConfig(
        num_pairs={
            "train": defaults["train"] if train is None else train,
            "val": defaults["val"] if val is None else val,
            "test": defaults["test"] if test is None else test,
        },
        seconds=float(seconds),
        pixels=pixels,
        fps=fps,
        overlap=float(overlap),
        sound=float(sound),
        sync=float(sync),
        seed=seed,
        same_events=same_events,
    )
    validate_config(config)
    return SyntheticDataset(config)
