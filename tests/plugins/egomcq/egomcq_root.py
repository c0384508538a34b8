"""A tiny file in the layout of EgoMCQ, with texts and names of our own."""

import json
from pathlib import Path
from typing import Any

VIDEOS = ("one", "two", "three", "four", "five")


def make_clip(video: str, number: int, **fields: object) -> dict[str, Any]:
    """A clip of 1.5 s with a text of its own."""
    return {
        "video_uid": video,
        "clip_start": 1.5 * number,
        "clip_end": 1.5 * number + 1.5,
        "clip_text": f"#C C does thing {number} in {video}",
        "tag_verb": "[1]",
        **fields,
    }


def make_question(number: int, **fields: object) -> dict[str, Any]:
    """Even numbers ask among different videos, odd ones among clips of one video."""
    if number % 2 == 0:
        choices = [make_clip(video, number // 2) for video in VIDEOS]
    else:
        first = number // 10 * 5
        choices = [make_clip(VIDEOS[number // 2 % 5], first + index) for index in range(5)]
    answer = number % 5
    return {
        "answer": answer,
        "types": 1 + number % 2,
        "query": choices[answer],
        "choices": {str(index): choice for index, choice in enumerate(choices)},
        **fields,
    }


def write_egomcq_root(root: Path, *questions: dict[str, Any], count: int = 20) -> Path:
    """Write the questions, or ``count`` ones that are right; return the folder."""
    entries = questions or [make_question(number) for number in range(count)]
    root.mkdir(parents=True, exist_ok=True)
    text = json.dumps({str(key): entry for key, entry in enumerate(entries)})
    (root / "egomcq.json").write_text(text)
    return root
