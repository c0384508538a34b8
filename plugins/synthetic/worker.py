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

from egoexobench.errors import DataError
from egoexobench_plugins.synthetic.config import SyntheticConfig

ERROR_MARK = "\t"
"""What a line begins with that is no name of a file but says why the process ends."""
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def render_files(folder: Path, config: SyntheticConfig, names: Sequence[str]) -> Iterator[str]:
    """Render the named files, and yield each name when its file is complete."""
    # here, so that a signal during these imports has a handler already
    from egoexobench_plugins.synthetic.encode_video import write_clip
    from egoexobench_plugins.synthetic.files import list_files

    files = {file.name: file for file in list_files(config)}
    for name in names:
        write_clip(folder / name, files[name].script, files[name].view, config)
        yield name


def main() -> None:
    """Read a request from standard input and render its files, until a signal comes.

    The process ends after the film that it renders: an exception would be lost inside of the
    encoder, and a draft would remain.
    """
    signals: list[int] = []
    for number in _ENDING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as SIGHUP is under nohup
            signal.signal(number, lambda number, _: signals.append(number))
    request = json.load(sys.stdin)
    folder, config = Path(request["folder"]), SyntheticConfig(**request["config"])
    try:
        for name in render_files(folder, config, request["names"]):
            os.write(1, f"{name}\n".encode())
            if signals:
                sys.exit(1)
    except BrokenPipeError:  # the parent process has ended
        sys.exit(1)
    except (DataError, OSError) as error:
        os.write(1, f"{ERROR_MARK}{error}\n".encode(errors="backslashreplace"))
        sys.exit(1)


if __name__ == "__main__":
    main()
