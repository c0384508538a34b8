"""The server of the site: loopback only, one thread a connection, and few of them."""

from __future__ import annotations

import errno
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from traceback import format_exc
from typing import Any, final

from egoexobench.errors import UsageError
from egoexobench.terminal import show_text
from egoexobench.viewer.request_handler import SiteRequestHandler
from egoexobench.viewer.site_access import LOOPBACK, SiteAccess
from egoexobench.viewer.site_content import SiteContent

_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """How much a client may cost."""

    num_connections: int = 64
    """At a time; a browser opens six."""
    request_s: float = 20.0
    """For a request line and its headers to arrive, also after an earlier request, s."""
    send_s: float = 60.0
    """For 64 KiB to be taken, s. A paused film is not taken, and asked for again later."""


@final
class SiteServer(ThreadingHTTPServer):
    """Answers requests for the site on 127.0.0.1.

    Args:
        content: what is served; `content` may be set at any time.
        port: 0 for a free one.
        hosts: further values of the header `Host`.
        limits: how much a client may cost.

    Raises:
        UsageError: if the port cannot be used, or a host is not valid.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        content: SiteContent,
        *,
        port: int = 0,
        hosts: Iterable[str] = (),
        limits: ServerLimits | None = None,
    ) -> None:
        self.content = content
        self.limits = limits or ServerLimits()
        self._places = threading.BoundedSemaphore(self.limits.num_connections)
        self._waiting: dict[socket.socket, float] = {}
        self._waiting_lock = threading.Lock()
        try:
            super().__init__((LOOPBACK, port), SiteRequestHandler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            reason = "is in use" if error.errno == errno.EADDRINUSE else "is not yours to open"
            raise UsageError(
                f"--port {port} {reason}: choose another one, or leave it out for a free one"
            ) from error
        try:
            self.access = SiteAccess(self.server_port, hosts)
        except UsageError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Bind the socket; the base class would ask a name server for the name of the host."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def start_waiting(self, connection: socket.socket) -> None:
        """Close a connection unless a request arrives in time."""
        with self._waiting_lock:
            self._waiting[connection] = time.monotonic() + self.limits.request_s

    def end_waiting(self, connection: socket.socket) -> None:
        """Let a connection be: its request has arrived."""
        with self._waiting_lock:
            self._waiting.pop(connection, None)

    def service_actions(self) -> None:
        """Close connections whose request takes too long; a byte now and then does not help."""
        now = time.monotonic()
        with self._waiting_lock:
            late = [connection for connection, end in self._waiting.items() if end < now]
        for connection in late:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a connection in a thread, if there are not too many."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        with suppress(OSError):
            request.setblocking(False)
            request.send(_BUSY)
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer the requests of a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.end_waiting(request)
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show the traceback of a bug; a client that has gone is none."""
        del request, client_address
        show_text(format_exc().rstrip(), is_error=True)
