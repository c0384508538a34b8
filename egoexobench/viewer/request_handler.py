"""Answers one connection: files of the site, media by name, and the version of the site."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import IO, TYPE_CHECKING, final
from urllib.parse import parse_qs, quote, unquote

from egoexobench.errors import DataError
from egoexobench.site.environment import CONTENT_POLICY
from egoexobench.viewer.byte_range import parse_range
from egoexobench.viewer.site_content import guess_content_type

if TYPE_CHECKING:
    import socket

    from egoexobench.viewer.site_server import SiteServer

VIEW_POLICY = f"{CONTENT_POLICY}; connect-src 'self'"
"""What a browser may load for a page; a script asks for the version of the site."""
_SECURITY_HEADERS = {
    "Content-Security-Policy": f"{VIEW_POLICY}; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
MEDIA_PREFIX = "media/"
VERSION_NAME = "version"
_CHUNK = 1 << 16
_NO_ACCESS = "open the address that the command printed: it has the token that this server needs"


@final
class SiteRequestHandler(BaseHTTPRequestHandler):
    """Reads requests and writes answers; everything that is asked for is looked up by name."""

    server: SiteServer
    connection: socket.socket
    protocol_version = "HTTP/1.1"  # a film is read in many requests
    default_request_version = "HTTP/1.0"  # answers have headers also if a request has none
    server_version = "egoexobench"
    sys_version = ""

    def setup(self) -> None:
        """Limit how long a client may take."""
        self.request.settimeout(self.server.limits.send_s)
        super().setup()

    def handle(self) -> None:
        """Answer requests until the client goes."""
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def finish(self) -> None:
        """Close the files of the connection."""
        try:
            super().finish()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def handle_one_request(self) -> None:
        """Answer a request, if it arrives in time."""
        self.server.start_waiting(self.connection)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the request line and the headers."""
        is_valid = super().parse_request()
        self.server.end_waiting(self.connection)
        return is_valid

    def handle_expect_100(self) -> bool:
        """Refuse a body before it is sent."""
        self.send_error(HTTPStatus.EXPECTATION_FAILED)
        return False

    def do_GET(self) -> None:
        """Answer a request."""
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.BAD_REQUEST, "a request has no body here")
        elif not self.server.access.has_host(self.headers.get_all("Host", [])):
            self.send_error(
                HTTPStatus.FORBIDDEN,
                "this server does not answer under this name: open the address that the command "
                "printed, or start it with --allow-host and the host of your address",
            )
        elif not self.path.startswith("/"):
            self.send_error(HTTPStatus.BAD_REQUEST, "the target of a request is a path")
        else:
            path, _, query = self.path.partition("?")
            self._answer(unquote(path, errors="replace"), query)

    do_HEAD = do_GET  # noqa: N815 - the base class calls it

    def do_POST(self) -> None:
        """Refuse what would change something: nothing can be changed here."""
        self.send_error(HTTPStatus.METHOD_NOT_ALLOWED, "only GET and HEAD")

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = do_POST  # noqa: N815

    def _answer(self, path: str, query: str) -> None:
        tokens = parse_qs(query).get("token", [])
        if tokens:
            self._admit(path, tokens[0])
        elif not self.server.access.has_cookie(self.headers.get("Cookie", "")):
            self.send_error(HTTPStatus.FORBIDDEN, _NO_ACCESS)
        elif path == f"/{VERSION_NAME}":
            self._send_bytes(HTTPStatus.OK, self.server.content.version.encode(), "text/plain")
        elif path.startswith(f"/{MEDIA_PREFIX}"):
            self._send_media(path.removeprefix("/"))
        else:
            self._send_page(path)

    def _admit(self, path: str, token: str) -> None:
        """Give the browser the token as a cookie, and lead it to the address without the token."""
        access, name = self.server.access, self.server.content.find_name(path)
        if not access.has_token(token):
            self.send_error(HTTPStatus.FORBIDDEN, f"this token is not valid: {_NO_ACCESS}")
            return
        location = f"/{quote(name)}" if name and path != "/" else "/"
        headers = {"Location": location, "Set-Cookie": access.cookie}
        self._send_bytes(HTTPStatus.SEE_OTHER, b"", "text/plain", headers)

    def _send_page(self, path: str) -> None:
        content = self.server.content
        name = content.find_name(path)
        if name is None:
            self.send_error(HTTPStatus.NOT_FOUND, "the site has no such page")
            return
        self._send_bytes(HTTPStatus.OK, content.files[name], guess_content_type(name))

    def _send_media(self, name: str) -> None:
        try:
            opened = self.server.content.open_media(name)
        except (DataError, OSError) as error:
            reason = str(error) if isinstance(error, DataError) else error.strerror
            self.send_error(HTTPStatus.NOT_FOUND, f"cannot show the clip: {reason}")
            return
        if opened is None:
            self.send_error(HTTPStatus.NOT_FOUND, "the data sets that are open have no such clip")
            return
        with opened.file as file:
            self._send_range(file, opened.content_type)

    def _send_range(self, file: IO[bytes], media_type: str) -> None:
        size = file.seek(0, 2)
        # a condition on the state of the file cannot hold: answers name no state
        header = None if "If-Range" in self.headers else self.headers.get("Range")
        try:
            part = parse_range(header, size)
        except ValueError:
            self._send_bytes(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                b"",
                "text/plain",
                {"Content-Range": f"bytes */{size}"},
            )
            return
        headers = {"Accept-Ranges": "bytes"}
        if part is not None:
            headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
        length = size if part is None else part.length
        status = HTTPStatus.OK if part is None else HTTPStatus.PARTIAL_CONTENT
        self._send_headers(status, length, media_type, headers)
        if self.command != "HEAD":
            file.seek(0 if part is None else part.first)
            self._send_file(file, length)

    def _send_file(self, file: IO[bytes], length: int) -> None:
        while length:
            chunk = file.read(min(length, _CHUNK))
            if not chunk:  # it was cut meanwhile, and the client counts on its length
                self.close_connection = True
                return
            self.wfile.write(chunk)
            length -= len(chunk)

    def _send_bytes(
        self, status: HTTPStatus, body: bytes, media_type: str, headers: Mapping[str, str] = {}
    ) -> None:
        self._send_headers(status, len(body), media_type, headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_headers(
        self, status: HTTPStatus, length: int, media_type: str, headers: Mapping[str, str]
    ) -> None:
        self.send_response(status)
        fields = {"Content-Type": media_type, "Content-Length": str(length)}
        for name, value in (fields | _SECURITY_HEADERS | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with an error as plain text, and close the connection."""
        del explain
        status = HTTPStatus(code)
        text = f"{status.value} {status.phrase}" + (f": {message}" if message else "")
        headers = {"Connection": "close"}
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET, HEAD"
        self._send_bytes(status, f"{text}\n".encode(), "text/plain; charset=utf-8", headers)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write no log: it would repeat names of clips and tokens."""
