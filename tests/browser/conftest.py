"""Debian's Chromium, and sites for it: of the records of this repository, and of a hostile run."""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from hostile_run import HostileRun, make_hostile_run
from served_site import run_server
from watched_page import PageWatch

from egoexobench.progress import NullProgress
from egoexobench.registry import Registry
from egoexobench.site.opened_dataset import OpenedDataset, open_site_datasets
from egoexobench.spec import Spec
from egoexobench.viewer.site_builder import SiteBuilder, refresh_site
from egoexobench.viewer.site_server import SiteServer

ROOT = Path(__file__).parents[2]

REQUIRE_VARIABLE = "EGOEXOBENCH_REQUIRE_BROWSER"
"""If it is 1, as in CI, a browser that cannot start is a failure."""
BROWSERS = ("chromium", "google-chrome")
PLAY_AT_ONCE = "--autoplay-policy=no-user-gesture-required"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium, controlled by Playwright."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if path is None or sync_playwright is None:
        reason = "no chromium" if path is None else "no playwright: install the extra [browser]"
        if os.environ.get(REQUIRE_VARIABLE) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", PLAY_AT_ONCE]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Any]]:
    """Open an address in a new window; at the end, no window may have noted a fault."""
    watches: list[PageWatch] = []

    def open_address(address: str, **options: Any) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1400, "height": 900}} | options)
        page = context.new_page()
        watches.append(PageWatch(page, address))
        page.goto(address, wait_until="load")
        return page

    yield open_address
    for watch in watches:
        watch.page.context.close()
    assert [fault for watch in watches for fault in watch.list_faults()] == []


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working folder of commands, with their cache."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def hostile_run(home: Path) -> HostileRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))
        return make_hostile_run(home)


@pytest.fixture(scope="session")
def site(hostile_run: HostileRun, home: Path) -> Path:
    """The site of the leaderboards of this repository and of the hostile run, with its media."""
    options = ("--root", str(ROOT / "leaderboards"), "--out", str(home / "site"))
    media = ("--dataset", hostile_run.dataset, "--media", "copy")
    done = CommandLine(home)("site", "build", str(hostile_run.records), *options, *media)
    assert done.returncode == 0, done.stderr
    return home / "site"


@pytest.fixture(scope="session")
def opened_dataset(hostile_run: HostileRun, home: Path) -> OpenedDataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))
        (dataset,) = open_site_datasets(
            Registry([]),
            [Spec.parse(hostile_run.dataset)],
            runs=(),
            media="copy",
            captions=None,
            progress=NullProgress(),
        )
        return dataset


@pytest.fixture
def server(
    hostile_run: HostileRun, opened_dataset: OpenedDataset, tmp_path: Path
) -> Iterator[SiteServer]:
    """The same site, served, of a copy of the records."""
    records = shutil.copytree(hostile_run.records, tmp_path / "records")
    builder, stop = (
        SiteBuilder([records], ROOT / "leaderboards", [opened_dataset]),
        threading.Event(),
    )
    with run_server(builder.build_content()) as server:
        refresh = partial(refresh_site, server, builder, stop, interval_s=0.05)
        thread = threading.Thread(target=refresh)
        thread.start()
        yield server
        stop.set()
        thread.join()
