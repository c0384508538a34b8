"""What reading a file of arrays raises if the file is not what it says."""

import zipfile
import zlib

from safetensors import SafetensorError

DAMAGED_ARRAY_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    MemoryError,
    SafetensorError,
)
"""Also `MemoryError`: the memory is asked for by the shape in the header, before any number of the
array is read."""
