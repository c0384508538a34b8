"""A note names the line of the user's code."""

import inspect
import warnings
from types import ModuleType

import pytest

from egoexobench import errors
from egoexobench.errors import NoticeWarning, notify

INNER = """
def run():
    load()

def load():
    notify("a note")
"""


def test_a_note_names_the_line_that_called_the_toolkit() -> None:
    toolkit = ModuleType("egoexobench.inner")
    vars(toolkit)["notify"] = notify
    exec(INNER, vars(toolkit))
    frame = inspect.currentframe()
    assert frame
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = frame.f_lineno + 1
        toolkit.run()
    (note,) = caught
    assert (note.category, str(note.message)) == (NoticeWarning, "a note")
    assert (note.filename, note.lineno) == (__file__, line)


def test_the_old_name_of_an_error_still_works_and_warns() -> None:
    with pytest.warns(FutureWarning, match="use ModelUnavailableError"):
        assert errors.CaptionerUnavailableError is errors.ModelUnavailableError
    with pytest.raises(AttributeError):
        _ = errors.NoSuchError
