"""A record that is not as it was written is refused in one line, and so is an audit."""

from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file
from sweep_records import make_cell, make_record

from egoexobench.errors import DataError
from egoexobench.records.store import read_record, write_record

pytestmark = pytest.mark.usefixtures("invented_records")


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return write_record(*make_record(make_cell(), [1.0, 0.0]), tmp_path)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_is_refused_in_one_line_that_names_it(
    record: Path, damage: str, seed: int
) -> None:
    damage_file(record, damage, seed)
    with pytest.raises(DataError) as error:
        read_record(record)
    assert str(record) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_ranks_are_refused_in_one_line_that_names_them(record: Path, damage: str) -> None:
    (ranks,) = record.parent.glob("*.ranks.jsonl")
    damage_file(ranks, damage)
    with pytest.raises(DataError) as error:
        read_record(record)
    assert f"{ranks} is not the file that {record} names" in str(error.value)


def test_a_number_that_was_edited_is_refused(record: Path) -> None:
    record.write_text(record.read_text().replace('"num_cpus": 2', '"num_cpus": 3'))
    with pytest.raises(DataError, match="is damaged or was edited: its checksum differs"):
        read_record(record)


def test_a_record_in_another_layout_and_one_of_an_earlier_version_are_read(record: Path) -> None:
    before, text = read_record(record), record.read_text()
    record.write_text(text.replace("\n  ", "\n    "))
    assert read_record(record) == before
    lines = [line for line in text.splitlines() if '"checksum"' not in line]
    record.write_text("\n".join(lines).replace("  ],\n}", "  ]\n}"))
    assert read_record(record) == before
