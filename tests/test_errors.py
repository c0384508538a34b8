"""A note names the line of the user's code."""

import ast
import inspect
import warnings
from pathlib import Path
from types import ModuleType

import pytest

import egoexobench
import egoexobench_baselines
import egoexobench_plugins
from egoexobench import errors
from egoexobench.errors import NoticeWarning, notify

PACKAGES = (egoexobench, egoexobench_baselines, egoexobench_plugins)

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


def test_no_message_of_ours_has_several_lines_and_none_shows_the_words_of_pydantic() -> None:
    shown = {name for name in vars(errors) if name.endswith("Error")} | {"notify"}
    faults = []
    for package in PACKAGES:
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in shown:
                    texts = (part for part in ast.walk(node) if isinstance(part, ast.Constant))
                    if any("\n" in text.value for text in texts if isinstance(text.value, str)):
                        faults.append(f"{path}:{node.lineno}: a line feed")
                if isinstance(node, ast.Constant) and node.value == "msg":
                    faults.append(f"{path}:{node.lineno}: use format_validation_reason")
    assert [line for line in faults if "/errors.py" not in line] == []
