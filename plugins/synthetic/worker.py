"""A process that renders some of the clips, one line on standard output for each.

Run by `render` as ``python -m``: a child made by multiprocessing would import the caller's main
module again, which may import torch or have no guard.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from egoexobench_plugins.synthetic.config import Dials
from egoexobench_plugins.synthetic.encode_video import shoot
from egoexobench_plugins.synthetic.files import reels


def work(folder: Path, dials: Dials, names: Sequence[str]) -> Iterator[str]:
    """Render files and yield the name of each one that is done."""
    found = {reel.name: reel for reel in reels(dials)}
    for name in names:
        shoot(folder / name, found[name].script, found[name].view, dials)
        yield name


def main() -> None:
    """Read from standard input what to render."""
    order = json.load(sys.stdin)
    try:
        for name in work(Path(order["folder"]), Dials(**order["dials"]), order["names"]):
            os.write(1, f"{name}\n".encode())
    except (KeyboardInterrupt, BrokenPipeError):  # the parent is going or gone
        sys.exit(1)
    except OSError as error:
        sys.exit(f"cannot render: {error}")


if __name__ == "__main__":
    main()
