"""The cases of `benchmarks/faults.py`, a file for each kind; helpers of ``tests/`` make files."""

import sys
from pathlib import Path

TESTS = str(Path(__file__).parents[2] / "tests")
if TESTS not in sys.path:
    sys.path.append(TESTS)
