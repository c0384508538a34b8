"""The code blocks of the documentation, and the comments in front of them that say how they run.

| comment | meaning |
|---|---|
| none | a shell or Python block runs as it is, at a small size |
| `<!-- run: DIR -> clips; E -> logmel -->` | it runs with `clips` in the place of `DIR`, ... |
| `<!-- not run: REASON -->` | it does not run; its commands and options are checked nevertheless |
| `<!-- file: NAME -->` | the text of the block is written into the file, for the blocks below |
| `<!-- output -->` | what the block above prints, in which numbers may differ |

`python tests/examples/page_blocks.py` prints how many blocks run, and each reason of the others.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATTERNS = ("*.md", "docs/*.md", "docs/decisions/*.md", "leaderboards/*.md", "plugins/**/*.md")
SHELL, PYTHON = ("sh", "bash", "console"), ("python",)
BLOCK = re.compile(
    r"(?:^[ ]*<!--(?P<comment>(?:(?!-->).)*)-->\n+)?^(?P<indent>[ ]*)```(?P<language>\w*)\n"
    r"(?P<text>.*?)^[ ]*```[ ]*$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class PageBlock:
    """A block of code; ``comment`` is the text of the comment in front of it."""

    page: str
    line: int
    language: str
    text: str
    comment: str

    @property
    def is_code(self) -> bool:
        """Whether it is a shell or a Python block."""
        return self.language in SHELL + PYTHON

    @property
    def skip_reason(self) -> str | None:
        """Why it does not run; None if it runs."""
        return _get_value(self.comment, "not run")

    @property
    def file_name(self) -> str | None:
        """The file that contains its text."""
        return _get_value(self.comment, "file")

    @property
    def is_output(self) -> bool:
        """Whether it shows what the block above prints."""
        return self.comment == "output"

    @property
    def replaced_text(self) -> str:
        """Its text with the words of `run:` replaced."""
        text = self.text
        for entry in filter(None, (_get_value(self.comment, "run") or "").split("; ")):
            old, new = entry.split(" -> ")
            text, count = re.subn(rf"(?<!\w){re.escape(old)}(?!\w)", lambda _: new, text)  # noqa: B023
            assert count, f"{self}: {old} is not in the block"
        return text

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def _get_value(comment: str, key: str) -> str | None:
    name, mark, value = comment.partition(":")
    return value.strip() if mark and name == key else None


def read_blocks(page: Path) -> list[PageBlock]:
    """All blocks of a page, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    blocks = [
        PageBlock(
            page=page.relative_to(ROOT).as_posix(),
            line=text.count("\n", 0, match.start("indent")) + 1,
            language=match["language"],
            text=re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
            comment=(match["comment"] or "").strip(),
        )
        for match in BLOCK.finditer(text)
    ]
    assert len(blocks) == len(re.findall(r"^ *```\w*$", text, re.MULTILINE)) / 2, page
    return blocks


def list_pages() -> list[Path]:
    """Pages with at least one shell or Python block."""
    pages = sorted(page for pattern in PATTERNS for page in ROOT.glob(pattern))
    return [page for page in pages if any(block.is_code for block in read_blocks(page))]


def print_report() -> None:
    """Print how many blocks run, and why the others do not."""
    blocks = [block for page in list_pages() for block in read_blocks(page) if block.is_code]
    reasons = Counter(block.skip_reason for block in blocks)
    print(f"{len(blocks)} blocks, {reasons.pop(None, 0)} run")
    for block in blocks:
        if block.skip_reason:
            print(f"  {block}: {block.skip_reason}")


if __name__ == "__main__":
    print_report()
