"""Tiny tables in the layout of the retrieval annotations of EPIC-KITCHENS-100, with our texts."""

import csv
from collections.abc import Sequence
from pathlib import Path

VERBS = ("take", "put", "open", "wash")
NOUNS = ("cup", "knife", "plate", "tap", "box")
CLIP_COLUMNS = (
    "narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,"
    "start_frame,stop_frame,narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes"
).split(",")
Row = dict[str, str]


def make_row(number: int, verb: int, nouns: Sequence[int], **cells: str) -> Row:
    """A clip of 1 s; its text has the words of its classes."""
    participant = f"P{1 + number % 3:02}"
    video = f"{participant}_{1 + number % 2:02}"
    words = [NOUNS[noun] for noun in nouns]
    start = f"00:00:{number:02}.50"
    return {
        "narration_id": f"{video}_{number}",
        "participant_id": participant,
        "video_id": video,
        "narration_timestamp": start,
        "start_timestamp": start,
        "stop_timestamp": f"00:00:{number + 1:02}.50",
        "start_frame": str(50 * number + 25),
        "stop_frame": str(50 * number + 75),
        "narration": f"{VERBS[verb]} {' and '.join(words)}",
        "verb": VERBS[verb],
        "verb_class": str(verb),
        "noun": words[0],
        "noun_class": str(nouns[0]),
        "all_nouns": str(words),
        "all_noun_classes": str(list(nouns)),
        **cells,
    }


def make_rows(count: int = 24) -> list[Row]:
    """Clips of every verb with one or two nouns; several have one text."""
    return [
        make_row(number, number % 4, [number % 5] if number % 3 else [number % 5, (number + 1) % 5])
        for number in range(count)
    ]


def make_texts(rows: Sequence[Row]) -> list[Row]:
    """The first clip of each text."""
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(row["narration"], row["narration_id"])
    return [{"narration_id": name, "narration": text} for text, name in first.items()]


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Write a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def write_ek100_root(
    root: Path, rows: Sequence[Row] | None = None, texts: Sequence[Row] | None = None
) -> Path:
    """Write both tables of the test split; return the folder."""
    rows = make_rows() if rows is None else rows
    folder = root / "retrieval_annotations"
    write_csv(folder / "EPIC_100_retrieval_test.csv", CLIP_COLUMNS, rows)
    write_csv(
        folder / "EPIC_100_retrieval_test_sentence.csv",
        ("narration_id", "narration"),
        make_texts(rows) if texts is None else texts,
    )
    return root
