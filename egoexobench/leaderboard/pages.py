"""Every generated page: made, written, compared with what is on disk."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

from egoexobench.errors import DataError
from egoexobench.files import write_text_atomic
from egoexobench.leaderboard import reported, reproduced
from egoexobench.leaderboard.dataset_page import dataset_page
from egoexobench.leaderboard.markdown import (
    GENERATED_MARK,
    LEADERBOARD_COMMAND,
    escape_markdown,
    markdown_table,
    render_page,
)
from egoexobench.leaderboard.paper_page import paper_table_page
from egoexobench.records.store import read_text, slug

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.leaderboard.reported import ReportedTable
    from egoexobench.leaderboard.reproduced import ReproducedRow

INDEX_PAGE = "README.md"
_DIFF_LINES = 12


def build_pages(root: Path, *, mix_protocols: bool = False) -> dict[str, str]:
    """Return file name and text of every page, from the data under ``root``.

    Args:
        root: The leaderboards folder, with ``reported/*.toml`` and ``reproduced/*.json``.
        mix_protocols: Let different tracks share a column, with a footnote at each.

    Raises:
        DataError: if a file does not fit its schema, nothing is reported, or one column would
            mix tracks.
    """
    printed = reported.read_reported_tables(root)
    if not printed:
        raise DataError(f"{root} holds no {reported.FOLDER}/*.toml; give the leaderboards folder")
    groups = reproduced.read_reproduced_rows(root)
    names = sorted({"synthetic", *(group.dataset.name for group in groups)})
    pages = {
        f"table-{one.table}.md": paper_table_page(one, groups, mix_protocols=mix_protocols)
        for one in printed
    }
    for name in names:
        found = [group for group in groups if group.dataset.name == name]
        pages[f"{slug(name)}.md"] = dataset_page(name, found, mix_protocols=mix_protocols)
    return {INDEX_PAGE: _index_page(printed, groups, names), **pages}


def write_pages(root: Path, *, mix_protocols: bool = False) -> list[Path]:
    """Write every page and remove generated ones that are no longer made."""
    pages = build_pages(root, mix_protocols=mix_protocols)
    for name, text in pages.items():
        write_text_atomic(root / name, text)
    for path in _obsolete_pages(root, pages):
        path.unlink()
    return [root / name for name in pages]


def check_pages(root: Path, *, mix_protocols: bool = False) -> None:
    """Compare every page with what is on disk.

    Raises:
        DataError: naming the stale files, with the first lines that differ.
    """
    pages = build_pages(root, mix_protocols=mix_protocols)
    stale: dict[str, list[str]] = {}
    for name, text in pages.items():
        old = read_text(root / name) if (root / name).is_file() else ""
        if old != text:
            stale[name] = list(
                unified_diff(
                    old.splitlines(), text.splitlines(), f"{name}, on disk", name, "", "", 0, ""
                )
            )
    stale |= {path.name: ["is no longer made"] for path in _obsolete_pages(root, pages)}
    if stale:
        first = "\n".join(next(iter(stale.values()))[:_DIFF_LINES])
        raise DataError(
            f"stale in {root}: {', '.join(stale)}; run `{LEADERBOARD_COMMAND}` to write them again"
            f"\n{first}"
        )


def _obsolete_pages(root: Path, pages: dict[str, str]) -> list[Path]:
    return [
        path
        for path in sorted(root.glob("*.md"))
        if path.name not in pages and read_text(path).startswith(GENERATED_MARK)
    ]


def _index_page(printed: list[ReportedTable], groups: list[ReproducedRow], names: list[str]) -> str:
    rows = [
        [
            f"[Table {one.table}](table-{one.table}.md)",
            escape_markdown(one.caption.partition(".")[0]),
            f"{sum(len(cells) for row in one.rows for cells in row.values.values())} reported",
        ]
        for one in printed
    ]
    for name in names:
        found = [group for group in groups if group.dataset.name == name]
        runs = sum(len(group.runs) for group in found)
        what = f"{len(found)} rows reproduced in {runs} runs"
        rows.append(
            [f"[{escape_markdown(name)}]({slug(name)}.md)", "Every reproduced number", what]
        )
    made = (
        f"`{LEADERBOARD_COMMAND}` writes these pages from `reported/*.toml`, the numbers of "
        "papers, and `reproduced/*.json`, the numbers of our runs; "
        f"`{LEADERBOARD_COMMAND} --check` fails when one is stale.\n"
    )
    return render_page(
        "Leaderboards", made, markdown_table(["Page", "What", "Numbers"], rows, words=3)
    )
