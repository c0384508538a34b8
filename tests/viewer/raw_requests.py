"""Sends bytes to a server and reads all that it answers."""

import socket
from dataclasses import dataclass

TIMEOUT_S = 20.0


@dataclass(frozen=True)
class ServerAnswer:
    """Status, headers by name in lower case, and body; the status is 0 without an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def open_connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)


def read_to_end(connection: socket.socket) -> bytes:
    chunks = []
    while chunk := connection.recv(1 << 16):
        chunks.append(chunk)
    return b"".join(chunks)


def send_bytes(port: int, content: bytes) -> ServerAnswer:
    """Send bytes, and read until the server closes the connection."""
    with open_connection(port) as connection:
        connection.sendall(content)
        return parse_answer(read_to_end(connection))


def parse_answer(content: bytes) -> ServerAnswer:
    if not content:
        return ServerAnswer(0, {}, b"")
    head, _, body = content.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    pairs = (field.split(": ", 1) for field in fields)
    return ServerAnswer(int(line.split()[1]), {name.lower(): value for name, value in pairs}, body)


def format_request(
    target: str, *, method: str = "GET", host: str = "", version: str = "HTTP/1.1", **headers: str
) -> bytes:
    """Return a request after which the connection is closed; no host, no header `Host`."""
    fields = {"Host": host} if host else {}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {target} {version}", *(f"{n}: {v}" for n, v in fields.items())]
    return ("\r\n".join([*lines, "Connection: close"]) + "\r\n\r\n").encode()
