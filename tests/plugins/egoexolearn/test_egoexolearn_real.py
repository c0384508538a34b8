"""The published files: how many rows there are, and how long they take."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from egoexobench.testing import check_dataset
from egoexobench.toolbox.annotation_tables import read_annotation_table
from egoexobench_plugins.egoexolearn import egoexolearn
from egoexobench_plugins.egoexolearn.dataset import EgoExoLearnDataset
from egoexobench_plugins.egoexolearn.files import read_source
from egoexobench_plugins.egoexolearn.tables import FineRow, LabeledRow, TaxonomyRow, TrainRow
from egoexobench_plugins.egoexolearn.videos import read_videos

ROOT = Path(os.environ.get("EGOEXOBENCH_DATA", "../shared/data")) / "egoexolearn"
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no files of EgoExoLearn in {ROOT}")
LABELED_TABLES = {
    # file: rows, rows with exactly one verb
    "exo_train_valid.csv": (6090, 1295),
    "exo_val_valid.csv": (2076, 828),
    "exo_test_valid.csv": (4749, 1598),
    "ego_val_valid.csv": (7701, 4120),
    "ego_test_valid.csv": (17253, 8996),
}


@pytest.fixture(scope="module")
def dataset() -> EgoExoLearnDataset:
    dataset = egoexolearn(root=ROOT)
    assert isinstance(dataset, EgoExoLearnDataset)
    return dataset


def test_all_rows_of_the_large_tables_are_read_in_two_seconds() -> None:
    start = time.process_time()
    train = read_annotation_table(read_source(ROOT / "exo_train.csv"), TrainRow)
    fine = read_annotation_table(read_source(ROOT / "fine_annotation_test.csv"), FineRow)
    labeled = {
        name: read_annotation_table(read_source(ROOT / name), LabeledRow) for name in LABELED_TABLES
    }
    seconds = time.process_time() - start
    assert [*train.issues, *fine.issues, *(i for t in labeled.values() for i in t.issues)] == []
    assert (len(train.rows), len(fine.rows)) == (6270, 23174)
    assert Counter(row.scenario for _, row in train.rows) == {"kitchen": 5442, "lab": 828}
    assert len({row.video_uid for _, row in train.rows}) == 286
    assert Counter(row.view for _, row in fine.rows) == {"ego": 18244, "exo": 4930}
    assert Counter(row.scene for _, row in fine.rows) == {"kitchen": 20221, "lab": 2953}
    assert len({row.video_uid for _, row in fine.rows}) == 621
    counts = {
        name: (len(table.rows), sum(len(row.verb) == 1 for _, row in table.rows))
        for name, table in labeled.items()
    }
    assert counts == LABELED_TABLES
    assert seconds < 2, f"{seconds:.2f} s"


def test_the_metadata_have_the_view_and_scene_of_every_video() -> None:
    table = read_videos(read_source(ROOT / "video_meta_downsampled.json"), [])
    assert table.issues == []
    assert Counter(video.view for video in table.videos.values()) == {"ego": 432, "exo": 313}
    assert Counter(video.scene for video in table.videos.values()) == {"kitchen": 587, "lab": 158}


def test_the_taxonomies_and_the_valid_verbs_have_their_published_sizes(
    dataset: EgoExoLearnDataset,
) -> None:
    tables = {
        kind: read_annotation_table(
            read_source(ROOT / f"narration_{kind}_taxonomy.csv"), TaxonomyRow
        )
        for kind in ("verb", "noun")
    }
    assert {kind: len(table.rows) for kind, table in tables.items()} == {"verb": 125, "noun": 627}
    assert not any(table.issues for table in tables.values())
    assert len(dataset.actions) == 19
    heads = [label.partition("_(")[0] for label in dataset.actions]
    first = "adjust cover cut fill hold mix move open operate pour press put remove".split()
    assert heads == [*first, *"scoop shake take throw turn wash".split()]


def test_the_data_set_of_the_published_files_satisfies_the_contract(
    dataset: EgoExoLearnDataset,
) -> None:
    check_dataset(dataset)
    assert {split: len(dataset.clips(split)) for split in ("train", "val", "test")} == {
        "train": 6270,
        "val": 2076,
        "test": 4749,
    }
    assert not [finding for finding in dataset.findings if finding.dropped]
    assert sum(len(clip.verbs) == 1 for clip in dataset.clips("test")) == 1598


def test_clips_that_end_late_are_all_in_videos_with_the_same_length_in_the_metadata(
    dataset: EgoExoLearnDataset,
) -> None:
    assert dataset.findings
    assert all("which is 126.28 s long" in finding.reason for finding in dataset.findings)


def test_the_published_train_table_has_its_published_blob_id() -> None:
    assert read_source(ROOT / "exo_train.csv").blob_id == "7c10863e7957605455f982a4825de2d1093aea6a"
