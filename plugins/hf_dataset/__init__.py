"""Dataset `hf-dataset`: tables of the `datasets` library, with media inside or beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from egoexobench import hookimpl

if TYPE_CHECKING:
    from egoexobench import Register
    from egoexobench.protocols import Dataset


@hookimpl
def register_datasets(register: Register) -> None:
    """Register the data set."""
    register("hf-dataset", hf_dataset)


def hf_dataset(
    *,
    path: str,
    ego: str = "ego",
    exo: str = "exo",
    text: str = "text",
    id: str | None = None,  # noqa: A002 - the word that users type
    take: str | None = None,
    scene: str | None = None,
    verbs: str | None = None,
    nouns: str | None = None,
    train: str | None = "train",
    val: str | None = "validation",
    test: str | None = "test",
    config: str | None = None,
    revision: str | None = None,
) -> Dataset:
    """A data set in Parquet, JSON or Arrow: a folder, or one of the Hugging Face hub.

    A row is one activity: a column with the ego video, one or more with exo videos, and a column
    with the narration. docs/hf-datasets.md describes it. No code of a data set is run.

    License:
        That of the data set: see its page at the hub.

    Args:
        path: a folder, or ORG/NAME of the hub.
        ego: column of the ego video.
        exo: columns of the exo videos, joined by `+` (`exo1+exo2`).
        text: column of the narration.
        id: column of the id of a row; none: the split and the number of the row.
        take: column of the recording; none: the id.
        scene: column of the scene, for the task scene.
        verbs: column of the verbs, for the task action: a list, or text with `;`.
        nouns: column of the nouns, in the same form.
        train: name of the split to train on; none: there is none.
        val: name of the split to choose an epoch on; none: there is none.
        test: name of the split that is scored; none: there is none.
        config: name of a configuration of the data set.
        revision: commit of the hub, 40 digits.
    """
    from egoexobench.data.folder_dataset import FolderDataset
    from egoexobench_plugins.hf_dataset.columns import ColumnNames
    from egoexobench_plugins.hf_dataset.convert import convert_dataset

    columns = ColumnNames(
        ego=ego,
        exo=tuple(exo.split("+")),
        text=text,
        id=id,
        take=take,
        scene=scene,
        verbs=verbs,
        nouns=nouns,
    )
    splits = {"train": train, "val": val, "test": test}
    names = {split: name for split, name in splits.items() if name is not None}
    return FolderDataset(convert_dataset(path, columns, names, config=config, revision=revision))
