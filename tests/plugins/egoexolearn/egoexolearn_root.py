"""A tiny folder in the official layout of EgoExoLearn, with texts of our own."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

VIDEOS = {f"e{i}-ac78": "ego" for i in range(4)} | {f"x{i}-ac78": "exo" for i in range(4)}
"""The suffix does not identify the view, as in the real names."""
VERBS = ["wipe", "stir_(blend)", "lift", "push"]
NOUNS = ["bowl", "lid_(cover)", "rope"]
VALID_VERBS = [1, 2]
ASSOCIATION = "association_benchmark/annotations"
ANTICIPATION = (
    "action_anticipation_planning_benchmark/anticpation_annotation/balanced_full_annotation"
)
TRAIN_HEADER = (
    "annotation_id,start_sec,end_sec,narration_ch,narration_en,narration_en_hand_prompt,"
    "narration_en_no_hand_prompt,verb,noun,scenario,video_uid"
).split(",")
LABELED_HEADER = "video_id,annotation_id,start_sec,end_sec,verb,noun,scenario".split(",")
FINE_HEADER = "video_uid,annotation_id,subset,view,scene,start_sec,end_sec".split(",")
FIELD_NAMES = {
    "official": ("video_uid", "start_sec", "end_sec", "narration_en"),
    "egoinstructor": ("video_id", "start_second", "end_second", "text"),
    "soundbridge": ("video_uid", "start_sec", "end_sec", "narration_en"),
}


def write_csv(path: Path, header: list[str], rows: Iterable[list[object]]) -> Path:
    """Write a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def make_train_row(
    name: str, video: str, verb: object, noun: object, start: float = 0
) -> list[object]:
    """A row of a train table."""
    texts = ["文", f"a hand does {name}", "", ""]
    return [name, start, start + 2, *texts, verb, noun, "kitchen", video]


def make_labeled_row(name: str, video: str, verb: object, start: float = 0) -> list[object]:
    """A row of an action table."""
    return [video, name, start, start + 1.5, verb, "[0]", "lab"]


def make_choice(video: str, start: float, dialect: str = "official") -> dict[str, object]:
    """A clip of a question; its text is that of its span."""
    text = f"somebody acts in {video} at {start:g} s"
    entry = dict(zip(FIELD_NAMES[dialect], [video, start, start + 1, text], strict=True))
    if dialect == "soundbridge":
        entry |= {"narration_en_audio": f"[{video}] (rustling)", "scene": "kitchen"}
    return entry


def make_question(view: str, index: int, dialect: str = "official") -> dict[str, object]:
    """A question whose query has the view; the answer is choice ``index % 20``."""
    query, choice = ("e", "x") if view == "ego" else ("x", "e")
    spans = [(i % 4, 5.0 * index + i // 4) for i in range(20)]
    return {
        "types": 1 if view == "ego" else 2,
        "query": make_choice(f"{query}{index % 4}-ac78", 3 * index, dialect),
        "choices": {
            str(i): make_choice(f"{choice}{video}-ac78", second, dialect)
            for i, (video, second) in enumerate(spans)
        },
        "answer": index % 20,
    }


def make_questions(count: int = 3, dialect: str = "official") -> dict[str, dict[str, object]]:
    """Questions with ``count`` queries of each view."""
    views = ["ego", "exo"] * count
    return {str(i): make_question(view, i, dialect) for i, view in enumerate(views)}


def write_json(path: Path, value: object) -> Path:
    """Write a JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_egoexolearn_root(root: Path, *, questions: bool = True) -> Path:
    """Write a complete valid folder; without ``questions`` it has no association lists."""
    meta = [
        {"video_uid": name, "num_frames": 2500.0, "fps": 25.0, "width": 320.0, "height": 240.0}
        | {"view": view, "scene": "kitchen", "task": "task1"}
        for name, view in VIDEOS.items()
    ]
    write_json(root / "video_meta_downsampled.json", meta)
    for kind, labels in (("verb", VERBS), ("noun", NOUNS)):
        path = root / f"annotations/narration_{kind}_taxonomy.csv"
        write_csv(path, ["label", "group"], [[label, f"['{label}', \"x\"]"] for label in labels])
    train = root / ASSOCIATION
    rows = [
        make_train_row(f"te{i}", f"e{i % 4}-ac78", f"[{i % 4}]", f"[{i % 3}]") for i in range(8)
    ]
    write_csv(train / "ego_train.csv", TRAIN_HEADER, rows)
    rows = [make_train_row(f"tx{i}", f"x{i % 4}-ac78", f"[{i % 4}, 0]", "[0, 1]") for i in range(8)]
    write_csv(train / "exo_train.csv", TRAIN_HEADER, rows)
    actions = root / ANTICIPATION
    actions.mkdir(parents=True)
    (actions / "valid_verbs.txt").write_text("".join(f"{i}\n" for i in VALID_VERBS))
    for split in ("val", "test"):
        rows = [
            make_labeled_row(f"{split}{i}", f"x{i}-ac78", verb)
            for i, verb in enumerate(["[1]", "[1, 2]", "[]", "[2]"])
        ]
        write_csv(actions / f"exo_{split}_valid.csv", LABELED_HEADER, rows)
        if questions:
            write_json(train / f"association_{split}_hard.json", make_questions())
    return root
