"""`view`: the site of some files, built again when they change."""

import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from command_line import CommandLine
from raw_requests import format_request, send_bytes

from egoexobench.errors import DataError
from egoexobench.leaderboard.packaged import find_packaged_leaderboards
from egoexobench.site.inputs import SiteInputs
from egoexobench.site.opened_dataset import OpenedDataset
from egoexobench.viewer import browser, site_builder
from egoexobench.viewer.site_builder import SiteBuilder, refresh_site
from egoexobench.viewer.site_content import SiteContent
from egoexobench.viewer.site_server import SiteServer

ROWS = sorted((find_packaged_leaderboards() / "reproduced").glob("*.json"))
Act = Callable[[SiteServer], None]
View = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A leaderboards folder with one row."""
    root = tmp_path / "leaderboards"
    (root / "reproduced").mkdir(parents=True)
    shutil.copy(ROWS[0], root / "reproduced")
    return root


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was opened with; none is."""
    addresses: list[str] = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address: addresses.append(address) or 1)
    return addresses


@pytest.fixture
def view(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str]) -> View:
    """Run the command until an action on its server has ended."""

    def run_command(*options: str, act: Act = lambda _: None) -> tuple[int, str, str]:
        monkeypatch.setattr(site_builder, "refresh_site", lambda server, *_: act(server))
        done = CommandLine(tmp_path)("view", "--root", str(root), *options)
        return done.returncode, done.stdout, done.stderr

    return run_command


def test_the_command_prints_an_address_that_shows_the_pages(view: View, opened: list[str]) -> None:
    bodies = []

    def ask(server: SiteServer) -> None:
        for address in (server.access.address, *opened):
            url = urlsplit(address)
            request = format_request(f"/?{url.query}", host=url.netloc)
            cookie = send_bytes(server.server_port, request).headers["set-cookie"]
            request = format_request("/", host=url.netloc, Cookie=cookie.partition(";")[0])
            bodies.append(send_bytes(server.server_port, request).body)

    code, out, _ = view("--open", act=ask)
    assert (code, len(bodies), len(set(bodies))) == (0, 2, 1)
    assert b"connect-src &#39;self&#39;" in bodies[0]
    assert b'src="static/reload-' in bodies[0]
    assert out.startswith("http://127.0.0.1:")
    assert out.strip() not in opened  # other users see the arguments of a browser


def test_without_a_browser_the_command_says_how_to_forward_its_port(
    view: View, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 5000 10.0.0.2 22")
    code, out, err = view()
    port = urlsplit(out.strip()).port
    assert (code, opened) == (0, [])
    assert f"`ssh -L {port}:127.0.0.1:{port} MACHINE`" in err
    view("--open")
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": ""}, False),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, False),
        ({}, False),
    ],
)
def test_a_browser_needs_a_display_of_this_machine(
    environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browser.sys, "platform", "linux")
    assert browser.has_browser(environment) is expected


def test_ctrl_c_ends_the_server_and_there_is_nothing_to_continue(view: View) -> None:
    def interrupt(_: SiteServer) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    try:
        code, _, err = view("--no-open", act=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130
    assert err.splitlines()[-1] == "egoexobench: the server has ended"
    assert "continue" not in err


def test_a_port_in_use_is_one_line(view: View) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        code, out, err = view("--port", str(port))
    line = f"--port {port} is in use: choose another one, or leave it out for a free one"
    assert (code, out, err) == (2, "", f"egoexobench: {line}\n")


def test_an_unknown_host_and_nothing_to_show_are_one_line(view: View, root: Path) -> None:
    code, _, err = view("--allow-host", "http://lab")
    assert (code, err.count("\n")) == (2, 1)
    shutil.rmtree(root / "reproduced")
    code, _, err = view()
    assert (code, err) == (
        1,
        "egoexobench: no run and no leaderboard to show: name a folder of records\n",
    )


def test_the_pages_are_shown_without_torch(root: Path) -> None:
    code = (
        "import sys\nfrom egoexobench.cli import main\n"
        "from egoexobench.viewer import site_builder\n"
        "site_builder.refresh_site = lambda *_: None\n"
        f"main(['view', '--root', {str(root)!r}, '--no-open'], standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_a_data_set_of_no_run_is_refused(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = SimpleNamespace(dataset=SimpleNamespace(fingerprint="0123", spec="egoexolearn"))
    site_inputs = SiteInputs(runs=(SimpleNamespace(record=record),))
    monkeypatch.setattr("egoexobench.site.inputs.load_site_inputs", lambda *_: site_inputs)
    opened = OpenedDataset(spec="folder:path=clips", fingerprint="4567", test=None, report=None)
    with pytest.raises(DataError) as caught:
        SiteBuilder([tmp_path], root, [opened]).build_content()
    assert str(caught.value) == (
        "--dataset folder:path=clips has the fingerprint 4567, and no run is of it; the runs are "
        "of egoexolearn (0123): type `--dataset egoexolearn`"
    )


def test_a_change_gives_new_pages_and_a_fault_leaves_the_old_ones(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop, builder = threading.Event(), SiteBuilder([], root)
    with SiteServer(SiteContent({})) as server:
        server.content = before = builder.build_content()
        assert not builder.is_outdated()
        shutil.copy(ROWS[1], root / "reproduced")
        assert builder.is_outdated()
        thread = threading.Thread(
            target=refresh_site, args=(server, builder, stop), kwargs={"interval_s": 0.01}
        )
        thread.start()
        wait_for(lambda: server.content.version != before.version)
        last = server.content
        num_rows = [
            content.files["index.html"].count(b"<tr data-row") for content in (before, last)
        ]
        assert num_rows[1] == 2 * num_rows[0] > 0
        shutil.rmtree(root / "reproduced")
        wait_for(lambda: not builder.is_outdated())
        stop.set()
        thread.join()
    assert server.content is last
    assert "note: the pages are those of before: no run and no leaderboard" in (
        capsys.readouterr().err
    )


def wait_for(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.01)
