"""Dataset `ae2`: four activities of AE2 with the phase of every frame, as published."""

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
    register("ae2", ae2)


def ae2(
    *,
    root: Path,
    activity: Literal["break_eggs", "pour_milk", "pour_liquid", "tennis_forehand"] = "break_eggs",
    boxes: Literal["published", "frame", "none"] = "published",
    partners: int = 2,
    seed: int = 0,
) -> Dataset:
    """AE2's videos of one activity, ego and exo and not paired, with the phase of every frame.

    A clip is a complete video. Train has pairs, which are drawn here; val and test have none, since
    any two videos of the activity are equally right, so that only frames are scored: `phase`,
    `frame-retrieval`, `progression` and `alignment` (docs/ae2.md). Clips have no text.

    Args:
        root: folder with a folder for each activity, as the authors share it.
        activity: break_eggs is of CMU-MMAC; pour_milk of H2O; pour_liquid has EPIC Kitchens as ego
            and HMDB51 as exo; tennis_forehand has own ego videos and Penn Action as exo.
        boxes: the size of the pictures that the boxes of hands and objects are in. `published` is
            one size for the activity, as in the release (1024x768, 640x360, 320x240; tennis
            1920x1080 ego and 480x360 exo), `frame` the size of each video; `none` reads no boxes.
        partners: exo videos with which each ego video is paired for training, and the reverse.
        seed: random seed of the pairs.

    License:
        No license of labels and boxes is stated in zihuixue/AlignEgoExo; the videos have the
        licenses of the data sets that they come from. egoexobench contains none of these files.

    Raises:
        DataError: if the folder of the activity does not exist, has no videos, or a pickle in it
            names a function.
        UsageError: for less than one partner, or a negative seed.

    Differences from the release: a pair is an ego and an exo video, fixed for all epochs, where
    the release draws two videos at random in each step, also of one view, or one video twice. An
    epoch has about as many pairs as there are videos, as there. A video with another number of
    labels than frames is left out, where the release stops. Some videos of break_eggs are not of
    1024x768 pixels (README of the release, April 2024), so that its boxes are misplaced there:
    `egoexobench data doctor` counts these videos, and boxes=frame reads them right. The boxes of
    pour_milk were never published.

    Source: Xue and Grauman, NeurIPS 2023; layout of zihuixue/AlignEgoExo e73d055. Names of the
    phases are not in the files: they are numbered.
    """
    from egoexobench.toolbox.option_limits import check_minimum
    from egoexobench_plugins.ae2_dataset.dataset import AE2Dataset

    check_minimum("dataset 'ae2'", {"partners": (partners, 1), "seed": (seed, 0)})
    return AE2Dataset(root, activity, boxes, partners=partners, seed=seed)
