"""Renders what is missing, in processes side by side, and keeps account of what is there.

A clip is written under a draft's name and renamed, so that a kill costs the clips in flight and
two renderings of one set do not disturb each other: they write the same clips.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Thread

from pydantic import BaseModel, ValidationError

from egoexobench.errors import DataError
from egoexobench.protocols import Progress
from egoexobench.toolbox.storage import atomic_path
from egoexobench_plugins.synthetic.config import Dials, fingerprint
from egoexobench_plugins.synthetic.files import MEDIA, reels
from egoexobench_plugins.synthetic.worker import work

COMPLETE = "complete.json"
WORTH = 32
"""Fewest clips that are worth a process of their own."""
STALE = 3600.0
"""Age from which a draft is taken for what a kill left behind, s."""


class File(BaseModel):
    """One rendered file."""

    size: int
    sha256: str


class Complete(BaseModel):
    """What was rendered; written when everything is."""

    fingerprint: str
    files: dict[str, File]


def render(root: Path, dials: Dials, progress: Progress, workers: int | None = None) -> None:
    """Make sure that every media file is there.

    Args:
        root: folder of the manifest.
        dials: what to render.
        progress: shows a stage if anything is missing.
        workers: processes; None for one a core.

    Raises:
        DataError: if a file cannot be written.
    """
    folder, account = root / MEDIA, _account(root, dials)
    names = list(account.files) if account else [reel.name for reel in reels(dials)]
    missing = [name for name in names if not _whole(folder / name, account)]
    if account and not missing:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with progress.stage("render", len(missing)) as advance:
            for _ in _rendered(folder, dials, missing, workers or os.cpu_count() or 1):
                advance(1)
        _sweep(folder)
        _complete(root, dials, names)
    except OSError as error:
        raise DataError(f"cannot render into {folder}: {error}") from error


def _account(root: Path, dials: Dials) -> Complete | None:
    try:
        found = Complete.model_validate_json((root / COMPLETE).read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.fingerprint == fingerprint(dials) else None


def _whole(path: Path, account: Complete | None) -> bool:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return False
    return size == account.files[path.name].size if account else size > 0


def _rendered(folder: Path, dials: Dials, names: list[str], workers: int) -> Iterator[str]:
    """Render files and yield the name of each one that is done."""
    workers = max(min(workers, len(names) // WORTH), 1)
    if workers == 1:
        yield from work(folder, dials, names)
        return
    lines: SimpleQueue[str | None] = SimpleQueue()
    with _children(folder, dials, [names[i::workers] for i in range(workers)]) as children:
        for child in children:
            Thread(target=_listen, args=(child, lines), daemon=True).start()
        for _ in children:
            yield from iter(lines.get, None)
        codes = [child.wait() for child in children]
    if any(codes):
        raise DataError(
            f"rendering into {folder} stopped: a worker ended with code {max(codes, key=abs)}; "
            "its own message is above, and another run goes on from here"
        )


def _listen(child: subprocess.Popen[str], lines: SimpleQueue[str | None]) -> None:
    for line in child.stdout or ():
        lines.put(line.strip())
    lines.put(None)


@contextmanager
def _children(
    folder: Path, dials: Dials, shares: list[list[str]]
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start one worker a share of the names; none of them outlives the context."""
    command = [sys.executable, "-P", "-m", "egoexobench_plugins.synthetic.worker"]
    children: list[subprocess.Popen[str]] = []
    try:
        for names in shares:
            order = json.dumps({"dials": asdict(dials), "folder": str(folder), "names": names})
            with TemporaryFile("w+") as file:
                file.write(order)
                file.seek(0)
                child = subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, text=True)  # noqa: S603
            children.append(child)
        yield children
    finally:
        for child in children:
            child.terminate()
            child.wait()


def _sweep(folder: Path) -> None:
    """Remove drafts that a kill left behind."""
    for draft in folder.glob(".*"):
        with suppress(FileNotFoundError):  # another process has just renamed its own
            if time.time() - draft.stat().st_mtime > STALE:
                draft.unlink()


def _complete(root: Path, dials: Dials, names: list[str]) -> None:
    files = {}
    for name in names:
        content = (root / MEDIA / name).read_bytes()
        files[name] = File(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    with atomic_path(root / COMPLETE) as draft:
        draft.write_text(Complete(fingerprint=fingerprint(dials), files=files).model_dump_json())
