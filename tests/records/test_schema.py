import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from egoexobench.evaluation.results import Metric
from egoexobench.records.field_types import strip_absolute_paths
from egoexobench.records.schema import Record, ScoreRecord, record_json_schema

NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,8}", fullmatch=True)


def test_a_record_comes_back_from_its_json_unchanged(record: Record) -> None:
    again = Record.model_validate_json(record.model_dump_json())
    assert again == record
    assert again.model_dump_json() == record.model_dump_json()
    assert [type(v) for v in again.method.parts[0].options.values()][:2] == [int, bool]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema_version", 3),
        ("status", "done"),
        ("created", "2026-01-02T03:04:05"),
        ("seed", "3"),
        ("seed", 3.5),
        ("id", "../../etc/passwd"),
        ("unheard_of", 1),
    ],
)
def test_a_field_that_does_not_fit_is_refused(record: Record, field: str, value: Any) -> None:
    fields = json.loads(record.model_dump_json()) | {field: value}
    with pytest.raises(ValidationError, match=field):
        Record.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_is_a_finite_number(score: ScoreRecord, value: float) -> None:
    with pytest.raises(ValidationError):
        ScoreRecord.model_validate(
            score.model_dump() | {"by_subset": {}, "metrics": {"mrr": Metric(value, unit="1")}}
        )


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/home/me/runs", ".../runs"),
        ("--out=/home/me/runs/", "--out=.../runs"),
        ("folder:path=/home/me/clips,fps=8", "folder:path=.../clips,fps=8"),
        ('folder:path="/home/me, you/my clips",fps=8', 'folder:path=".../my clips",fps=8'),
        ('lavila:weights="/home/me/a,b ""c"".pth"', 'lavila:weights=".../a,b ""c"".pth"'),
        ("~/clips", ".../clips"),
        ("~me/clips", ".../clips"),
        ("folder:path=C:\\Users\\me\\clips", "folder:path=.../clips"),
        ("\\\\server\\share\\clips", ".../clips"),
        ("weights=file:///home/me/w.pt", "weights=.../w.pt"),
        ("no file (/home/me/w.pt)", "no file (.../w.pt)"),
        ("folder:path=clips/mine", "folder:path=clips/mine"),
        ("openai:base_url=http://localhost:8000/v1", "openai:base_url=http://localhost:8000/v1"),
        ("synthetic:size=standard", "synthetic:size=standard"),
        ("1/2", "1/2"),
    ],
)
def test_an_absolute_path_is_cut_to_its_last_part(typed: str, expected: str) -> None:
    assert strip_absolute_paths(typed) == expected


@given(st.lists(NAMES, min_size=2, max_size=5), st.sampled_from(["", "path=", "a:b=1,path="]))
def test_no_folder_of_a_machine_survives(parts: list[str], lead: str) -> None:
    expected = strip_absolute_paths(f"{lead}/{'/'.join(parts)}")
    assert expected == f"{lead}.../{parts[-1]}"
    assert strip_absolute_paths(expected) == expected


def test_a_record_keeps_no_absolute_path_that_was_typed(record: Record) -> None:
    typed = "/home/me/secret/clips"
    fields = json.loads(record.model_dump_json())
    fields["command"] = ["egoexobench", f"folder:path={typed}"]
    fields["method"]["parts"][0]["options"] = {"path": typed, "paths": [typed]}
    fields["method"]["overrides"] = {"video": f"beats:weights={typed}"}
    fields["dataset"] |= {"spec": f"folder:path={typed}", "options": {"path": typed}}
    text = Record.model_validate_json(json.dumps(fields)).model_dump_json()
    assert "secret" not in text
    assert text.count(".../clips") == 6


def test_the_published_schema_names_every_field_and_forbids_others(record: Record) -> None:
    published = record_json_schema()
    written = set(json.loads(record.model_dump_json()))
    assert set(published["properties"]) == written | {"scorer_training"}
    assert "scorer_training" not in written  # only of a method whose scorer was trained
    assert published["additionalProperties"] is False
