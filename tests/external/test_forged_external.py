"""A record of given embeddings or answers that was edited is refused, or differs in `verify`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from forged_bundle import ForgedBundle, copy_bundle

import egoexobench as ee
from egoexobench.errors import DataError
from egoexobench.evaluation.answers import make_query_ids
from egoexobench.evaluation.queries import build_queries
from egoexobench.records.store import read_record
from egoexobench.verification.process import verify_bundles

Fields = Any
Forge = Callable[[ForgedBundle], None]


def edit(change: Callable[[Fields], object]) -> Forge:
    return lambda bundle: bundle.edit_record(change)


def swap_rows(tensors: Fields, header: Fields) -> None:
    tensors["videos"] = tensors["videos"].roll(1, 0).contiguous()


def reverse_answers(rows: list[Fields]) -> list[Fields]:
    return [row | {"order": row["order"][::-1]} for row in rows]


def drop_metrics(fields: Fields) -> None:
    for score in (*fields["scores"], *fields["references"][0]["scores"]):
        score["metrics"] = {"hit_rate_at_1": score["metrics"]["hit_rate_at_1"]}


def hide_the_source(fields: Fields) -> None:
    fields["method"]["external"] = None
    fields["method"]["scale"] = "compact"


def add_a_check(fields: Fields) -> None:
    numbers = {"num_clips": 8, "num_texts": 4, "num_encoded": 4}
    fields["consistency"] = numbers | {"tolerance": 1e-3, "largest_deviation": 1e-6}


REFUSED: dict[str, Forge] = {
    "another claim": edit(lambda f: f["method"]["declared_inputs"].update(video=["audio"])),
    "no claim": edit(lambda f: f["method"]["external"].update(evidence="unknown")),
    "other authors": edit(lambda f: f["method"]["external"].update(authors="We")),
    "other content": edit(lambda f: f["method"]["external"].update(content="0" * 64)),
    "another name": edit(lambda f: f["method"].update(name="mine", spec="mine")),
    "another scale": edit(lambda f: f["method"].update(scale="paper")),
    "a run": edit(hide_the_source),
    "a check": edit(add_a_check),
    "settings": edit(lambda f: f["method"].update(hyperparameters={"num_frames": 8})),
    "a training set": edit(lambda f: f.update(trained_on=f["dataset"])),
}
DIFFERENT: dict[str, Forge] = {
    "embeddings": lambda bundle: bundle.edit_tensors("embeddings.safetensors", swap_rows),
}
DIFFERENT_ANSWERS: dict[str, Forge] = {
    "answers": lambda bundle: bundle.edit_lines("answers.jsonl", reverse_answers),
    "fewer answers": lambda bundle: bundle.edit_lines("answers.jsonl", lambda rows: rows[1:]),
    "foreign candidate": lambda bundle: bundle.edit_lines(
        "answers.jsonl", lambda rows: [row | {"order": ["nobody"]} for row in rows]
    ),
    "metrics": edit(drop_metrics),
    "no answers file": lambda bundle: bundle.get_file("answers.jsonl").unlink(),
}


@pytest.fixture(scope="session")
def embedded_record(
    honest_run: Any, dataset: str, external_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(external_cache))
        return ee.score(
            honest_run.path.with_suffix(".embeddings.safetensors"),
            dataset=dataset,
            tasks="eg2ex",
            evidence="video",
            name="theirs",
            out=tmp_path_factory.mktemp("embedded"),
            progress=False,
        ).path


@pytest.fixture(scope="session")
def answered_record(
    dataset: str, external_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(external_cache))
        queries = build_queries(ee.dataset(dataset), "test", "eg2ex", "gallery")
        ids = make_query_ids("eg2ex", "gallery", queries)
        return ee.score(
            answers={name: {"order": [0, 1, 2, 3]} for name in ids},
            dataset=dataset,
            out=tmp_path_factory.mktemp("answered"),
            progress=False,
        ).path


def test_copies_that_are_not_edited_are_verified(
    embedded_record: Path, answered_record: Path
) -> None:
    for result in verify_bundles([embedded_record, answered_record]):
        assert result.is_verified, result.differences
        assert result.skipped == ()


@pytest.mark.parametrize("name", REFUSED)
def test_a_record_that_contradicts_itself_is_not_read(
    embedded_record: Path, tmp_path: Path, name: str
) -> None:
    bundle = copy_bundle(embedded_record, tmp_path)
    REFUSED[name](bundle)
    with pytest.raises(DataError, match=embedded_record.stem):
        read_record(bundle.record)


def test_verify_names_a_difference_of_each_forged_record(
    embedded_record: Path, answered_record: Path, tmp_path: Path
) -> None:
    copies = []
    for record, forgeries in (
        (embedded_record, REFUSED | DIFFERENT),
        (answered_record, DIFFERENT_ANSWERS),
    ):
        for name, forge in forgeries.items():
            folder = tmp_path / name
            folder.mkdir()
            bundle = copy_bundle(record, folder)
            forge(bundle)
            copies.append(bundle.record)
    accepted = [item.record.parent.name for item in verify_bundles(copies) if item.is_verified]
    assert accepted == []


def test_a_record_without_its_answers_says_what_was_not_recomputed(
    answered_record: Path, tmp_path: Path
) -> None:
    bundle = copy_bundle(answered_record, tmp_path)
    bundle.drop_file("answers.jsonl")
    (result,) = verify_bundles([bundle.record])
    assert result.is_verified, result.differences
    assert result.skipped == ("ranks were not recomputed: no answers",)


def test_the_leaderboard_marks_the_row_and_accepts_it_again(
    embedded_record: Path, answered_record: Path, tmp_path: Path
) -> None:
    from egoexobench.leaderboard.build_row import build_reproduced_row
    from egoexobench.leaderboard.dataset_page import render_dataset_page
    from egoexobench.leaderboard.reproduced import read_reproduced_row, to_json
    from egoexobench.leaderboard.run_source import read_run_sources

    rows = []
    for record in (embedded_record, answered_record):
        row = build_reproduced_row(read_run_sources([record]))
        file = tmp_path / f"{record.stem}.json"
        file.write_text(to_json(row))
        rows.append(read_reproduced_row(file))
    page = render_dataset_page("folder", rows, submitted=(), mix_protocols=True)
    for kind, inputs in (("embeddings", "video; narration (claimed)"), ("answers", "unknown")):
        line = next(line for line in page.splitlines() if f"**{kind} given, not audited**" in line)
        assert inputs.split(";")[0] in line
    assert "(a) embeddings given, not audited: computed from video" in page.replace("\\", "")
    forged = json.loads(to_json(rows[0]))
    forged["method"]["external"]["authors"] = "Others"
    file.write_text(json.dumps(forged))
    with pytest.raises(DataError, match=r"method\.fingerprint"):
        read_reproduced_row(file)
