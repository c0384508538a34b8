"""Dataset `charades-ego`: CharadesEgo, version 1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset


@hookimpl
def register_datasets(register: Register) -> None:
    """Register the data set."""
    register("charades-ego", charades_ego)


def charades_ego(
    *,
    root: Path,
    videos: Path | None = None,
    negatives: Literal["random", "scene"] = "random",
    seed: int = 0,
) -> Dataset:
    """CharadesEgo version 1 (CVPR 2018): each script was acted at home once for each view.

    Both videos of a pair share their script, their scene (16) and their actions (157). A fixed
    rule divides the scripts into train and val, because there is no official val. The lists of 20
    candidates are ours, because none was ever published. Layout: gsig/actor-observer, and the
    header of the files.

    Lists:
        Version 1, ours. For a pair p, all pairs of the split with another script are sorted by the
        SHA-256 of "SEED/p/q" in hexadecimal, where q is their id; the first 19 are the wrong
        candidates. With negatives=scene, pairs of the same scene as p come first. The index of p
        is the number in the last 8 digits of the SHA-256 of "SEED/p", modulo 20.

    License:
        The terms are in the file license.txt that comes with the annotations, and must stay with
        them (README of Charades, Allen Institute for AI); read it before any use that is not
        research. Annotations and videos are at https://prior.allenai.org/projects/charades-ego;
        take version 1, at 480p. egoexobench contains none of these files.

    Args:
        root: folder of CharadesEgo_v1_{train,test}.csv, or of their _only1st and _only3rd parts.
        videos: folder of the videos; default `root`/CharadesEgo_v1_480.
        negatives: wrong candidates of the lists of 20: `random`, or of the same `scene` first.
        seed: random seed of the lists of 20.
    """
    from egoexobench_plugins.charades_ego.dataset import CharadesEgoDataset

    return CharadesEgoDataset(root, videos or root / "CharadesEgo_v1_480", negatives, seed)
