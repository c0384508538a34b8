"""How a command shows the progress of long work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from egoexobench.protocols import Progress


def create_progress(*, is_quiet: bool = False) -> Progress:
    """Return progress bars for a terminal, and nothing for a pipe or a quiet command."""
    from egoexobench.progress import NullProgress, RichProgress

    return NullProgress() if is_quiet or not sys.stderr.isatty() else RichProgress()
