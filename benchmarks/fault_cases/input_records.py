"""Mutated records, audits and the files beside a record."""

from __future__ import annotations

import json
from pathlib import Path

from fault_cases.mutated_input import MutatedInput
from fault_cases.mutations import mutate_bytes, mutate_value
from fault_cases.outcome import FaultCase
from fault_cases.recipes import RECORD, TRAINED_RECORD

COMMANDS = (
    ("verify", RECORD),
    ("verify", RECORD),
    ("compare", RECORD, TRAINED_RECORD),
    ("compare", "runs", "--json"),
    ("leaderboard", "runs", "--root", "tables"),
    ("show-retrieval", RECORD, "--query", "hardest", "--out", "out.png"),
    ("show-recognition", RECORD, "--query", "hardest", "--out", "out.png"),
    ("run", "--from", RECORD, "--out", "out"),
)


def make_record(case: FaultCase) -> MutatedInput:
    """Return a command on a record or an audit with a field that was changed."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache", "runs")
    command = rng.choice(COMMANDS)
    path = case.folder / RECORD
    if command[0] == "leaderboard" and rng.random() < 0.3:
        path = next((case.folder / "runs").glob("audit-*.json"))
    value = json.loads(path.read_text(encoding="utf-8"))
    changed, location = mutate_value(value, rng)
    if rng.random() < 0.3:
        changed, more = mutate_value(changed, rng)
        location += f", {more}"
    text = json.dumps(changed)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return MutatedInput(command, (f"{path.name}: {location}",))


def make_record_file(case: FaultCase) -> MutatedInput:
    """Return a command on a record beside which the bytes of a file were changed."""
    rng = case.create_random()
    case.material.copy_to(case.folder, "cache", "runs")
    path = rng.choice(sorted((case.folder / "runs").iterdir()))
    note = _change_lines(path, case) if path.suffix == ".jsonl" and rng.random() < 0.5 else ""
    if not note:
        data, note = mutate_bytes(path.read_bytes(), rng)
        path.write_bytes(data)
    commands = [command for command in COMMANDS if command[0] != "verify"]
    if rng.random() < 0.4 and not path.name.startswith("audit-"):
        # every file beside a record has its checksum in it, and every number can be recomputed
        return MutatedInput(
            ("verify", "runs"), (f"{path.name}: {note}",), must_fail=path.suffix != ".json"
        )
    return MutatedInput(rng.choice(commands), (f"{path.name}: {note}",))


def _change_lines(path: Path, case: FaultCase) -> str:
    rng = case.create_random()
    lines = path.read_text(encoding="utf-8").splitlines()
    index = rng.randrange(len(lines))
    before = lines[index]
    changed, note = mutate_value(json.loads(before), rng)
    lines[index] = json.dumps(changed)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return f"line {index}: {note}" if lines[index] != before else ""
