"""Files of schema version 1, as they were written then, are read with every number unchanged."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from egoexobench.errors import DataError, RenamedWarning
from egoexobench.leaderboard.build_row import build_reproduced_row
from egoexobench.leaderboard.collect import upgrade_row_texts
from egoexobench.leaderboard.reproduced import SeedRun, read_reproduced_row
from egoexobench.leaderboard.run_source import RunSource
from egoexobench.method import ROLES, SETTINGS
from egoexobench.records.store import iter_ranks, read_record
from egoexobench.records.version_1 import METRIC_NAMES, hash_track, upgrade_record

# The warning about version 1 has a test of its own in tests/records/test_version_1.py.
pytestmark = pytest.mark.filterwarnings("ignore::egoexobench.errors.RenamedWarning")

FOLDER = Path(__file__).parent / "version_1"
RECORD = FOLDER / "record.json"
ROW = FOLDER / "reproduced_row.json"
COMMITTED = sorted((Path(__file__).parents[2] / "leaderboards" / "reproduced").glob("*.json"))


def rename_metric(name: str) -> str:
    return METRIC_NAMES.get(name, name)


@pytest.fixture
def old_record() -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(RECORD.read_text())
    return fields


def test_every_metric_of_an_old_record_has_its_numbers(old_record: dict[str, Any]) -> None:
    record = read_record(RECORD)
    assert record.schema_version == 2
    old_scores = old_record["scores"] + [
        score for reference in old_record["sanity"] for score in reference["scores"]
    ]
    scores = [*record.scores, *(score for item in record.references for score in item.scores)]
    assert len(scores) == len(old_scores) > 4
    for old, new in zip(old_scores, scores, strict=True):
        for old_metric in old["metrics"]:
            metric = new.metrics[rename_metric(old_metric["name"])]
            for field in ("value", "low", "high", "chance", "majority", "unit"):
                assert getattr(metric, field) == old_metric[field]
        assert len(new.metrics) == len(old["metrics"])
        assert list(new.by_subset) == [part["name"] for part in old["parts"]]
        assert new.num_queries == old["n"]
        assert new.candidate_range == tuple(old["candidates"])


def test_counts_of_an_old_record_have_their_new_names(old_record: dict[str, Any]) -> None:
    record = read_record(RECORD)
    assert record.captions is not None
    assert record.captions.num_narrations == old_record["captions"]["narrations"] > 0
    assert record.counts.num_clips == old_record["counts"]["clips"]
    assert record.environment.num_cpus == old_record["environment"]["cpus"]
    assert record.method.hyperparameters["dropout"] == old_record["method"]["hyper"]["dropout"]
    assert record.method.declared_inputs.video == ("video", "audio")
    assert record.checkpoint_selection is not None
    assert record.checkpoint_selection.validation_value == old_record["chosen_on"]["value"]
    assert [item.file for item in record.artifacts] == [f"{record.id}.ranks.jsonl"]


def test_a_policy_that_was_renamed_has_the_fingerprint_that_a_run_computes_today() -> None:
    policies = {score.policy: score for score in read_record(RECORD).scores}
    assert set(policies) == {"gallery", "both-views", None}
    for score in policies.values():
        assert score.track["policy"] == score.policy
        assert score.track_fingerprint == hash_track(score.track)


def test_every_rank_of_an_old_record_has_its_numbers() -> None:
    ranks = list(iter_ranks(RECORD))
    (file,) = FOLDER.glob("*.ranks.jsonl")
    old_ranks = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(ranks) == len(old_ranks) > 0
    for old, new in zip(old_ranks, ranks, strict=True):
        assert (new.source, list(new.positives)) == (old["source"], old["answers"])
        assert (new.optimistic, new.pessimistic) == (old["optimistic"], old["pessimistic"])
        assert (new.num_positives, new.num_tied_positives) == (old["right"], old["level"])
        assert (new.num_candidates, new.top1_probability) == (old["candidates"], old["hit"])


ADDED_TO_RUNS = ("command", "platform", "num_threads")
"""What rows did not store."""


def test_an_old_row_is_the_row_that_its_old_record_gives_today() -> None:
    row = build_reproduced_row([RunSource(read_record(RECORD))])
    runs = []
    for run in row.runs:
        fields = SeedRun.model_fields
        added = {name: fields[name].get_default() for name in ADDED_TO_RUNS}
        runs.append(run.model_copy(update=added))
    assert read_reproduced_row(ROW) == row.model_copy(update={"runs": tuple(runs)})


def test_an_upgraded_row_is_rewritten_once_and_reads_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "reproduced"
    folder.mkdir()
    shutil.copy(ROW, folder)
    changes = upgrade_row_texts(tmp_path)
    (removed,) = (name for name, text in changes.items() if text is None)
    ((name, text),) = ((name, text) for name, text in changes.items() if text is not None)
    assert removed == ROW.name  # the row has another name today
    (folder / removed).unlink()
    path = folder / name
    path.write_text(text, encoding="utf-8")
    assert path.name.startswith("soundbridge-epochs-1-frame-sampling-egoexolearn-")
    assert json.loads(path.read_text())["schema_version"] == 2
    assert read_reproduced_row(path) == read_reproduced_row(ROW)
    assert upgrade_row_texts(tmp_path) == {}


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name.partition(".")[0])
def test_a_committed_row_has_the_fingerprints_of_its_track_texts(path: Path) -> None:
    for track in read_reproduced_row(path).tracks:
        assert track.fingerprint == hash_track(track.text)


@pytest.mark.parametrize("field", ["scores", "method", "counts"])
def test_an_old_record_that_is_broken_is_one_line_with_its_name(
    old_record: dict[str, Any], tmp_path: Path, field: str
) -> None:
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(old_record | {field: 3}))
    with pytest.raises(DataError, match=r"broken\.json: a field of schema version 1 is wrong"):
        read_record(path)


def test_a_method_of_an_old_record_has_its_new_names(old_record: dict[str, Any]) -> None:
    fields = json.loads(json.dumps(old_record["method"]))
    fields["overrides"] = {"video": "cells:grid=2", "blocks": "none", "epochs": "3"}
    method = upgrade_record(old_record | {"method": fields})["method"]
    assert method["overrides"] == {
        "video": "color-grid:grid=2",
        "num_layers": "0",
        "project": "false",
        "epochs": "3",
    }
    old, new = fields["hyper"], method["hyperparameters"]
    assert new["embed_dim"] == old["width"]
    assert new["share_view_weights"] is not old["view_weights"]
    assert (new["num_layers"], new["project"]) == (old["blocks"], True)
    assert set(new) <= set(SETTINGS)
    assert {part["role"] for part in method["parts"]} <= set(ROLES)
    assert {"color-grid", "random-word-vectors"} <= {part["name"] for part in method["parts"]}


@pytest.mark.parametrize("read", [read_record, lambda path: list(iter_ranks(path))])
def test_an_old_record_is_read_with_one_warning_that_names_it(read: Any) -> None:
    with pytest.warns(RenamedWarning, match="record.json has schema version 1") as warned:
        read(RECORD)
    assert len(warned) == 1
