"""A tiny folder in the layout of Ego-Exo4D version 2, with texts and names of our own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from media_factory import SAMPLE_RATE, write_video

SCENARIOS = ("Cooking", "Bike Repair")
STEPS = ("Whisk the eggs", "Heat the pan", "Pump the tire", "Oil the chain")
SEGMENT_S = 1.5
"""Length of a key step of the takes."""


def make_take(name: str, **fields: object) -> dict[str, Any]:
    """A take with glasses and two fixed cameras, in a capture of its own."""
    fields = {"capture_uid": f"capture-{name}", **fields}
    return {
        "take_uid": f"uid-{name}",
        "take_name": name,
        "root_dir": f"takes/{name}",
        "capture": {"capture_uid": fields["capture_uid"]},
        "task_name": "Any task",
        "parent_task_name": SCENARIOS[0],
        "duration_sec": 60.0,
        "task_start_sec": None,
        "task_end_sec": None,
        "best_exo": "cam02",
        "is_narrated": False,
        "is_dropped": False,
        "frame_aligned_videos": {
            "aria01": {
                "rgb": make_stream("aria01_214-1.mp4"),
                "slam-left": make_stream("aria01_1201-1.mp4"),
            },
            "cam01": {"0": make_stream("cam01.mp4")},
            "cam02": {"0": make_stream("cam02.mp4")},
            "collage": {"0": {"relative_path": None}},
            "best_exo": {"0": {"relative_path": None}},
        },
        **fields,
    }


def make_stream(file: str) -> dict[str, str]:
    """A stream of a camera."""
    return {"relative_path": f"frame_aligned_videos/{file}"}


def make_capture(take: Mapping[str, Any]) -> dict[str, Any]:
    """The capture of a take: what is worn is said by a field, not by a name."""
    cameras = [name for name in take["frame_aligned_videos"] if name not in ("collage", "best_exo")]
    return {
        "capture_uid": take["capture_uid"],
        "cameras": [
            {"cam_id": name, "is_ego": name.startswith("aria"), "includes_audio": True}
            for name in cameras
        ],
    }


def make_segment(start: float, step: int, **fields: object) -> dict[str, Any]:
    """A key step."""
    return {
        "start_time": start,
        "end_time": start + SEGMENT_S,
        "step_id": 1,
        "step_unique_id": step,
        "step_name": STEPS[step % len(STEPS)],
        "step_description": None,
        "is_essential": True,
        **fields,
    }


def make_description(text: str, time: float, **fields: object) -> dict[str, Any]:
    """A description of the wearer."""
    return {
        "text": text,
        "timestamp": time,
        "subject": "C",
        "ego_visible": True,
        "best_exo": {"cam_id": "cam01", "raw_cam_id": "gp01"},
        "unsure": False,
        **fields,
    }


def make_annotation(descriptions: Sequence[dict[str, Any]], **fields: object) -> dict[str, Any]:
    """What one annotator wrote about a take."""
    return {
        "annotation_uid": "a",
        "annotator_id": "b",
        "rejected": False,
        "reject_reason": None,
        "descriptions": descriptions,
        **fields,
    }


def write_json(path: Path, content: object) -> None:
    """Write a file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_takes(
    root: Path,
    takes: Mapping[str, Sequence[dict[str, Any]]],
    captures: Sequence[dict[str, Any]] | None = None,
) -> None:
    """Write the takes of each official split, and their captures."""
    all_takes = [take for of_split in takes.values() for take in of_split]
    by_uid = {take["capture_uid"]: make_capture(take) for take in all_takes}
    write_json(root / "takes.json", all_takes)
    write_json(root / "captures.json", captures or [*by_uid.values()])
    splits = {take["take_uid"]: name for name, of_split in takes.items() for take in of_split}
    write_json(root / "annotations" / "splits.json", {"take_uid_to_split": splits})


def write_keysteps(root: Path, split: str, segments: Mapping[str, Sequence[object]]) -> None:
    """Write the key steps of an official split by uid of the take."""
    annotations = {
        uid: {"take_name": uid, "scenario": "any", "segments": list(rows)}
        for uid, rows in segments.items()
    }
    content = {"annotations": annotations, "taxonomy": {}, "vocabulary": {}}
    write_json(root / "annotations" / f"keystep_{split}.json", content)


def write_benchmark(root: Path, split: str, segments: Mapping[str, Sequence[object]]) -> None:
    """Write the same key steps as those of the benchmark."""
    rows = [dict(row, take_uid=uid) for uid, of_take in segments.items() for row in of_take]  # type: ignore[call-overload]
    path = root / "keystep_benchmark" / f"keystep_segment_{split}.json"
    write_json(path, {"segments": rows})


def write_descriptions(
    root: Path, split: str, annotations: Mapping[str, Sequence[dict[str, Any]]]
) -> None:
    """Write the descriptions of an official split by uid of the take."""
    path = root / "annotations" / f"atomic_descriptions_{split}.json"
    write_json(path, {"annotations": {uid: list(rows) for uid, rows in annotations.items()}})


def write_ego_exo4d_root(
    root: Path, *, num_train: int = 12, num_val: int = 4, num_segments: int = 24
) -> Path:
    """Write a complete valid folder without media: takes of two scenarios with four steps."""
    takes = {
        split: [
            make_take(f"{split}{index:02}", parent_task_name=SCENARIOS[index % 2])
            for index in range(count)
        ]
        for split, count in (("train", num_train), ("val", num_val))
    }
    write_takes(root, takes)
    for split, of_split in takes.items():
        segments = {
            take["take_uid"]: [make_segment(2.0 * i, i % len(STEPS)) for i in range(num_segments)]
            for take in of_split
        }
        write_keysteps(root, split, segments)
        write_benchmark(root, split, segments)
        texts = {
            take["take_uid"]: [
                make_annotation(
                    [
                        make_description(f"C does {i} of {take['take_name']}", 2.5 * i)
                        for i in range(num_segments)
                    ]
                )
            ]
            for take in of_split
        }
        write_descriptions(root, split, texts)
    return root


def write_media(root: Path, *, seconds: float = 4.0, silent_exo: Sequence[str] = ()) -> None:
    """Write a short film of each camera: all cameras of a take hear the same noise.

    Args:
        root: a folder with the annotations.
        seconds: length of a film.
        silent_exo: names of takes whose exo cameras have no sound.
    """
    for number, take in enumerate(json.loads((root / "takes.json").read_text())):
        rng = np.random.default_rng(number)
        sound = rng.normal(0, 0.1, (1, round(seconds * SAMPLE_RATE))).astype(np.float32)
        folder = root / "takes" / take["take_name"] / "frame_aligned_videos/downscaled/448"
        folder.mkdir(parents=True, exist_ok=True)
        for position, file in enumerate(("aria01_214-1.mp4", "cam01.mp4", "cam02.mp4")):
            is_silent = position > 0 and take["take_name"] in silent_exo
            write_video(
                folder / file,
                seconds=seconds,
                fps=4,
                waveform=None if is_silent else sound,
                seed=10 * number + position,
            )
