"""Writes rows of records into a leaderboards folder, without its pages."""

from collections.abc import Iterable
from pathlib import Path

from egoexobench.files import write_texts_atomic
from egoexobench.leaderboard.collect import collect_row_texts
from egoexobench.leaderboard.reproduced import FOLDER


def write_rows(records: Iterable[Path], root: Path) -> list[Path]:
    texts = {root / FOLDER / name: text for name, text in collect_row_texts(records).items()}
    write_texts_atomic(texts)
    return list(texts)
