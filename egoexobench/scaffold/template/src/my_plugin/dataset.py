"""Data set `my-plugin-clips`: the pairs of clips of a table."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, final

from egoexobench import Clip, DataError, Pair, hookimpl
from egoexobench.types import SPLITS, VIEWS, Split

if TYPE_CHECKING:
    from egoexobench import Query, Register
    from egoexobench.protocols import Dataset, Progress
    from egoexobench.types import Task, View

TABLE = "pairs.csv"
COLUMNS = ("pair", "split", "ego", "exo", "narration", "scene")


@hookimpl
def register_datasets(register: Register) -> None:
    """Register the data set; `plugin check` runs it on the example."""
    register("my-plugin-clips", clips, example=write_example)


def clips(*, path: Path) -> Dataset:
    """The pairs of clips in the table `pairs.csv` of a folder.

    Args:
        path: folder of the table and of the files that it names.
    """
    return TableDataset(path)


def write_example(folder: Path) -> Mapping[str, object]:
    """Write a small data set into an empty folder, and return the options that read it."""
    from egoexobench.testing import write_example_clip

    rows = []
    for number in range(12):
        names = [f"{number}-{view}.mp4" for view in VIEWS]
        for index, name in enumerate(names):
            write_example_clip(folder / name, seed=2 * number + index)
        labels = [f"C takes object {number}.", f"room {number % 2}"]
        rows.append([str(number), SPLITS[number % 3], *names, *labels])
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return {"path": folder}


@final
class TableDataset:
    """Reads the annotation; the harness alone opens media files.

    Raises:
        DataError: for a table that is not as expected; say in one line which file and row.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._table = self.root / TABLE
        self._pairs: dict[Split, list[Pair]] = {split: [] for split in SPLITS}
        for line, row in self._read_rows():
            split = next((split for split in SPLITS if split == row["split"]), None)
            if split is None:
                raise DataError(f"{self._table}, line {line}: split {row['split']!r} is unknown")
            self._pairs[split].append(self._make_pair(row))

    @property
    def fingerprint(self) -> str:
        """Hash of everything that clips, pairs and queries are computed from.

        Files that the harness opens need not be read: stored features are named by their content.
        """
        return hashlib.sha256(self._table.read_bytes()).hexdigest()[:16]

    def prepare(self, progress: Progress) -> None:
        """Check that every file exists; a data set that renders or unpacks files does it here."""
        media = [Path(clip.media) for split in SPLITS for clip in self.clips(split)]
        with progress.stage("files", len(media)) as advance:
            for file in media:
                if not file.is_file():
                    raise DataError(f"{file} is missing; {self._table} names it")
                advance(1)

    def clips(self, split: Split) -> Sequence[Clip]:
        """Return every clip of the split, both views."""
        return [clip for pair in self._pairs[split] for clip in (pair.ego, pair.exo)]

    def pairs(self, split: Split) -> Sequence[Pair]:
        """Return every pair of the split, always in the same order."""
        return self._pairs[split]

    def queries(self, split: Split, task: Task) -> Sequence[Query]:
        """Return published candidate lists; without any, the harness ranks the complete gallery."""
        del split, task
        return []

    def _read_rows(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        try:
            text = self._table.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{self._table} cannot be read: {error}") from error
        reader = csv.DictReader(text.splitlines())
        if missing := set(COLUMNS) - set(reader.fieldnames or ()):
            raise DataError(f"{self._table} has no column {', '.join(sorted(missing))}")
        for row in reader:
            yield reader.line_num, row

    def _make_pair(self, row: Mapping[str, str]) -> Pair:
        ego, exo = (self._make_clip(row, view) for view in VIEWS)
        return Pair(row["pair"], ego, exo, row["narration"])

    def _make_clip(self, row: Mapping[str, str], view: View) -> Clip:
        return Clip(
            id=f"{row['pair']}/{view}",
            view=view,
            media=str(self.root / row[view]),
            start=0.0,  # s
            end=None,  # the end of the file
            narration=row["narration"],
            take=row["pair"],  # clips of one recording have one take, and never two splits
            scene=row["scene"] or None,
        )
