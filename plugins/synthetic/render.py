"""Renders the missing media files in parallel processes, and lists the complete ones.

A clip is written to a temporary name and renamed. So a kill loses only the unfinished clips, and
two processes can render the same data set at once: they write the same files.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Thread

from pydantic import BaseModel, ValidationError

from egoexobench.errors import DataError
from egoexobench.protocols import Progress
from egoexobench.toolbox.storage import atomic_path
from egoexobench_plugins.synthetic.config import SyntheticConfig, hash_config
from egoexobench_plugins.synthetic.files import MEDIA_FOLDER, list_files
from egoexobench_plugins.synthetic.worker import render_files

MANIFEST_NAME = "complete.json"
MIN_CLIPS_PER_WORKER = 32
"""With fewer clips, the start of another process takes longer than it saves."""


class FileEntry(BaseModel):
    """Size and hash of a rendered file."""

    size: int
    sha256: str


class RenderManifest(BaseModel):
    """All rendered files by name; written when every file is complete."""

    fingerprint: str
    files: dict[str, FileEntry]


def render_media(
    root: Path, config: SyntheticConfig, progress: Progress, workers: int | None = None
) -> None:
    """Render every media file that is missing or has the wrong size.

    Args:
        root: folder of the manifest.
        config: what to render.
        progress: shows a stage if a file is missing.
        workers: number of processes; None for one per core.

    Raises:
        DataError: a file cannot be written.
    """
    folder, manifest = root / MEDIA_FOLDER, _read_manifest(root, config)
    names = list(manifest.files) if manifest else [file.name for file in list_files(config)]
    missing = [name for name in names if not _is_complete(folder / name, manifest)]
    if manifest and not missing:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with progress.stage("render", len(missing)) as advance:
            for _ in _render_parallel(folder, config, missing, workers or os.cpu_count() or 1):
                advance(1)
        _write_manifest(root, config, names)
    except OSError as error:
        raise DataError(f"cannot render into {folder}: {error}") from error


def _read_manifest(root: Path, config: SyntheticConfig) -> RenderManifest | None:
    try:
        manifest = RenderManifest.model_validate_json((root / MANIFEST_NAME).read_bytes())
    except (OSError, ValidationError):
        return None
    return manifest if manifest.fingerprint == hash_config(config) else None


def _is_complete(path: Path, manifest: RenderManifest | None) -> bool:
    try:
        size = path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return False
    return size == manifest.files[path.name].size if manifest else size > 0


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
            yield from iter(lines.get, None)
        codes = [child.wait() for child in children]
    if any(codes):
        raise DataError(
            f"rendering into {folder} stopped: a worker process exited with code "
            f"{max(codes, key=abs)}, see its message above; run the command again to continue"
        )


def _forward_lines(child: subprocess.Popen[str], lines: SimpleQueue[str | None]) -> None:
    """Put the output of a worker into a queue, and None at its end."""
    for line in child.stdout or ():
        lines.put(line.strip())
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


def _write_manifest(root: Path, config: SyntheticConfig, names: list[str]) -> None:
    files = {}
    for name in names:
        content = (root / MEDIA_FOLDER / name).read_bytes()
        files[name] = FileEntry(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    manifest = RenderManifest(fingerprint=hash_config(config), files=files)
    with atomic_path(root / MANIFEST_NAME) as draft:
        draft.write_text(manifest.model_dump_json())
