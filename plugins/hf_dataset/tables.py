"""The tables of a data set by split, which the `datasets` library reads without decoding."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from egoexobench.errors import DataError, EgoExoBenchError, UsageError, format_exception_line
from egoexobench.toolbox.hub_datasets import CARD, describe_missing_tables, download_dataset
from egoexobench.toolbox.storage import cache_dir
from egoexobench_plugins.hf_dataset.columns import ColumnNames, check_types, name_classes

SUFFIXES = (".parquet", ".json", ".jsonl", ".arrow")
_BUILDERS = ("parquet", "json", "arrow")
"""Builders of the library that are used; others read pickles, archives or pictures."""
_ROWS_AT_ONCE = 16
_STATE = "state.json"
"""File that `save_to_disk` writes into the folder of a split."""
_FOLDER_STARTS = ("/", "./", "../", "~")


@dataclass(frozen=True, slots=True)
class SplitTable:
    """The rows of one split, which are read anew each time."""

    rows: Any
    features: Any
    label: str

    def iter_rows(self, columns: ColumnNames) -> Iterator[dict[str, Any]]:
        """Yield each row with the columns that are read; videos are bytes or paths.

        Raises:
            DataError: if a column is missing or of another type, or a file is damaged.
        """
        schema = None
        with _quiet_library(f"cannot read {self.label}"):
            for table in self.rows.with_format("arrow").iter(batch_size=_ROWS_AT_ONCE):
                if table.schema != schema:
                    schema = table.schema
                    check_types(columns, schema, self.features, self.label)
                rows = table.select(columns.used).to_pylist()
                name_classes(rows, self.features)
                yield from rows


def find_folder(path: str, revision: str | None) -> Path:
    """Return the folder of a data set on this machine; one of the hub is downloaded.

    Raises:
        UsageError: for a name that is none.
        DataError: if the data set is not here and cannot be downloaded.
    """
    import_module("datasets")  # if it is not installed, nothing is downloaded
    folder = Path(path).expanduser()
    if folder.is_dir():
        if revision is not None:
            raise UsageError(f"revision={revision} does not fit: {path} is a folder")
        return folder.resolve()
    if path.startswith(_FOLDER_STARTS):
        raise DataError(f"there is no folder {folder}")
    return download_dataset(path, revision, SUFFIXES).resolve()


def open_tables(
    folder: Path, names: Mapping[str, str], columns: ColumnNames, config: str | None
) -> dict[str, SplitTable]:
    """Return the table of each split, by our name.

    The rows are streamed: the library would store a copy of them, and give this copy again after a
    file has changed.

    Args:
        folder: of the data set.
        names: name of each split in the data set, by our name.
        columns: what is read.
        config: configuration that the card of the data set names.

    Raises:
        DataError: if a split is missing, or a file cannot be read.
    """
    with _quiet_library(f"cannot read {folder}"):
        builder = _create_builder(folder, config)
        tables = builder.as_streaming_dataset()
        missing = [name for name in names.values() if name not in tables]
        if missing:
            raise DataError(
                f"{folder} has no split {missing[0]!r}; splits: {', '.join(tables) or 'none'}; "
                "name yours with train=, val= and test= (none: there is none)"
            )
        opened = {
            split: SplitTable(tables[name], tables[name].features, f"{folder}, split {name!r}")
            for split, name in names.items()
        }
        for table in opened.values():
            if table.features is not None:
                schema = table.features.arrow_schema
                check_types(columns, schema, table.features, table.label)
        if builder.name == "parquet":
            builder.config.columns = columns.used
            builder.config.batch_size = _ROWS_AT_ONCE
    return opened


def _create_builder(folder: Path, config: str | None) -> Any:
    import datasets
    from datasets.packaged_modules.arrow.arrow import Arrow

    cache = str(cache_dir() / "hf-tables")
    if saved := _list_saved_files(folder):
        if config is not None:
            raise UsageError(f"config={config} does not fit: {folder} was written by save_to_disk")
        return Arrow(cache_dir=cache, data_files=saved)
    _check_card(folder)
    names = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*"))
    if not any(name.endswith(SUFFIXES) for name in names):
        raise DataError(f"{folder} {describe_missing_tables(names, SUFFIXES)}")
    builder = datasets.load_dataset_builder(str(folder), name=config, cache_dir=cache)
    if builder.name not in _BUILDERS:
        raise DataError(
            f"{folder} would be read as {builder.name}; expected files that end with "
            f"{', '.join(SUFFIXES)}"
        )
    for file in (file for files in builder.config.data_files.values() for file in files):
        if not Path(file).is_relative_to(folder):
            raise DataError(f"{folder}: the file {file} of a split is outside the folder")
    return builder


def _list_saved_files(folder: Path) -> dict[str, list[str]]:
    """Return the files of each split that `save_to_disk` wrote; the folder may hold others."""
    states = sorted((*folder.glob(_STATE), *folder.glob(f"*/{_STATE}")))
    saved: dict[str, list[str]] = {}
    for path in states:
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            files = [path.parent / Path(item["filename"]).name for item in state["_data_files"]]
            split = path.parent.name if path.parent != folder else str(state["_split"] or "train")
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not a file that save_to_disk writes") from error
        if state.get("_indices_data_files"):
            raise DataError(f"{path} selects rows of its files: write it with datasets 2 or newer")
        if missing := [file for file in files if not file.is_file()]:
            raise DataError(f"{path} names {missing[0].name}, which does not exist")
        saved[split] = [str(file) for file in files]
    return saved


def _check_card(folder: Path) -> None:
    """Refuse a card that names files of another folder or of a server."""
    from huggingface_hub import metadata_load

    if (folder / ".huggingface.yaml").exists():
        raise DataError(f"{folder / '.huggingface.yaml'} is not read: write its lines to {CARD}")
    card = folder / CARD
    data = metadata_load(card) if card.is_file() else None
    for text in _iter_texts((data or {}).get("configs")):
        if "://" in text or "::" in text or text.startswith(("/", "~")) or ".." in text.split("/"):
            raise DataError(f"{card} names the files {text!r}, which are outside the folder")


def _iter_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _iter_texts(item)


@contextmanager
def _quiet_library(problem: str) -> Iterator[None]:
    """Let the library print nothing; its errors are one line.

    Raises:
        DataError: for any error of the library.
    """
    import datasets

    verbosity, has_bars = datasets.logging.get_verbosity(), datasets.is_progress_bar_enabled()
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    datasets.disable_progress_bars()
    try:
        yield
    except (EgoExoBenchError, GeneratorExit):
        raise
    except Exception as error:  # the library raises errors of several libraries
        line = re.sub(r"\s+", " ", format_exception_line(error))
        raise DataError(f"{problem}: {line}") from error
    finally:
        datasets.logging.set_verbosity(verbosity)
        if has_bars:
            datasets.enable_progress_bars()
