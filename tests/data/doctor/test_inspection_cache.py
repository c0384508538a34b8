"""What an inspection said is read back as it was written, or the file is inspected again."""

from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file

from egoexobench.checksum import append_lines
from egoexobench.data.doctor.inspect_media import FileReport, ReadingRule, SpanReport
from egoexobench.data.doctor.inspection_cache import InspectionCache
from egoexobench.errors import NoticeWarning

SPANS = [(0.0, 1.0), (1.0, None)]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileReport:
    """The stored report of a film with two spans."""
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    stat = film.stat()
    report = FileReport(
        path=str(film),
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        ctime_ns=stat.st_ctime_ns,
        spans=tuple(SpanReport(start=start, end=end) for start, end in SPANS),
    )
    return InspectionCache().put(report)


@pytest.mark.filterwarnings("error")
def test_a_report_is_read_back_until_its_file_changes(report: FileReport) -> None:
    cached = InspectionCache().get(report.path, SPANS)
    assert (cached.report, cached.missing_spans) == (report, [])
    Path(report.path).write_bytes(b"flim")
    assert InspectionCache().get(report.path, SPANS).report is None


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "empty"])
def test_a_damaged_report_is_not_used_and_one_line_names_it(
    report: FileReport, damage: str
) -> None:
    damage_file(InspectionCache().path, damage)
    cache = InspectionCache()
    with pytest.warns(NoticeWarning, match=f"{cache.path} is damaged") as lines:
        inspections = [cache.get(report.path, SPANS) for _ in range(2)]
    assert [(item.report, item.missing_spans) for item in inspections] == [(None, SPANS)] * 2
    assert len(lines) == 1


@pytest.mark.filterwarnings("error")
def test_damage_that_nobody_needs_is_not_spoken_of(report: FileReport) -> None:
    path = InspectionCache().path
    path.write_bytes(path.read_bytes()[:40])
    InspectionCache().put(report)
    assert InspectionCache().get(report.path, SPANS).missing_spans == []


@pytest.mark.parametrize("payload", ["{}", "[1]", '"x"', None])
def test_a_report_of_another_rule_is_not_used(report: FileReport, payload: str | None) -> None:
    other = InspectionCache(ReadingRule(num_frames=99))
    if payload is None:
        other.put(report)
    else:
        append_lines(other.path, [payload])
    path = other.path.replace(InspectionCache().path)
    cache = InspectionCache()
    with pytest.warns(NoticeWarning, match=f"{path} is damaged"):
        assert cache.get(report.path, SPANS).report is None
