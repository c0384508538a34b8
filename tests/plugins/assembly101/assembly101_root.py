"""A tiny folder in the layout of Assembly101's annotations, with actions and names of our own."""

import csv
from collections.abc import Sequence
from pathlib import Path

EGO = ("HMC_11110000_mono10bit", "HMC_22220000_mono10bit")
EXO = ("C10001_rgb", "C10002_rgb", "C10003_rgb")
VERBS, NOUNS = ("attach", "detach", "screw"), ("wheel", "cabin")
COLUMNS = (
    "id,video,start_frame,end_frame,action_id,verb_id,noun_id,action_cls,verb_cls,noun_cls,"
    "toy_id,toy_name,is_shared,is_RGB"
).split(",")
Row = dict[str, str]


def make_rows(sequence: str, number: int, cameras: Sequence[str] = (*EGO, *EXO)) -> list[Row]:
    """A segment of 1 s for each camera; numbers give other times and actions."""
    verb, noun = number % 3, number % 2
    return [
        {
            "id": f"{number}{index}",
            "video": f"{sequence}/{camera}.mp4",
            "start_frame": str(30 * number + 15),
            "end_frame": str(30 * number + 45),
            "action_id": str(2 * verb + noun),
            "verb_id": str(verb),
            "noun_id": str(noun),
            "action_cls": f"{VERBS[verb]} {NOUNS[noun]}",
            "verb_cls": VERBS[verb],
            "noun_cls": NOUNS[noun],
            "toy_id": "a01",
            "toy_name": "truck",
            "is_shared": "1",
            "is_RGB": str(int(camera.endswith("_rgb"))),
        }
        for index, camera in enumerate(cameras)
    ]


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write a table of fine segments."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def list_rows(sequences: Sequence[str], count: int = 4) -> list[Row]:
    """Segments of some sequences, camera by camera as in the published tables."""
    rows = [row for name in sequences for number in range(count) for row in make_rows(name, number)]
    return sorted(rows, key=lambda row: (row["video"], int(row["start_frame"])))


TRAIN = tuple(f"seq-{number}" for number in range(12))
TEST = tuple(f"seq-t{number}" for number in range(4))


def write_assembly101_root(
    root: Path, train: Sequence[Row] | None = None, test: Sequence[Row] | None = None
) -> Path:
    """Write the fine tables of train and validation; return the folder."""
    folder = root / "fine-grained-annotations"
    write_table(folder / "train.csv", list_rows(TRAIN) if train is None else train)
    write_table(folder / "validation.csv", list_rows(TEST) if test is None else test)
    return root


def write_coarse_root(root: Path, lines: Sequence[str] = ("0\t60\tattach cabin",)) -> Path:
    """Write the coarse files of one sequence of train and one of val; return the folder."""
    folder = root / "coarse-annotations"
    (folder / "coarse_labels").mkdir(parents=True)
    (folder / "coarse_splits").mkdir()
    views = []
    for split, sequence in (("train", "seq-1"), ("val", "seq-2")):
        name = f"assembly_{sequence}.txt"
        (folder / "coarse_labels" / name).write_text("\n".join(lines))
        (folder / "coarse_splits" / f"{split}_coarse_assembly.txt").write_text(f"{name}\t99\n")
        views += [f"{sequence}\t{camera}" for camera in (*EGO, *EXO)]
    (folder / "coarse_seq_views.txt").write_text("\n".join(views))
    return root
