"""The manifest of the set: clips with narrations and labels, and candidate lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from egoexobench.data.folder_dataset import (
    CLIPS_TABLE,
    QUERIES_TABLE,
    ClipRow,
    QueryRow,
    write_table,
)
from egoexobench.errors import DataError
from egoexobench.types import SPLITS
from egoexobench_plugins.synthetic.config import Dials
from egoexobench_plugins.synthetic.files import MEDIA, Reel, reels
from egoexobench_plugins.synthetic.narration import narrate, narrate_pair
from egoexobench_plugins.synthetic.queries import questions
from egoexobench_plugins.synthetic.script import Role, generator


def annotate(root: Path, dials: Dials) -> None:
    """Write both files of the manifest, unless they are there.

    Raises:
        DataError: if the folder cannot be written.
    """
    if (root / CLIPS_TABLE).is_file() and (root / QUERIES_TABLE).is_file():
        return
    found = reels(dials)
    try:
        root.mkdir(parents=True, exist_ok=True)
        write_table(root / CLIPS_TABLE, (_clip(reel, dials) for reel in found))
        write_table(root / QUERIES_TABLE, _questions(found, dials.seed))
    except OSError as error:
        raise DataError(f"cannot write the annotations of 'synthetic': {error}") from error


def _clip(reel: Reel, dials: Dials) -> ClipRow:
    script = reel.script
    key = dials.seed, script.split, script.family, script.member
    role: Role = "ego-text" if reel.view == "ego" else "exo-text"
    return ClipRow(
        pair=reel.pair,
        view=reel.view,
        split=script.split,
        start=0.0,
        media=f"{MEDIA}/{reel.name}",
        end=dials.seconds,  # sound is coded in whole blocks and may end later than the pictures
        narration=narrate(script, reel.view, generator(*key, role)),
        take=None,
        pair_narration=narrate_pair(script, generator(*key, "pair-text")),
        scene=script.scene,
        verbs=tuple(sorted(event.verb for event in script.events)),
        nouns=tuple(sorted(event.noun for event in script.events)),
    )


def _questions(found: list[Reel], seed: int) -> Iterator[QueryRow]:
    for split in SPLITS[1:]:
        families = {r.pair: r.script.family for r in found if r.script.split == split}
        yield from questions(split, families, seed)
