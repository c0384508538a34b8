"""A small run with media, in which every text that its author chooses attacks the page."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from media_factory import make_clip_rows, make_tone, write_video

import egoexobench as ee
from egoexobench.data.folder_dataset import CLIPS_TABLE, ClipRow, write_table

ATTACK = """</script><img src=x onerror=alert(1)><!--'"{{7*7}}"""
"""Ends an element, runs code, ends a string, and is a template."""
LINE_SEPARATOR = "\u2028"
"""Ends a line of JavaScript, but not of JSON."""


@dataclass(frozen=True)
class HostileRun:
    """The folder of its records, and its data set."""

    records: Path
    dataset: str


def make_hostile_run(folder: Path) -> HostileRun:
    """Score random embeddings of clips of half a second, some of which have no sound."""
    clips, records = folder / "clips", folder / "records"
    clips.mkdir()
    letters = {"train": "abcd", "val": "efgh", "test": "ijklmn"}
    rows = [row for split, names in letters.items() for row in make_clip_rows([*names], split)]
    rows = [
        row.model_copy(update=_make_hostile_fields(row)) if row.split == "test" else row
        for row in rows
    ]
    for index, row in enumerate(rows):
        waveform = make_tone(0.5, 200 + 20 * index) if index % 5 else None
        write_video(clips / row.media, seconds=0.5, waveform=waveform, seed=index)
    write_table(clips / CLIPS_TABLE, rows)
    dataset = f"folder:path={clips}"
    rng = np.random.default_rng(0)
    for seed in range(2):
        vectors = {f"{row.pair}/{row.view}": rng.normal(size=8).astype("f") for row in rows}
        texts = {row.pair: rng.normal(size=8).astype("f") for row in rows}
        ee.score(
            vectors,
            texts,
            dataset=dataset,
            name="Random (ours)",
            authors=ATTACK,
            evidence="video",
            seed=seed,
            out=records,
            keep_top=5,
            progress=False,
        )
    return HostileRun(records, dataset)


def _make_hostile_fields(row: ClipRow) -> dict[str, str]:
    return {
        "pair": f"{row.pair}{ATTACK}",
        "narration": f"{row.narration} {ATTACK}{LINE_SEPARATOR}",
        "pair_narration": f"{row.pair_narration} {ATTACK}",
    }
