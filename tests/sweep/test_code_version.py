"""A record is current only if the code and the libraries of today would make it, too."""

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from fake_data import FakeDataset, make_pair
from sweep_records import make_cell, make_record

from egoexobench.errors import NoticeWarning
from egoexobench.layers import hash_layers
from egoexobench.libraries import SCORING_LIBRARIES, find_versions
from egoexobench.records.schema import PartRecord
from egoexobench.sweep.code_version import (
    explain_repeated_cells,
    list_code_changes,
)
from egoexobench.sweep.media import MediaContent
from egoexobench.sweep.plan import CellMedia
from egoexobench.sweep.record_index import (
    StoredRecord,
    get_current_records,
    select_remaining_tasks,
)

PART = PartRecord(
    role="video",
    kind="encoder",
    name="pixel",
    source_hash="s",
    library_versions={"scipy": str(find_versions(["scipy"])["scipy"])},
)
CELL = replace(make_cell(), parts=(PART,), dataset_source="d")


def make_current_record(part: PartRecord = PART, **changed: object):
    record = make_record(CELL, [1])[0]
    fields = {"parts": (part,), "toolkit_hash": hash_layers(up_to="experiment")}
    packages = find_versions(SCORING_LIBRARIES)
    update = {
        "method": record.method.model_copy(update=fields),
        "dataset": record.dataset.model_copy(update={"source_hash": "d"}),
        "environment": record.environment.model_copy(update={"packages": packages}),
    }
    return record.model_copy(update=update | changed)


def test_a_record_of_the_code_of_today_is_current() -> None:
    assert list_code_changes(make_current_record(), CELL) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source_hash": "old"}, "encoder 'pixel'"),
        ({"file_hashes": {"weights": "0" * 64}}, "encoder 'pixel'"),
        ({"library_versions": {"scipy": "0.1"}}, "scipy 0.1 -> "),
    ],
)
def test_a_change_of_a_part_is_named(change: dict, words: str) -> None:
    (text,) = list_code_changes(make_current_record(PART.model_copy(update=change)), CELL)
    assert text.startswith(words)


def test_a_change_of_the_toolkit_and_of_the_data_set_is_named() -> None:
    record = make_current_record()
    old_method = record.method.model_copy(update={"toolkit_hash": "old"})
    old_dataset = record.dataset.model_copy(update={"source_hash": "old"})
    changed = record.model_copy(update={"method": old_method, "dataset": old_dataset})
    assert list_code_changes(changed, CELL) == ["data set 'films'", "code of the toolkit"]


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MediaContent:
    """The media of a data set of one pair."""
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    pair = make_pair("a")
    ego, exo = (replace(clip, media=str(tmp_path / clip.media)) for clip in (pair.ego, pair.exo))
    for clip in (ego, exo):
        Path(clip.media).write_text(clip.id)
    return MediaContent(FakeDataset([replace(pair, ego=ego, exo=exo)]))


def test_new_films_under_old_names_are_a_change(tmp_path: Path, media: MediaContent) -> None:
    cell = replace(CELL, media=CellMedia(media, media))
    record = make_current_record()
    dataset = record.dataset.model_copy(update={"media_hash": media.hash})
    current = record.model_copy(update={"dataset": dataset})
    assert list_code_changes(current, cell) == []
    assert list_code_changes(record, cell) == ["media of 'films'"]
    (tmp_path / "a-ego.mp4").write_text("another film")
    media.forget()
    assert list_code_changes(current, cell) == ["media of 'films'"]


def test_media_that_are_not_here_are_no_change(tmp_path: Path, media: MediaContent) -> None:
    for path in tmp_path.glob("*.mp4"):
        path.unlink()
    record = make_current_record()
    assert list_code_changes(record, replace(CELL, media=CellMedia(media, media))) == []


def test_a_record_that_does_not_say_what_made_it_is_not_current() -> None:
    assert list_code_changes(make_record(CELL, [1])[0], CELL)


def test_a_cell_with_an_old_record_runs_again_and_one_line_says_why() -> None:
    old = make_current_record(PART.model_copy(update={"source_hash": "old"}))
    index = {CELL.fingerprint: [StoredRecord(Path("old.json"), old)]}
    assert select_remaining_tasks(CELL, index) == CELL
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        explain_repeated_cells([CELL], index)
    assert [str(item.message) for item in caught if item.category is NoticeWarning] == [
        "one on films: 1 run is repeated, because this changed: encoder 'pixel'"
    ]


def test_a_current_record_beside_an_old_one_is_used_without_a_word() -> None:
    old = make_current_record(PART.model_copy(update={"source_hash": "old"}))
    stored = [StoredRecord(Path("a"), old), StoredRecord(Path("b"), make_current_record())]
    index = {CELL.fingerprint: stored}
    assert get_current_records(CELL, index) == stored[1:]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain_repeated_cells([CELL], index)
