"""Functions that the task names."""

from pathlib import Path

CLIPS = Path("clips").resolve()


def list_videos(doc):
    return [str(CLIPS / name) for name in (doc["source"], *doc["candidates"])]


def write_question(doc, lmms_eval_specific_kwargs=None):
    letters = ", ".join("ABCDEFGHIJKLMNOPQRST"[: len(doc["candidates"])])
    return (
        "The first video is filmed by a person. Which of the other videos shows the same moment "
        f"from outside? The others are {letters}, in order. Answer with one letter."
    )
