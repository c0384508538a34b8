"""How a command shows the progress of long work."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from egoexobench.protocols import Progress


def create_progress(*, is_quiet: bool = False) -> Progress:
    """Return progress bars for a terminal, lines for a pipe, and nothing for a quiet command."""
    from egoexobench.progress import LineProgress, NullProgress, RichProgress

    if is_quiet:
        return NullProgress()
    return RichProgress() if sys.stderr.isatty() else LineProgress()
