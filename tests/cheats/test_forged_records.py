"""A record that was edited by hand is refused when it is read, or has differences in `verify`."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cheat_configs import make_config
from safetensors import safe_open
from safetensors.numpy import save_file

from egoexobench.errors import DataError
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.progress import NullProgress
from egoexobench.records.store import read_record
from egoexobench.registry import Registry
from egoexobench.verification.process import verify_bundles

Fields = dict[str, Any]
Forge = Callable[[Path, Fields], None]


@pytest.fixture(scope="module")
def record(
    cheats: Registry, shared_cache: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The record of an honest run."""
    out = tmp_path_factory.mktemp("runs")
    config = replace(make_config(folder, {}), tasks=("eg2ex", "t2v"), out=out)
    return run_experiment(config, RunContext(cheats, NullProgress())).path


def find_file(path: Path, fields: Fields, suffix: str) -> tuple[Path, Fields]:
    (artifact,) = (item for item in fields["artifacts"] if item["file"].endswith(suffix))
    return path.with_name(artifact["file"]), artifact


def hash_again(file: Path, artifact: Fields) -> None:
    artifact["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()


def edit_lines(path: Path, fields: Fields, suffix: str, edit: Callable[[list], list]) -> None:
    file, artifact = find_file(path, fields, suffix)
    rows = edit([json.loads(line) for line in file.read_text().splitlines()])
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    hash_again(file, artifact)


def get_metric(fields: Fields) -> Fields:
    return fields["scores"][0]["metrics"]["hit_rate_at_1"]


def raise_score(path: Path, fields: Fields) -> None:
    get_metric(fields).update(value=99.0, high=100.0)


def multiply_queries(path: Path, fields: Fields) -> None:
    fields["scores"][0]["num_queries"] = 10**9


def invert_interval(path: Path, fields: Fields) -> None:
    get_metric(fields).update(low=300.0, high=-5.0)


def narrow_interval(path: Path, fields: Fields) -> None:
    for score in fields["scores"]:
        metric = score["metrics"]["mrr"]
        metric.update(low=metric["value"], high=metric["value"])


def set_hits(path: Path, fields: Fields) -> None:
    def set_first(rows: list) -> list:
        first = {
            "optimistic": 1,
            "pessimistic": 1,
            "num_tied_positives": 1,
            "top1_probability": 1.0,
        }
        return [row | first for row in rows]

    edit_lines(path, fields, ".ranks.jsonl", set_first)
    for score in fields["scores"]:
        for part in (score, *score["by_subset"].values()):
            for name, metric in part["metrics"].items():
                best = 100.0 if "rate" in name else 1.0
                metric.update(value=best, low=best, high=best)


def delete_failed_queries(path: Path, fields: Fields) -> None:
    edit_lines(path, fields, ".ranks.jsonl", lambda rows: rows[::2])


def take_another_track(path: Path, fields: Fields) -> None:
    fields["scores"][0]["track_fingerprint"] = fields["scores"][1]["track_fingerprint"]


def hide_the_narration(path: Path, fields: Fields) -> None:
    fields["method"]["declared_inputs"]["text"] = []


def take_another_dataset(path: Path, fields: Fields) -> None:
    fields["dataset"]["fingerprint"] = "0123456789abcdef"


def lower_the_chance(path: Path, fields: Fields) -> None:
    get_metric(fields)["chance"] = 0.01


def edit_embeddings(path: Path, fields: Fields) -> None:
    file, artifact = find_file(path, fields, ".embeddings.safetensors")
    with safe_open(file, "np") as tensors:
        metadata = tensors.metadata()
        values = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    rng = np.random.default_rng(0)
    values = {name: rng.permutation(value) for name, value in values.items()}
    save_file(values, file, metadata)
    hash_again(file, artifact)


def edit_list(path: Path, fields: Fields) -> None:
    """Put another wrong candidate into the first list of candidates."""

    def replace_candidate(rows: list) -> list:
        first = next(row for row in rows if row["kind"] == "gallery")
        return [row | {"ids": [*row["ids"][:-1], "p/exo"]} if row is first else row for row in rows]

    edit_lines(path, fields, ".queries.jsonl", replace_candidate)


REFUSED: list[Forge] = [
    raise_score,
    multiply_queries,
    invert_interval,
    delete_failed_queries,
    take_another_track,
    hide_the_narration,
    take_another_dataset,
    lower_the_chance,
]
"""What whoever reads the record sees: a table, `compare` and `leaderboard` stop."""
DIFFERENT: list[Forge] = [
    narrow_interval,
    set_hits,
    edit_embeddings,
    edit_list,
]
"""What only the recomputation of `verify` sees."""


def make_forgery(record: Path, folder: Path, forge: Forge) -> Path:
    """A copy of a record and its files that was edited by hand."""
    copy = Path(shutil.copytree(record.parent, folder / "forged"), record.name)
    fields = json.loads(copy.read_text())
    forge(copy, fields)
    copy.write_text(json.dumps(fields))
    return copy


def test_a_copy_that_is_not_edited_is_read_and_verified(record: Path, tmp_path: Path) -> None:
    copy = make_forgery(record, tmp_path, lambda path, fields: None)
    assert read_record(copy) == read_record(record)
    (verification,) = verify_bundles([copy])
    assert verification.is_verified, verification.differences
    assert verification.skipped == ()


@pytest.mark.parametrize("forge", REFUSED)
def test_an_impossible_record_is_refused_when_it_is_read(
    record: Path, tmp_path: Path, forge: Forge
) -> None:
    copy = make_forgery(record, tmp_path, forge)
    with pytest.raises(DataError, match=record.stem):
        read_record(copy)


def test_verify_names_a_difference_of_each_forged_record(record: Path, tmp_path: Path) -> None:
    copies = [
        make_forgery(record, tmp_path / forge.__name__, forge) for forge in (*REFUSED, *DIFFERENT)
    ]
    accepted = [item.record.parents[1].name for item in verify_bundles(copies) if item.is_verified]
    assert accepted == []


def test_a_record_without_embeddings_says_what_was_not_recomputed(
    record: Path, tmp_path: Path
) -> None:
    def remove_embeddings(path: Path, fields: Fields) -> None:
        file, artifact = find_file(path, fields, ".embeddings.safetensors")
        file.unlink()
        fields["artifacts"].remove(artifact)

    (verification,) = verify_bundles([make_forgery(record, tmp_path, remove_embeddings)])
    assert any("embeddings" in line for line in verification.skipped)
