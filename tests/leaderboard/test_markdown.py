from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from egoexobench.leaderboard.markdown import escape_markdown, format_table
from egoexobench.leaderboard.render import format_code
from egoexobench.visible_text import make_visible

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1
)


class CellParser(HTMLParser):
    """The text of every table cell, as a browser would show it."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def parse_cells(text: str) -> CellParser:
    cells = CellParser()
    cells.feed(MARKDOWN.render(text))
    return cells


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=4))
def test_any_name_is_shown_as_it_is_and_stays_in_its_cell(rows: list[tuple[str, str]]) -> None:
    text = format_table(["a", "b"], [[escape_markdown(cell) for cell in row] for row in rows])
    shown = parse_cells(text)
    assert shown.rows == [["a", "b"], *(list(map(make_visible, row)) for row in rows)]
    assert set(shown.tags) == {"table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize(
    "name",
    [
        "SoundBridge*",
        "EgoExo [12](http://x)",
        "a|b",
        "<script>alert(1)</script>",
        "<!-- c -->",
        "**bold** _it_ `code` ~~no~~",
        "back\\|slash",
        "&amp; &lt;",
        "![i](x)",
    ],
)
def test_markup_in_a_name_does_nothing(name: str) -> None:
    shown = parse_cells(format_table(["Method", "n"], [[escape_markdown(name), "1"]]))
    assert shown.rows[1] == [name, "1"]


def test_what_a_terminal_or_a_browser_obeys_is_an_escape() -> None:
    assert escape_markdown("\x1b[2J\u202etxt.4pm") == r"\\u001b\[2J\\u202etxt.4pm"
    assert format_code("a`b\u202ec") == r"`` a`b\u202ec ``"


def test_a_name_with_line_breaks_stays_on_one_line() -> None:
    assert escape_markdown("two\n  lines\r\nthree") == "two lines three"


def test_columns_line_up_in_the_raw_text() -> None:
    lines = format_table(["Method", "a"], [["x", "1.0"], ["a long name", "100.0"]]).splitlines()
    bars = [[position for position, letter in enumerate(line) if letter == "|"] for line in lines]
    assert all(bar == bars[0] for bar in bars)
    assert lines[1].endswith("---: |")
    assert lines[2].endswith("   1.0 |")


def test_a_row_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        format_table(["a", "b"], [["only one"]])
