"""Builds the site in memory, and again when its files change."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, final

from egoexobench.errors import DataError, notify
from egoexobench.terminal import show_text
from egoexobench.viewer.request_handler import VIEW_POLICY
from egoexobench.viewer.site_content import SiteContent
from egoexobench.viewer.watched_files import FileState, read_file_states
from egoexobench.visible_text import make_visible_line

if TYPE_CHECKING:
    from egoexobench.site.inputs import SiteInputs
    from egoexobench.site.opened_dataset import OpenedDataset
    from egoexobench.viewer.site_server import SiteServer

RELOAD_SCRIPT = Path(__file__).with_name("reload.js")


@final
class SiteBuilder:
    """What a site is built from.

    Args:
        runs: records, and folders of them.
        root: the leaderboards folder.
        datasets: data sets whose texts, clips and report are shown.
    """

    def __init__(
        self, runs: Sequence[Path], root: Path, datasets: Sequence[OpenedDataset] = ()
    ) -> None:
        self._runs, self._root = runs, root
        self.datasets = tuple(datasets)
        self._problems: set[str] = set()
        self._states: frozenset[FileState] = frozenset()

    def is_outdated(self) -> bool:
        """Whether a file has changed since the site was built, or while it was."""
        return self._states != self._read_states()

    def load_inputs(self) -> SiteInputs:
        """Read the files as they are now.

        Raises:
            DataError: if there is nothing to show.
        """
        from egoexobench.site.inputs import load_site_inputs

        self._states = self._read_states()  # before they are read
        return load_site_inputs(self._runs, self._root)

    def build_content(self, inputs: SiteInputs | None = None) -> SiteContent:
        """Return the site of the files as they are now, or of what was read of them.

        Raises:
            DataError: if there is nothing to show, or a data set is not that of a run.
        """
        from egoexobench.site.build import list_media, render_site
        from egoexobench.site.opened_dataset import check_dataset_of_runs

        inputs = replace(inputs or self.load_inputs(), datasets=self.datasets)
        for dataset in self.datasets:
            check_dataset_of_runs(dataset.spec, dataset.fingerprint, inputs.runs)
        self._show_new_problems(inputs)
        script = {RELOAD_SCRIPT.name: RELOAD_SCRIPT.read_bytes()}
        files = render_site(inputs, scripts=script, content_policy=VIEW_POLICY)
        return SiteContent(files, list_media(inputs))

    def _read_states(self) -> frozenset[FileState]:
        return read_file_states([*self._runs, self._root])

    def _show_new_problems(self, inputs: SiteInputs) -> None:
        for problem in inputs.problems:
            if problem not in self._problems:
                notify(problem)
        self._problems = set(inputs.problems)


def refresh_site(
    server: SiteServer, builder: SiteBuilder, stop: threading.Event, *, interval_s: float = 1.0
) -> None:
    """Build the site again each time that one of its files changes, until ``stop`` is set.

    If it cannot be built, the server goes on with the last one.
    """
    while not stop.wait(interval_s):
        if not builder.is_outdated():
            continue
        try:
            server.content = builder.build_content()
        except (DataError, OSError) as error:
            reason = make_visible_line(str(error))
            show_text(f"note: the pages are those of before: {reason}", is_error=True)
