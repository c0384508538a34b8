"""Dataset `charades-ego`: homes filmed twice from one script, version 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset


@hookimpl
def register_datasets(register: Register) -> None:
    """Bring the data set."""
    register("charades-ego", charades_ego)


def charades_ego(
    *,
    root: Path,
    videos: Path | None = None,
    negatives: Literal["random", "scene"] = "random",
    seed: int = 0,
) -> Dataset:
    """CharadesEgo version 1 (CVPR 2018): each script acted once for each view, at home.

    Both videos of a pair share their script, 16 scenes, 157 actions. Scripts are divided into
    train and val by a fixed draw, since there is no official val; the lists of 20 are ours, since
    none was ever published. Layout: gsig/actor-observer, and the files' own header.

    Lists:
        Version 1, ours. For a pair p all pairs of the split with another script are sorted by the
        SHA-256 of "SEED/p/q" in hexadecimal, q being their id; the first 19 are the wrong
        candidates, with negatives=scene those of p's scene first. p stands at the place that the
        last 8 digits of the SHA-256 of "SEED/p" give modulo 20.

    License:
        The terms are in the file license.txt that comes with the annotations, and must stay with
        them (README of Charades, Allen Institute for AI); read it before any use that is not
        research. Annotations and videos are at https://prior.allenai.org/projects/charades-ego;
        take version 1, at 480p. Nothing of it is shipped with egoexobench.

    Args:
        root: folder of CharadesEgo_v1_{train,test}.csv, or of their _only1st and _only3rd parts.
        videos: folder of the videos; `root`/CharadesEgo_v1_480 unless given.
        negatives: wrong candidates of the lists of 20: `random` ones, or of the same `scene`.
        seed: of the lists of 20.
    """
    from egoexobench_plugins.charades_ego.dataset import CharadesEgo

    return CharadesEgo(root, videos or root / "CharadesEgo_v1_480", negatives, seed)
