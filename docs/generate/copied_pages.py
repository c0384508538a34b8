"""The pages that people write, with links that work on the site."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

ROOT_PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
FOLDERS = ("docs", "leaderboards")
LINK_OR_CODE = re.compile(
    r"^```.*?^```|\[(?P<text>[^\]\n]*)\]\((?P<target>[^)\s]+)\)|`[^`\n]*`",
    re.DOTALL | re.MULTILINE,
)
"""The text of a link may contain code; a link inside of code is none."""


def copy_pages(root: Path, out: Path) -> None:
    """Copy every page below ``out``; `docs/NAME.md` becomes `NAME.md` and the README the index."""
    targets = list_link_targets(root)
    for source, page in list_pages(root).items():
        target = out / page
        target.parent.mkdir(parents=True, exist_ok=True)
        text = root.joinpath(source).read_text(encoding="utf-8")
        target.write_text(change_links(text, source, targets), encoding="utf-8")


def list_pages(root: Path) -> dict[str, str]:
    """Paths on the site by paths in the repository."""
    pages = dict(ROOT_PAGES)
    for folder in FOLDERS:
        for path in sorted(root.joinpath(folder).rglob("*.md")):
            source = path.relative_to(root).as_posix()
            pages[source] = source.removeprefix("docs/")
    return pages


def list_link_targets(root: Path) -> dict[str, str]:
    """The pages and the notebooks, which become pages, by paths in the repository."""
    notebooks = [path.relative_to(root) for path in root.glob("docs/notebooks/*.ipynb")]
    pages = {path.as_posix(): path.relative_to("docs").with_suffix(".md") for path in notebooks}
    return list_pages(root) | {source: page.as_posix() for source, page in pages.items()}


def change_links(text: str, source: str, targets: dict[str, str]) -> str:
    """Point links to pages of the site; a link to a file that is no page becomes its text."""

    def change(match: re.Match[str]) -> str:
        path, mark, anchor = (match["target"] or "").partition("#")
        if match["target"] is None or re.match(r"[a-z]+:", path):
            return match[0]
        path = path or PurePosixPath(source).name
        target = normpath(PurePosixPath(source).parent.joinpath(path).as_posix())
        if target not in targets:
            return match["text"]
        start = PurePosixPath(targets[source]).parent.as_posix()
        anchor = re.sub("-+", "-", anchor)  # GitHub keeps the dashes that stand side by side
        return f"[{match['text']}]({relpath(targets[target], start)}{mark}{anchor})"

    return LINK_OR_CODE.sub(change, text)
