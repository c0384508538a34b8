"""A running server with a small site and one media file."""

from collections.abc import Iterator

import pytest
from served_site import FILES, FILM, TokenClient, run_server

from egoexobench.viewer.site_content import SiteContent
from egoexobench.viewer.site_server import SiteServer


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> SiteContent:
    film = tmp_path_factory.mktemp("media") / "film.mp4"
    film.write_bytes(FILM)
    empty = film.with_name("empty.webm")
    empty.write_bytes(b"")
    names = ("film.mp4", "empty.webm", "gone.mp4")
    return SiteContent(FILES, {f"media/{name}": str(film.with_name(name)) for name in names})


@pytest.fixture(scope="module")
def server(content: SiteContent) -> Iterator[SiteServer]:
    with run_server(content) as server:
        yield server


@pytest.fixture(scope="module")
def ask(server: SiteServer) -> TokenClient:
    return TokenClient(server)
