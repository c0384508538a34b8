"""An audit file of schema version 1 is read with the names of today."""

import json
from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file

from egoexobench.errors import DataError
from egoexobench.records.audit import Audit, BatchCheck, list_failures, read_audit, save_audit
from egoexobench.records.schema import DatasetRecord, DeclaredInputs, MethodRecord

# The warning about version 1 has a test of its own in tests/records/test_version_1.py.
pytestmark = pytest.mark.filterwarnings("ignore::egoexobench.errors.RenamedWarning")

METHOD = MethodRecord(
    name="plain",
    spec="plain",
    overrides={},
    scale="compact",
    parts=(),
    hyperparameters={},
    declared_inputs=DeclaredInputs(video=("video",), text=("narration",)),
    fingerprint="0" * 16,
)
DATASET = DatasetRecord(name="folder", spec="folder", options={}, fingerprint="1" * 16)
OLD_METHOD = {
    **METHOD.model_dump(mode="json", exclude={"hyperparameters", "declared_inputs"}),
    "hyper": {"lr": 0.1},
    "evidence": {"video": ["video"], "text": ["narration"]},
}
MOVEMENT = {"items": 8, "moved": 2, "largest": 0.5, "median": 0.1}


def make_old_audit(swap_verdict: str, check_verdict: str) -> dict:
    swap = {
        "embedding": "video",
        "modality": "video",
        "declared": True,
        "exchanged": 8,
        "movement": MOVEMENT,
        "verdict": swap_verdict,
    }
    check = {"change": "ids", "embedding": "video", "movement": MOVEMENT, "verdict": check_verdict}
    broken = {**check, "movement": None, "error": "KeyError", "verdict": "broke"}
    return {
        "schema_version": 1,
        "method": OLD_METHOD,
        "dataset": DATASET.model_dump(mode="json"),
        "seed": 0,
        "swaps": [swap],
        "shifts": [],
        "doors": [check, broken],
        "passed": False,
    }


@pytest.fixture
def read_old(tmp_path: Path):
    path = tmp_path / "audit-plain.json"

    def read(swap_verdict: str, check_verdict: str) -> Audit:
        path.write_text(json.dumps(make_old_audit(swap_verdict, check_verdict)))
        return read_audit(path)

    return read


def test_fields_of_version_1_are_read_under_their_new_names(read_old) -> None:
    audit = read_old("used", "shut")
    assert audit.schema_version == 2
    assert audit.method.hyperparameters == {"lr": 0.1}
    assert audit.method.declared_inputs == METHOD.declared_inputs
    (swap,), (check, broken) = audit.swaps, audit.invariances
    assert (swap.num_changed, swap.verdict) == (8, "used")
    assert swap.shift == check.shift
    assert (swap.shift.num_items, swap.shift.num_moved) == (8, 2)
    assert (swap.shift.max, swap.shift.median) == (0.5, 0.1)
    assert (broken.shift, broken.error, broken.verdict) == (None, "KeyError", "error")


def test_verdicts_of_version_1_are_read_as_the_verdicts_of_today(read_old) -> None:
    swaps = {"faint": "weak", "dead": "ignored", "alike": "indistinguishable", "leak": "leak"}
    for old, new in swaps.items():
        assert read_old(old, "shut").swaps[0].verdict == new
    checks = {
        "shut": "invariant",
        "open": "dependent",
        "jumps": "discontinuous",
        "unsteady": "nondeterministic",
    }
    for old, new in checks.items():
        assert read_old("used", old).invariances[0].verdict == new


def test_an_audit_that_is_written_is_read_again(read_old, tmp_path: Path) -> None:
    audit = read_old("used", "open")
    assert read_audit(save_audit(audit, tmp_path)) == audit


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_audit_is_refused_in_one_line_that_names_it(
    read_old, tmp_path: Path, damage: str, seed: int
) -> None:
    path = save_audit(read_old("used", "open"), tmp_path)
    damage_file(path, damage, seed)
    with pytest.raises(DataError) as error:
        read_audit(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_network_is_not_blamed_for_the_tokens_of_an_encoder(read_old) -> None:
    checks = [
        BatchCheck(
            condition=condition,
            part=part,
            role=role,
            stage=stage,
            num_items=8,
            num_moved=8,
            max=1.0,
            tolerance=1e-4,
            farthest="p1/ego",
            verdict="batch_dependent",
        )
        for condition, part, role, stage in (
            ("alone", "encoder", "audio", "tokens"),
            ("alone", "fusion", "video", "embedding"),
            ("alone", "text fusion", "text", "embedding"),
            ("order", "fusion", "video", "embedding"),
        )
    ]
    audit = read_old("used", "shut").model_copy(update={"invariances": (), "batches": checks})
    lines = [line.partition(",")[0] for line in list_failures(audit)]
    assert lines == ["encoder: alone", "text fusion: alone", "fusion: in another order"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"passed": True}, "passed: True, where 1 verdicts fail"),
        ({"swaps": []}, "an audit has at least one of each"),
        ({"invariances": []}, "an audit has at least one of each"),
    ],
)
def test_an_audit_that_was_edited_is_refused(
    read_old, tmp_path: Path, changed: dict, message: str
) -> None:
    path = save_audit(read_old("used", "shut"), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(DataError, match=message):
        read_audit(path)


def test_an_undeclared_input_that_moves_embeddings_is_a_leak(read_old, tmp_path: Path) -> None:
    path = save_audit(read_old("used", "shut"), tmp_path)
    fields = json.loads(path.read_text())
    fields["swaps"][0] |= {"declared": False, "verdict": "unused"}
    path.write_text(json.dumps(fields))
    with pytest.raises(DataError, match=r"swaps\.video\.video\.verdict: 'unused'"):
        read_audit(path)
