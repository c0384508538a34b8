"""A tiny folder in the layout of CharadesEgo version 1, written out of our own words."""

import csv
from collections.abc import Iterable
from pathlib import Path

HEADER = (
    "id,subject,scene,quality,relevance,verified,script,objects,descriptions,actions,length,"
    "egocentric,charades_video"
).split(",")
SCENES = ("Kitchen", "Garage", "Other")


def row(name: str, script: str = "Somebody hums.", **changed: object) -> dict[str, object]:
    """A row of version 1."""
    ego = name.endswith("EGO")
    usual: dict[str, object] = {
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
        "egocentric": "Yes" if ego else "No",
        "charades_video": name.removesuffix("EGO") if ego else "",
    }
    return usual | changed


def both(name: str, script: str, **changed: object) -> list[dict[str, object]]:
    """The rows of a pair."""
    return [row(name, script, **changed), row(f"{name}EGO", script, **changed)]


def many(prefix: str, count: int) -> list[dict[str, object]]:
    """Rows of pairs with scripts of their own, in three scenes."""
    return [
        one
        for i in range(count)
        for one in both(f"{prefix}{i:03}", f"Act {i} of {prefix}.", scene=SCENES[i % 3])
    ]


def table(path: Path, rows: Iterable[dict[str, object]]) -> Path:
    """Write a table of version 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows([one[name] for name in HEADER] for one in rows)
    return path


def write_root(root: Path, *, train: int = 120, test: int = 24) -> Path:
    """Write a whole valid root with some pairs; below 20 test pairs there are no lists."""
    table(root / "CharadesEgo_v1_train.csv", many("TR", train))
    table(root / "CharadesEgo_v1_test.csv", many("TE", test))
    return root
