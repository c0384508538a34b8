"""Check the environment variables from which the client reads the server and the key."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from egoexobench.errors import CaptionerUnavailableError

API_KEY, BASE_URL = "OPENAI_API_KEY", "OPENAI_BASE_URL"


def check_environment() -> None:
    """Check that the address and the key can be used in a request.

    Raises:
        CaptionerUnavailableError: if one is missing or invalid; the message contains neither.
    """
    key = os.environ.get(API_KEY)
    if not key:
        raise CaptionerUnavailableError(
            f"captioner 'openai' needs a key in {API_KEY}; for a server that needs no key "
            f"(with its address in {BASE_URL}) set any text"
        )
    if not (key.isascii() and key.isprintable()):
        raise CaptionerUnavailableError(
            f"captioner 'openai': the key in {API_KEY} contains a line break or another character "
            "that is not allowed in a key; set it again"
        )
    get_server_address()


def get_server_address() -> str:
    """Return the address of the server without user name and password.

    Raises:
        CaptionerUnavailableError: if the address is invalid.
    """
    text = os.environ.get(BASE_URL) or "https://api.openai.com/v1"
    try:
        address = urlsplit(text if text.isprintable() else "")
        port = f":{address.port}" if address.port else ""
    except ValueError:  # a port that is not a number, or an open bracket
        address, port = urlsplit(""), ""
    if address.scheme not in ("http", "https") or not address.hostname:
        raise CaptionerUnavailableError(
            f"captioner 'openai': {BASE_URL} is not the address of a server; use one such as "
            "http://localhost:8000/v1"
        )
    return f"{address.scheme}://{address.hostname}{port}"
