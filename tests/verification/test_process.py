"""The process that verifies: what reaches it, and what it says."""

from pathlib import Path

from egoexobench.verification.process import verify_bundles


def test_no_path_needs_no_process() -> None:
    assert verify_bundles([]) == ()


def test_a_file_that_is_no_record_is_one_difference(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    (result,) = verify_bundles([tmp_path / "record.json"])
    assert not result.is_verified
    assert "record.json" in result.differences[0]
