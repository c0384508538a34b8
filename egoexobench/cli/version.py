"""`egoexobench --version`: the versions on which a result may depend."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import click

from egoexobench.entry_points import list_entry_points
from egoexobench.libraries import MEDIA_LIBRARY, RECORDED_LIBRARIES, find_version
from egoexobench.plugin_source import OWN_DISTRIBUTION
from egoexobench.registry import ENTRY_POINT_GROUP, FOLDER_GROUP
from egoexobench.terminal import show_text


def show_versions(ctx: click.Context) -> None:
    """Print a line a library and end the command."""
    for name, version in _iter_versions():
        show_text(f"{name} {version}")
    ctx.exit()


def _iter_versions() -> Iterator[tuple[str, str]]:
    """Yield the toolkit, Python, libraries and distributions with plug-ins."""
    yield OWN_DISTRIBUTION, find_version(OWN_DISTRIBUTION) or "not installed"
    yield "python", f"{platform.python_version()} ({platform.system()} {platform.machine()})"
    for library in RECORDED_LIBRARIES:
        if (version := find_version(library)) and library != OWN_DISTRIBUTION:
            yield library, version + (_describe_ffmpeg() if library == MEDIA_LIBRARY else "")
    entries = list_entry_points(ENTRY_POINT_GROUP, FOLDER_GROUP)
    distributions = {entry.distribution.name: entry.distribution for entry in entries}
    for name, distribution in sorted(distributions.items()):
        if name != OWN_DISTRIBUTION:
            yield f"plug-in {name}", distribution.version


def _describe_ffmpeg() -> str:
    """Return the versions of the libraries of FFmpeg that decode media."""
    try:
        from egoexobench.data.open_media import get_decoder_versions
    except ImportError as error:  # a file that PyAV needs may be missing
        return f" (cannot be imported: {error})"
    versions = get_decoder_versions()
    return f" (FFmpeg: {', '.join(f'{name} {version}' for name, version in versions.items())})"
