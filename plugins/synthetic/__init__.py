"""A small film set with sound that needs no download: what can be learnt from it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset
    from egoexobench.types import Split


@hookimpl
def register_datasets(register: Register) -> None:
    """Bring the data set."""
    register("synthetic", synthetic)


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
    seed: int = 0,
) -> Dataset:
    """Ego-exo films of four events each, acted twice from one script, rendered once and cached.

    Scripts come in families of four: sound twins swap every noun for one of the same material,
    look twins swap every verb for one of the same motion. So neither sense alone can pass half
    of a gallery, and both together can reach all of it.

    Args:
        size: pairs per split: small is 448, 64 and 128, standard 1024, 128 and 256.
        train: pairs to train on instead of the size's; a multiple of 4, like the next two.
        val: pairs of the validation split.
        test: pairs of the test split.
        seconds: length of every clip, s.
        pixels: height and width of the pictures; a multiple of 16.
        fps: pictures a second.
        overlap: share of the events that both views see; each of the others is seen by one.
        sound: share of the events that are heard, the same ones in both views; at 0 each
            microphone hears only its own room and stray sounds.
        sync: how alike in tempo both views act, from 0 (each its own) to 1 (the same).
        seed: of scripts, films and candidate lists.

    Raises:
        UsageError: for a dial that cannot work.
    """
    from egoexobench_plugins.synthetic.config import Dials, check, sizes
    from egoexobench_plugins.synthetic.dataset import Synthetic

    usual = sizes(size)
    pairs: dict[Split, int] = {
        "train": usual["train"] if train is None else train,
        "val": usual["val"] if val is None else val,
        "test": usual["test"] if test is None else test,
    }
    dials = Dials(
        pairs, float(seconds), pixels, fps, float(overlap), float(sound), float(sync), seed
    )
    return Synthetic(check(dials))
