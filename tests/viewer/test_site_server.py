"""What the server answers, and what it refuses."""

import os
import time
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_requests import format_request, open_connection, parse_answer, read_to_end, send_bytes
from served_site import FILM, TokenClient, run_server

from egoexobench.errors import UsageError
from egoexobench.viewer.site_content import SiteContent
from egoexobench.viewer.site_server import ServerLimits, SiteServer


@pytest.mark.parametrize(
    ("target", "body", "media_type"),
    [
        ("/", b"<p>board", "text/html; charset=utf-8"),
        ("/index.html?run=1", b"<p>board", "text/html; charset=utf-8"),
        ("/runs/a%20b.html", b"<p>run", "text/html; charset=utf-8"),
        ("/static/site.js", b"1", "text/javascript; charset=utf-8"),
    ],
)
def test_a_page_is_answered(ask: TokenClient, target: str, body: bytes, media_type: str) -> None:
    answer = ask(target)
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["content-type"] == media_type


def test_every_answer_lets_nothing_out(ask: TokenClient) -> None:
    for answer in (
        ask("/"),
        ask("/nothing"),
        ask("/", host="evil.example"),
        ask("/media/film.mp4"),
    ):
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers
        assert "Python" not in headers["server"]


@pytest.mark.parametrize(
    "target",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/..%5c..%5cetc%5cpasswd",
        "/%252e%252e/etc/passwd",
        "/index.html%00.js",
        "/%00",
        "/%ff%fe",
        "/%",
        "//etc/passwd",
        "//evil.example/",
        "/runs/../index.html",
        "/runs",
        "/static/",
        "/media/",
        "/media/../index.html",
        "/media/%2e%2e/film.mp4",
        "/media/film.mp4/",
        "/media//film.mp4",
    ],
)
def test_a_name_that_is_not_in_the_site_is_not_there(ask: TokenClient, target: str) -> None:
    assert ask(target).status == 404


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1",
        "127.0.0.1:{port}.evil.example",
        "127.0.0.1:{port}0",
        "localhost:{port}@evil.example",
        "evil.example:{port}",
        "0.0.0.0:{port}",
        "[::1]:{port}",
    ],
)
def test_another_host_is_refused_also_with_the_token(
    ask: TokenClient, server: SiteServer, host: str
) -> None:
    name = host.format(port=server.server_port)
    query = server.access.address.partition("?")[2]
    for target in ("/", f"/?{query}", "/media/film.mp4"):
        answer = ask(target, host=name)
        assert answer.status == 403
        assert "set-cookie" not in answer.headers
        assert b"--allow-host" in answer.body


def test_two_hosts_are_refused(ask: TokenClient, server: SiteServer) -> None:
    host = f"127.0.0.1:{server.server_port}"
    assert ask("/", host=f"{host}\r\nHost: {host}").status == 403


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}"])
def test_the_names_of_this_machine_are_answered(
    ask: TokenClient, server: SiteServer, host: str
) -> None:
    assert ask("/", host=host.format(port=server.server_port)).status == 200


def test_the_token_leads_to_the_address_without_it(ask: TokenClient, server: SiteServer) -> None:
    query = server.access.address.partition("?")[2]
    answer = ask(f"/?{query}", Cookie="")
    assert (answer.status, answer.headers["location"], answer.body) == (303, "/", b"")
    cookie = answer.headers["set-cookie"]
    assert cookie.endswith("; HttpOnly; SameSite=Lax; Path=/")
    assert ask("/", Cookie=f"other=1; {cookie.partition(';')[0]}").status == 200
    assert ask(f"/runs/a%20b.html?{query}", Cookie="").headers["location"] == "/runs/a%20b.html"
    assert ask(f"//evil.example/?{query}", Cookie="").headers["location"] == "/"


def test_an_address_for_a_single_use_works_once(ask: TokenClient, server: SiteServer) -> None:
    query = server.access.make_single_use_address().partition("?")[2]
    assert [ask(f"/?{query}", Cookie="").status for _ in range(2)] == [303, 403]


@pytest.mark.parametrize(
    "cookie", ["", "x", "=;=", "egoexobench-{port}", "egoexobench-{port}=", "egoexobench-{port}=é"]
)
def test_without_the_cookie_nothing_is_shown(
    ask: TokenClient, server: SiteServer, cookie: str
) -> None:
    for target in ("/", "/version", "/media/film.mp4", "/nothing", "/?token=", "/?token=x"):
        answer = ask(target, Cookie=cookie.format(port=server.server_port))
        assert answer.status == 403
        assert b"open the address that the command printed" in answer.body


def test_a_wrong_token_says_so_also_to_a_browser_that_has_the_cookie(ask: TokenClient) -> None:
    assert ask("/?token=%E2%82%AC").status == 403


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"]
)
def test_nothing_can_be_changed(ask: TokenClient, method: str) -> None:
    answer = ask("/", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("target", ["/", "/nothing", "/media/film.mp4"])
def test_head_has_the_headers_and_no_body(ask: TokenClient, target: str) -> None:
    full, head = ask(target), ask(target, method="HEAD")
    same = {"content-length", "content-type"}
    assert (head.status, head.body) == (full.status, b"")
    assert {name: head.headers[name] for name in same} == {n: full.headers[n] for n in same}


@pytest.mark.parametrize(
    ("value", "status", "first", "last"),
    [
        ("bytes=0-9", 206, 0, 9),
        ("bytes=90-", 206, 90, 99),
        ("bytes=-10", 206, 90, 99),
        ("bytes=-1000", 206, 0, 99),
        ("bytes=50-1000", 206, 50, 99),
        ("bytes=99-99", 206, 99, 99),
        ("bytes=100-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=999999999999999999-", 416, 0, 0),
        ("bytes=5-2", 200, 0, 99),
        ("bytes=-", 200, 0, 99),
        ("bytes=0-1,5-6", 200, 0, 99),
        ("bytes=a-b", 200, 0, 99),
        ("bytes=²-", 200, 0, 99),
        ("bytes=--5", 200, 0, 99),
        (f"bytes={'9' * 5000}-", 200, 0, 99),
        ("items=0-9", 200, 0, 99),
        ("", 200, 0, 99),
    ],
)
def test_a_range_of_media(ask: TokenClient, value: str, status: int, first: int, last: int) -> None:
    answer = ask("/media/film.mp4", Range=value)
    assert answer.status == status
    if status == 416:
        assert (answer.body, answer.headers["content-range"]) == (b"", "bytes */100")
        return
    assert answer.body == FILM[first : last + 1]
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    stated = f"bytes {first}-{last}/100" if status == 206 else None
    assert answer.headers.get("content-range") == stated


def test_a_range_under_a_condition_is_all_of_the_file(ask: TokenClient) -> None:
    assert ask("/media/film.mp4", Range="bytes=0-9", If_Range='"x"').body == FILM


def test_an_empty_file_has_no_range(ask: TokenClient) -> None:
    assert ask("/media/empty.webm").body == b""
    assert ask("/media/empty.webm", Range="bytes=0-").status == 416


def test_a_pipe_in_the_place_of_media_is_refused_and_not_waited_for(
    content: SiteContent, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "film.mp4")
    piped = replace(content, media={"media/film.mp4": str(tmp_path / "film.mp4")})
    with run_server(piped) as server:
        answer = TokenClient(server)("/media/film.mp4")
    assert answer.status == 404
    assert answer.body.endswith(b"it is no regular file\n")


def test_media_that_moved_are_not_there(ask: TokenClient) -> None:
    answer = ask("/media/gone.mp4")
    assert (answer.status, answer.body) == (
        404,
        b"404 Not Found: cannot show the clip: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\r\n", 0),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/1.1 more\r\n\r\n", 400),
        (b"GET / FTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /\r\n\r\n", 403),
        (b"BREW / HTTP/1.1\r\n\r\n", 501),
        (b"\x16\x03\x01\x00\xff\x01\x00\r\n\r\n", 400),
        (b"GET /" + b"a" * 65532, 414),
        (b"GET / HTTP/1.1\r\n" + b"a: 1\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 65534, 431),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: {host}\r\nExpect: 100-continue\r\n\r\n", 417),
        (b"GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        (b"GET index.html HTTP/1.1\r\nHost: {host}\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: {host}\r\n\r\n", 405),
    ],
)
def test_a_malformed_request_has_an_exact_answer(
    server: SiteServer, request_bytes: bytes, status: int
) -> None:
    host = f"127.0.0.1:{server.server_port}".encode()
    answer = send_bytes(server.server_port, request_bytes.replace(b"{host}", host))
    assert answer.status == status
    assert not status or "content-security-policy" in answer.headers


@settings(max_examples=100)
@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_reach_the_site_without_the_token(
    server: SiteServer, content: bytes, as_target: bool
) -> None:
    target = b"GET /" + content.replace(b"\n", b"") + b" HTTP/1.1" if as_target else content
    answer = send_bytes(server.server_port, target + b"\r\nConnection: close\r\n\r\n")
    assert answer.status in {0, 400, 403, 405, 501, 505}
    assert b"board" not in answer.body


def test_one_connection_answers_several_requests(ask: TokenClient, server: SiteServer) -> None:
    host = f"127.0.0.1:{server.server_port}"
    cookie = server.access.cookie.partition(";")[0]
    request = format_request("/static/site.js", host=host, Cookie=cookie)
    first = request.replace(b"Connection: close\r\n", b"")
    with open_connection(server.server_port) as connection:
        connection.sendall(first + request)
        content = read_to_end(connection)
    assert content.count(b"HTTP/1.1 200 OK") == 2


def test_a_client_that_sends_a_byte_now_and_then_is_ended(content: SiteContent) -> None:
    limits = ServerLimits(request_s=0.3)
    with run_server(content, limits) as server, open_connection(server.server_port) as connection:
        start = time.monotonic()
        with pytest.raises(ConnectionError):  # noqa: PT012
            while time.monotonic() - start < 10:
                connection.sendall(b"G")
                time.sleep(0.02)
        assert time.monotonic() - start < 5


def test_too_many_connections_are_refused_and_others_go_on(content: SiteContent) -> None:
    with run_server(content, ServerLimits(num_connections=2)) as server:
        port = server.server_port
        with open_connection(port) as first, open_connection(port) as second:
            for connection in (first, second):
                connection.sendall(b"GET / HTTP/1.1\r\n")
            with open_connection(port) as third:
                assert parse_answer(read_to_end(third)).status == HTTPStatus.SERVICE_UNAVAILABLE
        end = time.monotonic() + 10
        while TokenClient(server)("/").status != 200 and time.monotonic() < end:
            time.sleep(0.01)
        assert TokenClient(server)("/").status == 200


def test_a_port_that_is_in_use_is_refused(server: SiteServer, content: SiteContent) -> None:
    port = server.server_port
    with pytest.raises(UsageError, match=f"--port {port} is in use: choose another one"):
        SiteServer(content, port=port)


@pytest.mark.parametrize("host", ["", "http://a", "a b", "a/b", "é", "a,b"])
def test_a_host_that_no_browser_sends_is_refused(content: SiteContent, host: str) -> None:
    with pytest.raises(UsageError, match=r"--allow-host .* is not valid"):
        SiteServer(content, hosts=[host])


def test_a_host_that_is_allowed_is_answered(content: SiteContent) -> None:
    with SiteServer(content, hosts=["Lab.example:9000"]) as server:
        assert server.access.has_host(["lab.example:9000"])
        assert not server.access.has_host(["lab.example"])


def test_the_version_is_that_of_the_files(ask: TokenClient, content: SiteContent) -> None:
    assert ask("/version").body.decode() == content.version
    assert SiteContent({**content.files, "new.html": b""}).version != content.version
