import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.errors import DataError
from egoexobench.records import store
from egoexobench.records.schema import QueryRank, Record

pytestmark = pytest.mark.usefixtures("invented_records")

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_record_and_its_ranks_come_back_as_they_were_written(
    record: Record, rank: QueryRank, tmp_path: Path
) -> None:
    other = rank.model_copy(update={"policy": None, "task": "scene", "positives": ("kitchen",)})
    path = store.write_record(record, [rank, other], tmp_path)
    read = store.read_record(path)
    assert read.model_copy(update={"artifacts": ()}) == record
    assert list(store.iter_ranks(path)) == [rank, other]


def test_the_record_names_its_ranks_file_and_the_hash_of_its_bytes(
    record: Record, rank: QueryRank, tmp_path: Path
) -> None:
    path = store.write_record(record, [rank], tmp_path)
    (artifact,) = store.read_record(path).artifacts
    content = (path.parent / artifact.file).read_bytes()
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert len(content.splitlines()) == 1


def test_records_lie_by_method_and_data_set(record: Record, tmp_path: Path) -> None:
    path = store.write_record(record, [], tmp_path)
    method, dataset, name = path.relative_to(tmp_path).parts
    assert method.startswith("soundbridge-residual-none-")
    assert (dataset, name) == ("synthetic", f"{record.id}.json")


def test_a_record_that_is_named_twice_is_listed_once(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch()
    assert store.list_records([path, tmp_path, tmp_path / "." / "a.json"]) == [path]


def test_a_record_is_never_overwritten(record: Record, tmp_path: Path) -> None:
    path = store.write_record(record, [], tmp_path)
    before = path.read_bytes()
    with pytest.raises(DataError, match="never overwritten"):
        store.write_record(record.model_copy(update={"seed": 9}), [], tmp_path)
    assert path.read_bytes() == before


def test_ranks_that_were_changed_since_are_refused(
    record: Record, rank: QueryRank, tmp_path: Path
) -> None:
    path = store.write_record(record, [rank], tmp_path)
    file = path.with_name(store.read_record(path).artifacts[0].file)
    file.write_text(file.read_text().replace('"top1_probability":0.5', '"top1_probability":1.0'))
    with pytest.raises(DataError, match=f"{file.name}.*hash differs"):
        list(store.iter_ranks(path))


def test_no_partial_file_remains_when_writing_fails(
    record: Record, rank: QueryRank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_replace(self: Path, *_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail_to_replace)
    with pytest.raises(DataError, match=r"cannot write .*No space left"):
        store.write_record(record, [rank], tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_record_is_written_after_its_ranks(
    record: Record, rank: QueryRank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    write_text_atomic = store.write_text_atomic

    def list_and_write(path: Path, text: str) -> None:
        written.append(path)
        write_text_atomic(path, text)

    monkeypatch.setattr(store, "write_text_atomic", list_and_write)
    path = store.write_record(record, [rank], tmp_path)
    assert [text.name for text in written] == [f"{record.id}.ranks.jsonl", path.name]


def test_a_file_where_a_folder_should_be_is_one_clear_error(record: Record, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(DataError, match=r"cannot write .*runs"):
        store.write_record(record, [], tmp_path / "runs")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": "three"}, r"seed: .*integer.*'three'"),
        ({"schema_version": 7}, r"schema_version: .*'7'"),
        ({"surprise": 1}, r"unknown field 'surprise'"),
        ({"counts": {}}, r"counts\.num_clips: Field required"),
    ],
)
def test_an_error_names_file_and_field(
    record: Record, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps(json.loads(record.model_dump_json()) | change))
    with pytest.raises(DataError, match=f"one.json: {message}"):
        store.read_record(path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", None])
def test_a_file_that_is_no_record_is_a_data_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "one.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"one\.json"):
        store.read_record(path)


def test_a_bad_line_of_ranks_is_named_by_its_number(
    record: Record, rank: QueryRank, tmp_path: Path
) -> None:
    path = store.write_record(
        record, [rank, rank.model_copy(update={"top1_probability": 0.25})], tmp_path
    )
    file = path.with_name(store.read_record(path).artifacts[0].file)
    old = file.read_text()
    new = old.replace('"top1_probability":0.25', '"top1_probability":2.5')
    file.write_text(new)
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in (old, new)]
    path.write_text(path.read_text().replace(*hashes))
    with pytest.raises(DataError, match=r"line 2: top1_probability"):
        list(store.iter_ranks(path))


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_safe_name_is_one_path_component_and_tells_specs_apart(text: str, two: str) -> None:
    names = [store.make_slug(text) for text in (text, two)]
    for name in names:
        assert name
        assert name.isascii()
        assert all(letter.isalnum() or letter == "-" for letter in name)
        assert len(name) <= 57
    assert (names[0] == names[1]) == (text == two)


def test_ids_tell_seeds_methods_and_seconds_apart_and_sort_by_time() -> None:
    here = timezone(timedelta(hours=9))
    ids = [
        store.make_record_id(NOW, 0, "a"),
        store.make_record_id(NOW, 0, "b"),
        store.make_record_id(NOW, 1, "a"),
        store.make_record_id(NOW + timedelta(microseconds=1), 0, "a"),
        store.make_record_id(NOW + timedelta(seconds=1), 0, "a"),
    ]
    assert len(set(ids)) == len(ids)
    assert ids[-1] == max(ids)
    assert store.make_record_id(NOW.astimezone(here), 0, "a").startswith("20260102T030405Z-seed0-")
