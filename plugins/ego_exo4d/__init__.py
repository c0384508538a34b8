"""Dataset `ego-exo4d`: synchronous takes of Ego-Exo4D, in the layout of version 2."""

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
    register("ego-exo4d", ego_exo4d)


def ego_exo4d(
    *,
    root: Path,
    media: str | None = None,
    clips: Literal["keysteps", "benchmark", "descriptions"] = "keysteps",
    resolution: Literal["448", "full"] = "448",
    seconds: float = 2.0,
    narrated: Literal["exclude", "include", "only"] = "exclude",
    seed: int = 0,
) -> Dataset:
    """Ego-Exo4D version 2 (CVPR 2024): skilled activities, filmed by glasses and fixed cameras.

    A pair is one span of one take: the ego camera, and the exo camera that shows it best. The
    official val is the split test, because the annotations of the official test are not public;
    val is drawn from the official train by capture. There is no official association track: these
    are ours. Layout: EGO4D/Ego-Exo4D-docs aa763b1 and facebookresearch/Ego4d a44f40b.

    Lists:
        Version 1, ours (docs/decisions/0053-ego-exo4d.md). sync: the exo clip of the same instant
        among 19 others of the same take (sync-take), of other takes of the scenario
        (sync-scenario) or of any other take (sync-random). async, for key steps: a clip of another
        capture with the same step; nothing of the capture of the query is a candidate.

    License:
        Signed agreement with the Ego-Exo4D consortium, for research and commercial use, with
        limits on passing the data on (https://ego-exo4d-data.org); about 48 hours, then
        `egoexo -o DIR --parts metadata annotations downscaled_takes/448`. egoexobench contains
        none of these files.

    Args:
        root: folder of takes.json, captures.json and annotations/.
        media: folder or object store of the folder `takes`, such as s3://BUCKET/v2; default
            `root`.
        clips: what a clip is: a key step, a key step of the benchmark of 278 classes, or `seconds`
            around an atomic description of the camera wearer.
        resolution: videos with a shorter side of 448 pixels, or of full size.
        seconds: length of a clip around a description.
        narrated: takes whose wearer says aloud what happens, so that the sound has the answer.
        seed: random seed of the lists of 20.
    """
    from egoexobench_plugins.ego_exo4d.dataset import EgoExo4DDataset
    from egoexobench_plugins.ego_exo4d.options import EgoExo4DOptions

    return EgoExo4DDataset(
        root,
        EgoExo4DOptions(
            media=media,
            clips=clips,
            resolution=resolution,
            seconds=seconds,
            narrated=narrated,
            seed=seed,
        ),
    )
