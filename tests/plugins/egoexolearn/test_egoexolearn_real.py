"""The published files: how many rows there are, and how long they take."""

import os
import time
from collections import Counter
from pathlib import Path

import pytest

from egoexobench.testing import check_dataset
from egoexobench.types import AnnotationIssue
from egoexobench_plugins.egoexolearn import egoexolearn
from egoexobench_plugins.egoexolearn.dataset import EgoExoLearn
from egoexobench_plugins.egoexolearn.files import load
from egoexobench_plugins.egoexolearn.tables import Fine, Label, Labelled, Train, read
from egoexobench_plugins.egoexolearn.videos import known

ROOT = Path(os.environ.get("EGOEXOBENCH_DATA", "../shared/data")) / "egoexolearn"
pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason=f"no files of EgoExoLearn in {ROOT}")
LABELLED = {
    # file: rows, rows with exactly one verb
    "exo_train_valid.csv": (6090, 1295),
    "exo_val_valid.csv": (2076, 828),
    "exo_test_valid.csv": (4749, 1598),
    "ego_val_valid.csv": (7701, 4120),
    "ego_test_valid.csv": (17253, 8996),
}


@pytest.fixture(scope="module")
def dataset() -> EgoExoLearn:
    made = egoexolearn(root=ROOT)
    assert isinstance(made, EgoExoLearn)
    return made


def test_all_rows_of_the_large_tables_are_read_in_two_seconds() -> None:
    findings: list[AnnotationIssue] = []
    start = time.process_time()
    train = read(load(ROOT / "exo_train.csv"), Train, findings)
    fine = read(load(ROOT / "fine_annotation_test.csv"), Fine, findings)
    labelled = {name: read(load(ROOT / name), Labelled, findings) for name in LABELLED}
    seconds = time.process_time() - start
    assert findings == []
    assert (len(train), len(fine)) == (6270, 23174)
    assert Counter(row.scenario for _, row in train) == {"kitchen": 5442, "lab": 828}
    assert len({row.video_uid for _, row in train}) == 286
    assert Counter(row.view for _, row in fine) == {"ego": 18244, "exo": 4930}
    assert Counter(row.scene for _, row in fine) == {"kitchen": 20221, "lab": 2953}
    assert len({row.video_uid for _, row in fine}) == 621
    found = {
        name: (len(rows), sum(len(row.verb) == 1 for _, row in rows))
        for name, rows in labelled.items()
    }
    assert found == LABELLED
    assert seconds < 2, f"{seconds:.2f} s"


def test_the_metadata_tell_the_view_and_scene_of_every_video() -> None:
    findings: list[AnnotationIssue] = []
    videos = known(load(ROOT / "video_meta_downsampled.json"), [], findings)
    assert findings == []
    assert Counter(video.view for video in videos.values()) == {"ego": 432, "exo": 313}
    assert Counter(video.scene for video in videos.values()) == {"kitchen": 587, "lab": 158}


def test_the_taxonomies_and_the_valid_verbs_have_their_published_sizes(
    dataset: EgoExoLearn,
) -> None:
    findings: list[AnnotationIssue] = []
    sizes = {
        kind: len(read(load(ROOT / f"narration_{kind}_taxonomy.csv"), Label, findings))
        for kind in ("verb", "noun")
    }
    assert sizes == {"verb": 125, "noun": 627}
    assert findings == []
    assert len(dataset.actions) == 19
    heads = [label.partition("_(")[0] for label in dataset.actions]
    first = "adjust cover cut fill hold mix move open operate pour press put remove".split()
    assert heads == [*first, *"scoop shake take throw turn wash".split()]


def test_the_data_set_of_the_published_files_keeps_the_contract(dataset: EgoExoLearn) -> None:
    check_dataset(dataset)
    assert {split: len(dataset.clips(split)) for split in ("train", "val", "test")} == {
        "train": 6270,
        "val": 2076,
        "test": 4749,
    }
    assert not [finding for finding in dataset.findings if finding.dropped]
    assert sum(len(clip.verbs) == 1 for clip in dataset.clips("test")) == 1598


def test_clips_beyond_the_metadata_are_all_in_videos_that_it_gives_one_length(
    dataset: EgoExoLearn,
) -> None:
    assert dataset.findings
    assert all("which is 126.28 s long" in finding.reason for finding in dataset.findings)


def test_the_published_train_table_has_its_published_blob_id() -> None:
    assert load(ROOT / "exo_train.csv").blob == "7c10863e7957605455f982a4825de2d1093aea6a"
