"""A process that renders some of the clips and prints the name of each finished file.

`render` starts it with ``python -m``: a child process of multiprocessing would import the main
module of the caller again, which may import torch or lack a main guard.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from egoexobench_plugins.synthetic.config import SyntheticConfig
from egoexobench_plugins.synthetic.encode_video import write_clip
from egoexobench_plugins.synthetic.files import list_files


def render_files(folder: Path, config: SyntheticConfig, names: Sequence[str]) -> Iterator[str]:
    """Render the named files, and yield each name when its file is complete."""
    files = {file.name: file for file in list_files(config)}
    for name in names:
        write_clip(folder / name, files[name].script, files[name].view, config)
        yield name


def main() -> None:
    """Read a request from standard input and render its files; a signal removes the draft."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    request = json.load(sys.stdin)
    folder, config = Path(request["folder"]), SyntheticConfig(**request["config"])
    try:
        for name in render_files(folder, config, request["names"]):
            os.write(1, f"{name}\n".encode())
    except (KeyboardInterrupt, BrokenPipeError):  # the parent process is ending or has ended
        sys.exit(1)
    except OSError as error:
        sys.exit(f"cannot render: {error}")


if __name__ == "__main__":
    main()
