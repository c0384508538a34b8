"""The manifest of the data set: clips with narrations and labels, and candidate lists."""

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
from egoexobench.errors import DataError, notify
from egoexobench.types import SPLITS
from egoexobench_plugins.synthetic.config import SyntheticConfig
from egoexobench_plugins.synthetic.file_list import FileList
from egoexobench_plugins.synthetic.files import MEDIA_FOLDER, RenderedFile, list_files
from egoexobench_plugins.synthetic.narration import narrate_pair, narrate_view
from egoexobench_plugins.synthetic.queries import build_queries
from egoexobench_plugins.synthetic.script import Role, make_rng

_TABLES = (CLIPS_TABLE, QUERIES_TABLE)


def write_annotations(root: Path, config: SyntheticConfig) -> None:
    """Write both tables of the manifest, unless they exist as they were written.

    Raises:
        DataError: the folder cannot be read or written.
    """
    try:
        files = FileList(root)
        if all(map(files.is_intact, _TABLES)):
            return
        old = {path: path.read_bytes() for name in _TABLES if (path := root / name).is_file()}
        root.mkdir(parents=True, exist_ok=True)
        rendered = list_files(config)
        write_table(root / CLIPS_TABLE, (_make_clip_row(file, config) for file in rendered))
        write_table(root / QUERIES_TABLE, _iter_queries(rendered, config.seed))
        for name in _TABLES:
            files.add(name)
        if changed := [path for path, content in old.items() if path.read_bytes() != content]:
            notify(f"{changed[0]} was not as it was written: it is written again")
    except OSError as error:
        raise DataError(f"cannot write the annotations of 'synthetic': {error}") from error


def _make_clip_row(file: RenderedFile, config: SyntheticConfig) -> ClipRow:
    script = file.script
    key = config.seed, script.split, script.family, script.member
    role: Role = "ego-text" if file.view == "ego" else "exo-text"
    return ClipRow(
        pair=file.pair,
        view=file.view,
        split=script.split,
        start=0.0,
        media=f"{MEDIA_FOLDER}/{file.name}",
        end=config.seconds,  # AAC encodes blocks of fixed length: the audio may end after the video
        narration=narrate_view(script, file.view, make_rng(*key, role=role)),
        take=None,
        pair_narration=narrate_pair(script, make_rng(*key, role="pair-text")),
        scene=script.scene,
        verbs=tuple(sorted(event.verb for event in script.events)),
        nouns=tuple(sorted(event.noun for event in script.events)),
    )


def _iter_queries(files: list[RenderedFile], seed: int) -> Iterator[QueryRow]:
    for split in SPLITS[1:]:
        families = {file.pair: file.script.family for file in files if file.script.split == split}
        yield from build_queries(split, families, seed)
