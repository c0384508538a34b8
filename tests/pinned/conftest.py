"""Pinned files: what the toolkit must still answer, word for word and digit for digit.

A change that moves one of them on purpose rewrites all of them with
`python -m pytest tests/pinned --update-pinned`; the commit says why they moved.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture
def read_pinned(request: pytest.FixtureRequest) -> Callable[[str, str], str]:
    """A function of file name and current text that returns the pinned text.

    With `--update-pinned` it first writes the current text into the file.
    """

    def read(file_name: str, current_text: str) -> str:
        path = FOLDER / file_name
        if request.config.getoption("--update-pinned"):
            path.write_text(current_text)
        return path.read_text()

    return read
