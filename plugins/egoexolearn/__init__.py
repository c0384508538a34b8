"""Dataset `egoexolearn`: the association benchmark of EgoExoLearn, in its official layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset
    from egoexobench.types import Split, View


@hookimpl
def register_datasets(register: Register) -> None:
    """Register the data set."""
    register("egoexolearn", egoexolearn)


def egoexolearn(
    *,
    root: Path,
    ego: Path | None = None,
    exo: Path | None = None,
    val: Path | None = None,
    test: Path | None = None,
    seed: int = 0,
) -> Dataset:
    """EgoExoLearn (CVPR 2024): loosely paired kitchen and lab videos, 20-way association lists.

    A training pair is an ego and an exo clip that share a noun and a verb, drawn as in
    EgoInstructor. Queries come from the association lists, action labels from the anticipation
    benchmark (19 verbs). Layouts: OpenGVLab/EgoExoLearn, commit e1f11b1; Jazzcharles/Egoinstructor,
    commit 8492ba0; shhuangcoder/SoundBridge, commit 3c4ca7f.

    Lists:
        As published in the question file; its git blob id identifies the version.

    License:
        The repository OpenGVLab/EgoExoLearn, annotations included, has the MIT license; it
        states no separate license for the videos. Their Google Drive links are under "Data access"
        of its README; if a link is closed, press "request access" and wait for the authors
        (issue 3 of the repository). egoexobench contains none of these files.

    Args:
        root: folder of the annotation files, in the folders of the official repository or flat.
        ego: folder of the ego videos; default `root`/videos.
        exo: folder of the exo videos; default `root`/videos.
        val: question file of the split val; default association_val_hard.json or EgoInstructor's
            egolearn_mcq_validation.json in `root`.
        test: question file of the split test; default association_test_hard.json in `root`.
        seed: random seed of the training pairs.
    """
    from egoexobench_plugins.egoexolearn.dataset import EgoExoLearnDataset

    folders: dict[View, Path] = {"ego": ego or root / "videos", "exo": exo or root / "videos"}
    paths: dict[Split, Path | None] = {"val": val, "test": test}
    question_paths = {split: path for split, path in paths.items() if path}
    return EgoExoLearnDataset(root, folders, question_paths, seed)
