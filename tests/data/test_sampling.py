import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egoexobench.data.sampling import segment_centres

GOLDENS = Path(os.environ.get("EGOEXOBENCH_GOLDENS", "../shared/goldens"))


@given(
    fps=st.sampled_from([8.0, 24.0, 25.0, 29.97, 30.0, 60.0]),
    frames=st.integers(1, 2000),
    start=st.floats(0, 40),
    length=st.floats(0, 20),
    count=st.integers(1, 32),
)
def test_indices_stay_in_the_file_and_never_go_back(
    fps: float, frames: int, start: float, length: float, count: int
) -> None:
    found = segment_centres(fps, frames, start, start + length, count)
    assert len(found) == count
    assert found.min() >= 0
    assert found.max() < frames
    assert (np.diff(found) >= 0).all()


@pytest.mark.golden
@pytest.mark.skipif(not GOLDENS.is_dir(), reason=f"no reference outputs in {GOLDENS}")
def test_indices_equal_those_of_egoexolearn_and_soundbridge() -> None:
    compared = 0
    for path in sorted(GOLDENS.glob("frame-sampling-*.json")):
        tables = json.loads(path.read_text())
        for name in ("egoexolearn", "soundbridge"):
            for fps, frames, start, end, count, indices, _ in tables[name]["rows"]:
                if indices is not None:
                    compared += 1
                    assert segment_centres(fps, frames, start, end, count).tolist() == indices
    assert compared
