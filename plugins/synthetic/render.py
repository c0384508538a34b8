"""Renders the missing media files in parallel processes, and lists the complete ones.

A clip is written to a temporary name, renamed and listed. So a kill loses only unfinished clips,
and two processes can render the same data set at once: they write the same files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Thread

from egoexobench.errors import DataError, notify
from egoexobench.protocols import Progress
from egoexobench.toolbox.cores import count_cores
from egoexobench_plugins.synthetic.config import SyntheticConfig
from egoexobench_plugins.synthetic.file_list import LIST_NAME, FileList
from egoexobench_plugins.synthetic.files import MEDIA_FOLDER, list_file_names
from egoexobench_plugins.synthetic.worker import ERROR_MARK, render_files

MIN_CLIPS_PER_WORKER = 32
"""With fewer clips, the start of another process takes longer than it saves."""


def render_media(
    root: Path, config: SyntheticConfig, progress: Progress, workers: int | None = None
) -> None:
    """Render every media file that is missing or not as it was rendered, which one line says.

    Args:
        root: folder of the data set.
        config: what to render.
        progress: shows a stage if a file is missing.
        workers: number of processes; None for one per core.

    Raises:
        DataError: a file cannot be read or written.
    """
    folder = root / MEDIA_FOLDER
    try:
        files = FileList(root)
        paths = {name: f"{MEDIA_FOLDER}/{name}" for name in list_file_names(config)}
        missing = [name for name, path in paths.items() if not files.is_intact(path)]
        if not missing:
            return
        if damaged := files.select_damaged(paths[name] for name in missing):
            notify(
                f"{len(damaged)} of {len(paths)} films in {root} are not as {LIST_NAME} lists "
                f"them, the first is {damaged[0]}: they are rendered again"
            )
        folder.mkdir(parents=True, exist_ok=True)
        with progress.stage("render", len(missing)) as advance:
            for name in _render_parallel(folder, config, missing, workers or count_cores()):
                files.add(paths[name])
                advance(1)
    except OSError as error:
        raise DataError(f"cannot render into {folder}: {error}") from error


def _render_parallel(
    folder: Path, config: SyntheticConfig, names: list[str], workers: int
) -> Iterator[str]:
    """Render the named files, and yield each name when its file is complete."""
    workers = max(min(workers, len(names) // MIN_CLIPS_PER_WORKER), 1)
    if workers == 1:
        yield from render_files(folder, config, names)
        return
    lines: SimpleQueue[str | None] = SimpleQueue()
    with _running_workers(folder, config, [names[i::workers] for i in range(workers)]) as children:
        for child in children:
            Thread(target=_forward_lines, args=(child, lines), daemon=True).start()
        for _ in children:
            for line in iter(lines.get, None):
                if line.startswith(ERROR_MARK):
                    raise DataError(line.removeprefix(ERROR_MARK))
                yield line
        codes = [child.wait() for child in children]
    if any(codes):
        raise DataError(
            f"rendering into {folder} stopped: a worker process exited with code "
            f"{max(codes, key=abs)}, see its message above; run the command again to continue"
        )


def _forward_lines(child: subprocess.Popen[str], lines: SimpleQueue[str | None]) -> None:
    """Put the output of a worker into a queue, and None at its end."""
    for line in child.stdout or ():
        lines.put(line.rstrip("\n"))
    lines.put(None)


@contextmanager
def _running_workers(
    folder: Path, config: SyntheticConfig, shares: list[list[str]]
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start one worker for each list of names; every worker ends with the context."""
    command = [sys.executable, "-P", "-m", "egoexobench_plugins.synthetic.worker"]
    children: list[subprocess.Popen[str]] = []
    try:
        for names in shares:
            request = {"config": asdict(config), "folder": str(folder), "names": names}
            with TemporaryFile("w+") as file:
                file.write(json.dumps(request))
                file.seek(0)
                child = subprocess.Popen(command, stdin=file, stdout=subprocess.PIPE, text=True)  # noqa: S603
            children.append(child)
        yield children
    finally:
        for child in children:
            child.terminate()
            child.wait()
