"""Text from outside is shown as it is."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.visible_text import ENCODING_ERRORS, make_visible, make_visible_line

ACTING = "\x00\x07\x08\r\x1b\x7f\x9b\u200e\u202e\u2028\u2066\ufeff\ud800\udcff\U000e0041"


@pytest.mark.parametrize("letter", ACTING)
def test_what_acts_is_written_as_an_escape(letter: str) -> None:
    assert make_visible(f"a{letter}b").isascii()


@given(st.text())
def test_nothing_that_acts_is_left_and_the_data_of_a_json_text_are_the_same(text: str) -> None:
    shown = make_visible_line(text)
    joiners = "\u200c\u200d"
    assert all(
        letter in joiners or unicodedata.category(letter) not in ("Cc", "Cs") for letter in shown
    )
    assert make_visible(shown) == shown
    written = json.dumps(text, ensure_ascii=False)
    assert json.loads(make_visible(written)) == text


def test_ordinary_text_of_any_script_stays() -> None:
    text = "C opens a tin\n\tté naïve 日本語 हिन्दी क्\u200dष 👩\u200d🍳 – [/bold] $x$"
    assert make_visible(text) == text


def test_what_an_encoding_lacks_is_an_escape_of_json() -> None:
    assert "é–👍".encode("latin-1", ENCODING_ERRORS) == b"\xe9\\u2013\\ud83d\\udc4d"
