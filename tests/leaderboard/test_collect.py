import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from leaderboard_files import write_rows

from egoexobench.errors import DataError
from egoexobench.leaderboard.reproduced import ReproducedRow, read_reproduced_rows
from egoexobench.records.schema import Artifact, GitState, ScoreRecord
from egoexobench.records.store import read_record

Make = Callable[..., Path]
MakeScore = Callable[..., ScoreRecord]


def read_only_row(root: Path) -> ReproducedRow:
    (rows,) = read_reproduced_rows(root)
    return rows


def test_a_row_has_the_value_and_the_record_of_each_seed(
    make: Make, score: MakeScore, root: Path
) -> None:
    paths = [make(seed=seed, scores=(score(top1=40.0 + seed),)) for seed in (2, 0, 1)]
    (file,) = write_rows(paths, root)
    rows = read_only_row(root)
    fingerprint = rows.tracks[0].fingerprint
    metrics = [run.metrics[fingerprint]["hit_rate_at_1"] for run in rows.runs]
    assert [run.seed for run in rows.runs] == [0, 1, 2]
    assert [(metric.value, metric.low, metric.high) for metric in metrics] == [
        (40.0, 35.0, 45.0),
        (41.0, 36.0, 46.0),
        (42.0, 37.0, 47.0),
    ]
    assert {run.record for run in rows.runs} == {path.stem for path in paths}
    assert rows.runs[0].packages["torch"] == "2.13.0"
    assert isinstance(rows.runs[0].git, GitState)
    assert rows.tracks[0].text["version"] == 1
    assert rows.tracks[0].references["hit_rate_at_1"].oracle == 100.0
    assert file.parent == root / "reproduced"


def test_the_order_of_the_records_does_not_matter(make: Make, score: MakeScore, root: Path) -> None:
    paths = [make(seed=seed, later=seed % 2) for seed in range(4)]
    paths.append(make(seed=0, scores=(score("t2v"),), later=9))
    (file,) = write_rows(paths, root)
    first = file.read_bytes()
    write_rows(reversed(paths), root)
    assert file.read_bytes() == first


def test_equal_scores_of_a_seed_are_one_and_the_others_are_added(
    make: Make, score: MakeScore, root: Path
) -> None:
    old = make(scores=(score("eg2ex", top1=30.0), score("ex2eg", top1=20.0)))
    new = make(scores=(score("eg2ex", top1=30.0),), later=60)
    write_rows([new, old], root)
    rows = read_only_row(root)
    values = {
        (run.record, track.task): run.metrics[track.fingerprint]["hit_rate_at_1"].value
        for run in rows.runs
        for track in rows.tracks
        if track.fingerprint in run.metrics
    }
    assert values == {(new.stem, "eg2ex"): 30.0, (old.stem, "ex2eg"): 20.0}


def test_two_records_of_a_seed_that_differ_are_refused(
    make: Make, score: MakeScore, root: Path
) -> None:
    paths = [make(scores=(score(top1=top1),), later=int(top1)) for top1 in (10.0, 30.0)]
    with pytest.raises(
        DataError, match=r"seed 0 differ in eg2ex gallery: hit_rate_at_1 is 10.*30"
    ) as error:
        write_rows(paths, root)
    assert all(path.stem in str(error.value) for path in paths)
    assert str(error.value).endswith("leave one of them out")  # --name is of `score` alone
    assert not (root / "reproduced").exists()


def test_methods_overrides_and_data_sets_have_files_of_their_own(make: Make, root: Path) -> None:
    paths = [
        make("soundbridge"),
        make("soundbridge:residual=none"),
        make("soundbridge", overrides={"anchor": "sound"}),
        make("soundbridge", dataset="synthetic"),
        make("egoexo"),
    ]
    files = write_rows(paths, root)
    assert len({file.name for file in files}) == len(paths)
    assert all("/" not in file.name and ":" not in file.name for file in files)


def test_a_failed_run_is_ignored(make: Make, root: Path) -> None:
    assert write_rows([make(status="failed")], root) == []


def test_seeds_of_different_tracks_do_not_make_one_row(
    make: Make, score: MakeScore, root: Path
) -> None:
    one = make(seed=0, scores=(score(fingerprint="a" * 64),))
    two = make(seed=1, scores=(score(fingerprint="b" * 64, version=2),))
    with pytest.raises(DataError, match=r"(a{12} and b{12}|b{12} and a{12}) differ in version"):
        write_rows([one, two], root)
    assert not (root / "reproduced").exists()


@pytest.mark.parametrize("field", ["method", "dataset"])
def test_seeds_of_different_code_or_data_do_not_make_one_row(
    make: Make, root: Path, field: str
) -> None:
    from egoexobench.records.store import read_record, write_record

    one = make(seed=0)
    other = read_record(make(seed=1))
    part = getattr(other, field).model_copy(update={"fingerprint": "another"})
    two = write_record(other.model_copy(update={field: part}), (), root.parent / "more")
    with pytest.raises(DataError, match="another"):
        write_rows([one, two], root)


def test_a_number_on_its_own_line_keeps_every_digit(
    make: Make, score: MakeScore, root: Path
) -> None:
    (file,) = write_rows([make(scores=(score(top1=100 / 3),))], root)
    value, low, high = 100 / 3, 100 / 3 - 5, 100 / 3 + 5
    numbers = f'"value": {value!r}, "low": {low!r}, "high": {high!r}'
    assert f'"hit_rate_at_1": {{{numbers}, ' in file.read_text()
    row = read_only_row(root)
    assert row.runs[0].metrics[row.tracks[0].fingerprint]["hit_rate_at_1"].value == value


def test_text_with_brackets_and_breaks_survives_the_compact_layout(
    make: Make, score: MakeScore, root: Path
) -> None:
    odd = 'a [\n {"x": 1}\n ] } \\n "quoted"'
    (file,) = write_rows([make(scores=(score(template=odd, listed=[1, [2, odd]]),))], root)
    text = read_only_row(root).tracks[0].text
    assert (text["template"], text["listed"]) == (odd, [1, [2, odd]])
    assert file.read_text().endswith("}\n")


def test_a_row_that_was_broken_by_hand_is_named(make: Make, root: Path) -> None:
    (file,) = write_rows([make()], root)
    file.write_text(file.read_text().replace('"seed": 0', '"seed": "zero"'))
    with pytest.raises(DataError, match=rf"{file.name}: runs\.0\.seed"):
        read_reproduced_rows(root)


def test_two_seeds_with_the_same_embeddings_are_refused(make: Make, root: Path) -> None:
    def make_run(seed: int, content: str) -> Path:
        record = read_record(make(seed=seed, later=seed))
        file = f"{record.id}.embeddings.safetensors"
        digest = hashlib.sha256(content.encode()).hexdigest()
        named = (*record.artifacts, Artifact(file=file, sha256=digest))
        path = record_folder / f"{record.id}.json"
        path.with_name(file).write_text(content)
        path.with_name(f"{record.id}.ranks.jsonl").write_text("")
        path.write_text(record.model_copy(update={"artifacts": named}).model_dump_json())
        return path

    record_folder = root.parent / "copies"
    record_folder.mkdir()
    first = make_run(0, "a")
    write_rows([first, make_run(1, "b")], root)
    with pytest.raises(DataError, match=r"have the same embeddings, but the seeds 0 and 2"):
        write_rows([first, make_run(2, "a")], root)
