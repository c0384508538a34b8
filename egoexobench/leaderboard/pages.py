"""Builds the generated pages, writes them, and compares them with those on disk."""

from __future__ import annotations

import os
from difflib import unified_diff
from types import MappingProxyType
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.files import write_texts_atomic
from egoexobench.leaderboard.dataset_page import render_dataset_page
from egoexobench.leaderboard.make_board import check_any_row
from egoexobench.leaderboard.markdown import (
    GENERATED_MARK,
    LEADERBOARD_COMMAND,
    escape_markdown,
    format_table,
    render_page,
)
from egoexobench.leaderboard.paper_page import render_paper_page
from egoexobench.leaderboard.reported import read_reported_tables
from egoexobench.leaderboard.reproduced import FOLDER, read_reproduced_rows
from egoexobench.leaderboard.submissions import SUBMISSIONS_FOLDER, read_submissions
from egoexobench.records.store import make_slug, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from egoexobench.leaderboard.reported import ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow
    from egoexobench.leaderboard.submitted_row import SubmittedRow

INDEX_PAGE = "README.md"
_NUM_DIFF_LINES = 6


def build_pages(
    root: Path,
    *,
    mix_protocols: bool = False,
    new_rows: Mapping[str, str | None] = MappingProxyType({}),
) -> dict[str, str]:
    """Return file name and text of every page, from the data under ``root``.

    Args:
        root: The leaderboards folder, with ``reported/*.toml``, ``reproduced/*.json`` or
            ``submissions/*``.
        mix_protocols: Let different tracks share a column, with a footnote at each.
        new_rows: Texts of files of ``reproduced`` that are not written yet, by name; None is a file
            that will be removed.

    Raises:
        DataError: if a file is not valid, a submission is refused, there is no row, or one column
            would mix tracks.
    """
    papers = read_reported_tables(root)
    rows = read_reproduced_rows(root, new_rows)
    submitted = read_submissions(root)
    check_any_row(root, papers, rows, submitted)
    pages = {
        f"table-{paper.table}.md": render_paper_page(paper, rows, mix_protocols=mix_protocols)
        for paper in papers
    }
    by_dataset: dict[str, list[ReproducedRow]] = {"synthetic": []} if papers else {}
    for row in rows:
        by_dataset.setdefault(row.dataset.name, []).append(row)
    submitted_by_dataset: dict[str, list[SubmittedRow]] = {name: [] for name in by_dataset}
    for submitted_row in submitted:
        submitted_by_dataset.setdefault(submitted_row.dataset.name, []).append(submitted_row)
    for name, group in sorted(submitted_by_dataset.items()):
        page = f"{make_slug(name)}.md"
        if page in {other.lower() for other in (INDEX_PAGE, *pages)}:  # some disks see one name
            raise DataError(f"data set {name!r} would have the page {page}, which another has")
        pages[page] = render_dataset_page(
            name, by_dataset.get(name, []), group, mix_protocols=mix_protocols
        )
    return {INDEX_PAGE: _render_index(papers, by_dataset, submitted_by_dataset), **pages}


def write_leaderboard(
    root: Path,
    *,
    new_rows: Mapping[str, str | None] = MappingProxyType({}),
    mix_protocols: bool = False,
) -> list[Path]:
    """Write new rows and every page, all or none, and remove what is obsolete.

    Args:
        root: The leaderboards folder; it may be empty or missing.
        new_rows: As in `build_pages`.
        mix_protocols: As in `build_pages`.

    Returns:
        The files that were written.

    Raises:
        DataError: as in `build_pages`, or if a file of the user has the name of a page; then
            nothing is written.
        WriteError: if the machine refuses to write a file; then nothing is written.
    """
    pages = build_pages(root, mix_protocols=mix_protocols, new_rows=new_rows)
    texts = {root / FOLDER / name: text for name, text in new_rows.items() if text is not None}
    texts |= {root / name: text for name, text in pages.items()}
    _check_replaceable(root, pages)
    removed = [root / FOLDER / name for name, text in new_rows.items() if text is None]
    removed += _find_obsolete_pages(root, pages)
    write_texts_atomic(texts)
    for path in removed:
        path.unlink()
    return list(texts)


def check_pages(root: Path, *, mix_protocols: bool = False) -> None:
    """Compare every page with the file on disk.

    Raises:
        DataError: with the names of outdated files and the first lines that differ.
    """
    pages = build_pages(root, mix_protocols=mix_protocols)
    outdated: dict[str, list[str]] = {}
    for name, text in pages.items():
        old = read_text(root / name) if (root / name).is_file() else ""
        if old != text:
            outdated[name] = _diff_lines(name, old, text)
    outdated |= {
        path.name: ["is no longer generated"] for path in _find_obsolete_pages(root, pages)
    }
    if outdated:
        first = " | ".join(next(iter(outdated.values()))[:_NUM_DIFF_LINES])
        raise DataError(
            f"outdated in {root}: {', '.join(outdated)}; run `{LEADERBOARD_COMMAND}` to write "
            f"them again; the first differences: {first}"
        )


def _diff_lines(name: str, old: str, new: str) -> list[str]:
    lines = unified_diff(
        old.splitlines(),
        new.splitlines(),
        fromfile=f"{name}, on disk",
        tofile=name,
        n=0,
        lineterm="",
    )
    return list(lines)


def _check_replaceable(root: Path, pages: Mapping[str, str]) -> None:
    """Check that every page is new, or takes the place of one that the command wrote."""
    for path in (root / name for name in pages):
        if os.path.lexists(path) and not _is_generated(path):
            raise DataError(
                f"{path} is not a page that `{LEADERBOARD_COMMAND}` wrote: move it, or name "
                "another folder with --root"
            )


def _find_obsolete_pages(root: Path, pages: Mapping[str, str]) -> list[Path]:
    return [
        path for path in sorted(root.glob("*.md")) if path.name not in pages and _is_generated(path)
    ]


def _is_generated(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(GENERATED_MARK.encode())


def _render_index(
    papers: Sequence[ReportedTable],
    by_dataset: Mapping[str, Sequence[ReproducedRow]],
    submitted: Mapping[str, Sequence[SubmittedRow]],
) -> str:
    lines = [_format_paper_line(paper) for paper in papers]
    lines += [
        _format_dataset_line(name, by_dataset.get(name, []), rows)
        for name, rows in sorted(submitted.items())
    ]
    introduction = (
        f"`{LEADERBOARD_COMMAND}` writes these pages from `reported/*.toml`, the scores of "
        "papers, `reproduced/*.json`, the scores of our runs, and "
        f"`{SUBMISSIONS_FOLDER}/*`, the scores that others submitted; "
        f"`{LEADERBOARD_COMMAND} --check` fails if one is outdated.\n"
    )
    table = format_table(["Page", "Content", "Scores"], lines, num_text_columns=3)
    return render_page("Leaderboards", introduction, table)


def _format_paper_line(paper: ReportedTable) -> list[str]:
    num_scores = sum(len(values) for row in paper.rows for values in row.values.values())
    return [
        f"[Table {paper.table}](table-{paper.table}.md)",
        escape_markdown(paper.caption.partition(".")[0]),
        f"{num_scores} reported",
    ]


def _format_dataset_line(
    name: str, rows: Sequence[ReproducedRow], submitted: Sequence[SubmittedRow]
) -> list[str]:
    num_runs = sum(len(row.runs) for row in rows)
    submissions = f", {len(submitted)} submitted by others" if submitted else ""
    return [
        f"[{escape_markdown(name)}]({make_slug(name)}.md)",
        "All reproduced scores",
        f"{len(rows)} rows reproduced in {num_runs} runs{submissions}",
    ]
