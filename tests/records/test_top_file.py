"""The file of top candidates comes back as it was written, and is checked when it is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from egoexobench.errors import DataError
from egoexobench.records.artifacts import hash_artifact
from egoexobench.records.bundle import BundleFiles, write_bundle
from egoexobench.records.queries_file import ScoredQueries
from egoexobench.records.schema import QueryRank, Record
from egoexobench.records.store import read_record, write_record
from egoexobench.records.top_file import TopCandidates, iter_top_candidates, round_score

pytestmark = pytest.mark.usefixtures("invented_records")
SOURCES = ("p1/ego", "p2/ego", "line\u2028separator", "},{")
TOP = [
    TopCandidates(
        task="eg2ex",
        policy="mcq20",
        source=source,
        positives=("p1/exo",),
        candidates=(("p2/exo", round_score(0.9876543)), ("p1/exo", -1.0)),
    )
    for source in SOURCES
]


@pytest.fixture
def path(record: Record, rank: QueryRank, tmp_path: Path) -> Path:
    ranks = [rank.model_copy(update={"source": source}) for source in SOURCES]
    files = BundleFiles(ScoredQueries(), {}, None, top=TOP)
    return write_bundle(record, ranks, files, tmp_path)


def edit_top(path: Path, record: Record, change: Callable[[str], str]) -> Record:
    """Change the file and its hash in the record, and return the record."""
    file = path.with_name(f"{record.id}.top.jsonl")
    file.write_text(change(file.read_text()))
    artifact = record.artifacts[0].model_copy(
        update={"file": file.name, "sha256": hash_artifact(file)}
    )
    return record.model_copy(update={"artifacts": (artifact,)})


def test_top_candidates_come_back_in_their_order(path: Path) -> None:
    assert list(iter_top_candidates(path, read_record(path))) == TOP


def test_a_record_without_the_file_has_none(
    record: Record, rank: QueryRank, tmp_path: Path
) -> None:
    path = write_record(record, [rank], tmp_path)
    assert not list(iter_top_candidates(path, read_record(path)))


def test_a_changed_file_is_refused_by_every_reader(path: Path) -> None:
    record = read_record(path)
    file = path.with_name(f"{record.id}.top.jsonl")
    file.write_text(file.read_text().replace("-1.0", "1.0", 1))
    with pytest.raises(DataError, match=r"top\.jsonl.*hash differs"):
        read_record(path)
    with pytest.raises(DataError, match=r"top\.jsonl.*hash differs"):
        list(iter_top_candidates(path, record))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"p2/ego"', "7", r"line 2: source: .*found '7'"),
        (
            '"source":"p2/ego"',
            '"source":"p2/ego","source":"p3/ego"',
            "line 2: 'source' stands twice",
        ),
        ("-1.0]]", "NaN]]", "line 1: "),
        ('[["p2/exo",0.987654],["p1/exo",-1.0]]', '[["p2/exo"]]', "line 1: candidates"),
        ("\n{", ",{", "line 1: not JSON"),
    ],
)
def test_a_wrong_line_is_named(path: Path, old: str, new: str, message: str) -> None:
    record = edit_top(path, read_record(path), lambda text: text.replace(old, new, 1))
    with pytest.raises(DataError, match=message):
        list(iter_top_candidates(path, record))
