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
    """Bring the data set."""
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

    Train pairs are an ego and an exo clip that share a noun and a verb, as EgoInstructor draws
    them. Questions come from the association lists, action labels from the anticipation
    benchmark (19 verbs). Layouts: OpenGVLab/EgoExoLearn, commit e1f11b1; Jazzcharles/Egoinstructor,
    commit 8492ba0; shhuangcoder/SoundBridge, commit 3c4ca7f.

    Lists:
        As published in the question file, whose version is told by its git blob id.

    License:
        The repository OpenGVLab/EgoExoLearn, annotations included, is under the MIT licence; it
        states none of its own for the videos. Their Google Drive links are under "Data access" of
        its README; where a link is closed, press "request access" and wait for the authors
        (issue 3 of the repository). Nothing of it is shipped with egoexobench.

    Args:
        root: folder of the annotation files, in the folders of the official repository or flat.
        ego: folder of the ego videos; `root`/videos unless given.
        exo: folder of the exo videos; `root`/videos unless given.
        val: question file of the split val; association_val_hard.json or EgoInstructor's
            egolearn_mcq_validation.json below `root` unless given.
        test: question file of the split test; association_test_hard.json unless given.
        seed: of the draw of train pairs.
    """
    from egoexobench_plugins.egoexolearn.dataset import EgoExoLearn

    folders: dict[View, Path] = {"ego": ego or root / "videos", "exo": exo or root / "videos"}
    named: dict[Split, Path | None] = {"val": val, "test": test}
    lists = {split: path for split, path in named.items() if path}
    return EgoExoLearn(root, folders, lists, seed)
