"""What a row keeps of the checks of its runs, and what a table says of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from invented_records import write_audit

from egoexobench.errors import DataError
from egoexobench.leaderboard import run_source
from egoexobench.leaderboard.board_table import make_board_table
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.provenance import render_run_table
from egoexobench.leaderboard.render import render_table
from egoexobench.leaderboard.reproduced import ReproducedRow
from egoexobench.leaderboard.row_notes import (
    describe_checks,
    list_checks,
    list_row_notes,
    render_checks,
)
from egoexobench.leaderboard.run_source import read_run_sources
from egoexobench.leaderboard.table import TableColumn, build_table
from egoexobench.records.schema import Overlap, ScoreRecord, SplitOverlapRecord
from egoexobench.records.store import read_record
from egoexobench.types import TrackKey
from egoexobench.verification.result import Verification

Make = Callable[..., Path]


def build_row(*paths: Path) -> ReproducedRow:
    return build_reproduced_row(read_run_sources(paths))


@pytest.fixture
def verify_as(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the verification of every record say something."""

    def replace_result(*, differences: Sequence[str] = (), skipped: Sequence[str] = ()) -> None:
        def verify(
            paths: Sequence[Path], *, timeout_s: float | None = None
        ) -> tuple[Verification, ...]:
            return tuple(Verification(path, tuple(differences), tuple(skipped)) for path in paths)

        monkeypatch.setattr(run_source, "verify_bundles", verify)

    return replace_result


def test_a_row_keeps_the_hash_of_every_file_that_was_verified(make: Make) -> None:
    path = make()
    (run,) = build_row(path).runs
    assert run.verification is not None
    assert run.verification.files == {a.file: a.sha256 for a in read_record(path).artifacts}
    assert len(run.verification.record_sha256) == 64
    assert render_checks(list_checks(build_row(path))) == "verified"


def test_a_record_that_is_not_what_follows_is_refused(
    make: Make, verify_as: Callable[..., None]
) -> None:
    verify_as(differences=["hit_rate_at_1: 99.0 in the record, 50.0 recomputed"])
    with pytest.raises(DataError, match=r"1 of 1 records .*leave them out: .*99\.0 in the record"):
        read_run_sources([make()])


def test_what_could_not_be_recomputed_is_said(make: Make, verify_as: Callable[..., None]) -> None:
    verify_as(skipped=["ranks were not recomputed: no embeddings"])
    row = build_row(make())
    assert render_checks(list_checks(row)) == "verified in part"
    assert (
        describe_checks(row) == "1 of 1 records verified; ranks were not recomputed: no embeddings"
    )


def test_an_audit_of_the_same_method_data_and_seed_is_kept_with_its_verdict(make: Make) -> None:
    path = make()
    audit = write_audit(path)
    row = build_row(path, make(seed=1))
    (stored,) = row.runs[0].audits
    assert (stored.file, stored.passed, row.runs[1].audits) == (audit.name, True, ())
    assert render_checks(list_checks(row)) == "verified, audited"
    assert f"audit {stored.sha256[:12]} of seed 0 passed" in describe_checks(row)


def test_an_audit_that_failed_is_said(make: Make) -> None:
    path = make()
    write_audit(path, passed=False)
    row = build_row(path)
    assert render_checks(list_checks(row)) == "verified, **audit failed**"
    assert "failed: a part opens a.mp4 while clips are embedded" in describe_checks(row)


@pytest.mark.parametrize("changed", [{"seed": 7}, {"fingerprint": "another"}])
def test_an_audit_of_another_run_does_not_count(make: Make, changed: dict[str, object]) -> None:
    path = make()
    write_audit(path, **changed)
    assert render_checks(list_checks(build_row(path))) == "verified"


def test_a_row_of_before_has_no_mark(make: Make) -> None:
    row = build_row(make())
    runs = tuple(run.model_copy(update={"verification": None}) for run in row.runs)
    assert render_checks(list_checks(row.model_copy(update={"runs": runs}))) == "-"


def test_the_run_table_names_processor_platform_and_threads(make: Make) -> None:
    path = make()
    environment = read_record(path).environment.model_copy(
        update={"processor": "Invented 9000, AVX2", "num_threads": 4}
    )
    text = render_run_table([build_row(make("other", environment=environment))])
    assert "Invented 9000, AVX2, Linux x86\\_64 glibc 2.36, 4 threads" in text
    assert "1 of 1 records verified" in text


def test_overlap_and_unfair_questions_stand_below_the_table(
    make: Make, score: Callable[..., ScoreRecord]
) -> None:
    split = SplitOverlapRecord(
        dataset="scored", split="train", num_content=3, num_takes=4, num_narrations=0
    )
    counts = read_record(make()).counts.model_copy(update={"num_unfair": {"repeated answer": 2}})
    row = build_row(make("odd", overlap=Overlap(num_clips=40, splits=(split,)), counts=counts))
    assert len(list_row_notes(row)) == 2
    table = build_table([row], [TableColumn(TrackKey("eg2ex", "gallery"), "hit_rate_at_1")])
    text = render_table(make_board_table(table))
    assert "| odd (a) (b) " in text
    assert "- (a) Also in train: of 40 test clips, 3 by content and 4 by take." in text
    assert "2 repeated answer" in text
