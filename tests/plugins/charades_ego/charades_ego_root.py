"""A tiny folder in the layout of CharadesEgo version 1, with texts of our own."""

import csv
from collections.abc import Iterable
from pathlib import Path

HEADER = (
    "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length,"
    "egocentric,charades_video"
).split(",")
SCENES = ("Kitchen", "Garage", "Other")


def make_row(name: str, script: str = "Somebody hums.", **cells: object) -> dict[str, object]:
    """A row of version 1."""
    is_ego = name.endswith("EGO")
    defaults: dict[str, object] = {
        "id": name,
        "subject": "S1",
        "scene": "Kitchen",
        "quality": 6,
        "relevance": 7,
        "verified": "Yes",
        "script": script,
        "objects": "kettle",
        "descriptions": "a; b",
        "actions": "c001 0.50 4.00;c150 1.0 9.25",
        "length": 10.5,
        "egocentric": "Yes" if is_ego else "No",
        "charades_video": name.removesuffix("EGO") if is_ego else "",
    }
    return defaults | cells


def make_pair_rows(name: str, script: str, **cells: object) -> list[dict[str, object]]:
    """The rows of a pair."""
    return [make_row(name, script, **cells), make_row(f"{name}EGO", script, **cells)]


def make_rows(prefix: str, count: int) -> list[dict[str, object]]:
    """Rows of pairs with different scripts, in three scenes."""
    return [
        row
        for i in range(count)
        for row in make_pair_rows(f"{prefix}{i:03}", f"Act {i} of {prefix}.", scene=SCENES[i % 3])
    ]


def write_table(path: Path, rows: Iterable[dict[str, object]]) -> Path:
    """Write a table of version 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows([row[name] for name in HEADER] for row in rows)
    return path


def write_charades_root(root: Path, *, train: int = 120, test: int = 24) -> Path:
    """Write a complete valid folder; with fewer than 20 test pairs it has no lists."""
    write_table(root / "CharadesEgo_v1_train.csv", make_rows("TR", train))
    write_table(root / "CharadesEgo_v1_test.csv", make_rows("TE", test))
    return root
