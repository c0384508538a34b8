"""Every encoder at tiny size, on the device and on the CPU."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from small_encoders import iter_small_encoders

from gpu_sections.token_comparison import compare_tokens, create_workload


def measure_rows(
    device: str, *, is_tiny: bool = True, only: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Yield a row for each encoder, or for those with some labels; one that fails has its error."""
    del is_tiny  # they always are
    with tempfile.TemporaryDirectory() as folder:
        for encoder in iter_small_encoders(Path(folder), only):
            try:
                row = compare_tokens(create_workload(encoder.spec, encoder.num_frames), device)
            except Exception as error:  # an encoder may fail in any way, and others follow
                first_line = str(error).partition("\n")[0]
                row = {"passed": False, "failure": f"{type(error).__name__}: {first_line}"}
            yield {"name": encoder.label, **row}
