"""Every generated page: made, written, compared with what is on disk."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

from egoexobench.atomic import save
from egoexobench.errors import DataError
from egoexobench.leaderboard import reported, reproduced
from egoexobench.leaderboard.dataset_page import dataset_page
from egoexobench.leaderboard.markdown import COMMAND, MARK, escape, page, table
from egoexobench.leaderboard.paper_page import printed_page
from egoexobench.records.store import load, safe

if TYPE_CHECKING:
    from pathlib import Path

    from egoexobench.leaderboard.reported import Reported
    from egoexobench.leaderboard.reproduced import Reproduced

INDEX = "README.md"
_DIFF_LINES = 12


def tables(root: Path, *, mix_protocols: bool = False) -> dict[str, str]:
    """Return file name and text of every page, from the data under ``root``.

    Args:
        root: The leaderboards folder, with ``reported/*.toml`` and ``reproduced/*.json``.
        mix_protocols: Let different tracks share a column, with a footnote at each.

    Raises:
        DataError: if a file does not fit its schema, nothing is reported, or one column would
            mix tracks.
    """
    printed = reported.load(root)
    if not printed:
        raise DataError(f"{root} holds no {reported.FOLDER}/*.toml; give the leaderboards folder")
    groups = reproduced.load(root)
    names = sorted({"synthetic", *(group.dataset.name for group in groups)})
    pages = {
        f"table-{one.table}.md": printed_page(one, groups, mix_protocols=mix_protocols)
        for one in printed
    }
    for name in names:
        found = [group for group in groups if group.dataset.name == name]
        pages[f"{safe(name)}.md"] = dataset_page(name, found, mix_protocols=mix_protocols)
    return {INDEX: _index(printed, groups, names), **pages}


def write(root: Path, *, mix_protocols: bool = False) -> list[Path]:
    """Write every page and remove generated ones that are no longer made."""
    pages = tables(root, mix_protocols=mix_protocols)
    for name, text in pages.items():
        save(root / name, text)
    for path in _leftover(root, pages):
        path.unlink()
    return [root / name for name in pages]


def check(root: Path, *, mix_protocols: bool = False) -> None:
    """Compare every page with what is on disk.

    Raises:
        DataError: naming the stale files, with the first lines that differ.
    """
    pages = tables(root, mix_protocols=mix_protocols)
    stale: dict[str, list[str]] = {}
    for name, text in pages.items():
        old = load(root / name) if (root / name).is_file() else ""
        if old != text:
            stale[name] = list(
                unified_diff(
                    old.splitlines(), text.splitlines(), f"{name}, on disk", name, "", "", 0, ""
                )
            )
    stale |= {path.name: ["is no longer made"] for path in _leftover(root, pages)}
    if stale:
        first = "\n".join(next(iter(stale.values()))[:_DIFF_LINES])
        raise DataError(
            f"stale in {root}: {', '.join(stale)}; `{COMMAND}` writes them anew\n{first}"
        )


def _leftover(root: Path, pages: dict[str, str]) -> list[Path]:
    return [
        path
        for path in sorted(root.glob("*.md"))
        if path.name not in pages and load(path).startswith(MARK)
    ]


def _index(printed: list[Reported], groups: list[Reproduced], names: list[str]) -> str:
    rows = [
        [
            f"[Table {one.table}](table-{one.table}.md)",
            escape(one.caption.partition(".")[0]),
            f"{sum(len(cells) for row in one.rows for cells in row.values.values())} reported",
        ]
        for one in printed
    ]
    for name in names:
        found = [group for group in groups if group.dataset.name == name]
        runs = sum(len(group.runs) for group in found)
        what = f"{len(found)} rows reproduced in {runs} runs"
        rows.append([f"[{escape(name)}]({safe(name)}.md)", "Every reproduced number", what])
    made = (
        f"`{COMMAND}` writes these pages from `reported/*.toml`, the numbers of papers, and "
        f"`reproduced/*.json`, the numbers of our runs; `{COMMAND} --check` fails when one is "
        "stale.\n"
    )
    return page("Leaderboards", made, table(["Page", "What", "Numbers"], rows, words=3))
