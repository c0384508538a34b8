"""The process without plug-ins: reads paths on standard input, writes results on standard output.

It is started by :mod:`egoexobench.verification.process` and imports neither the registry nor any
plug-in.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

from egoexobench.errors import RenamedWarning
from egoexobench.verification.bundle import verify_bundle


def verify_standard_input() -> None:
    """Verify every bundle whose path is in the JSON list on standard input."""
    warnings.simplefilter("ignore", RenamedWarning)
    paths = [Path(text) for text in json.load(sys.stdin)]
    results = [verify_bundle(path) for path in paths]
    fields = [[str(item.record), item.differences, item.skipped] for item in results]
    sys.stdout.write(json.dumps(fields))
