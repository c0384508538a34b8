"""A running server, and a browser that has its token."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from raw_requests import ServerAnswer, format_request, send_bytes

from egoexobench.viewer.site_content import SiteContent
from egoexobench.viewer.site_server import ServerLimits, SiteServer

FILES = {"index.html": b"<p>board", "runs/a b.html": b"<p>run", "static/site.js": b"1"}
FILM = bytes(range(100))


@dataclass(frozen=True)
class TokenClient:
    """Requests of a browser that has the token, unless a request says otherwise."""

    server: SiteServer

    @property
    def port(self) -> int:
        return self.server.server_port

    def __call__(self, target: str, *, host: str | None = None, **fields: str) -> ServerAnswer:
        headers = {"Cookie": self.server.access.cookie.partition(";")[0]} | fields
        name = f"127.0.0.1:{self.port}" if host is None else host
        return send_bytes(self.port, format_request(target, host=name, **headers))


@contextmanager
def run_server(content: SiteContent, limits: ServerLimits | None = None) -> Iterator[SiteServer]:
    with SiteServer(content, limits=limits) as server:
        thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.05))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
