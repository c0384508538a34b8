"""Where the server is and the key to it, which the client reads from the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from egoexobench.errors import CaptionerUnavailableError

KEY, SERVER = "OPENAI_API_KEY", "OPENAI_BASE_URL"


def check() -> None:
    """Look whether there are an address and a key that a request can carry.

    Raises:
        CaptionerUnavailableError: if one is missing or cannot be one; it quotes neither.
    """
    key = os.environ.get(KEY)
    if not key:
        raise CaptionerUnavailableError(
            f"captioner 'openai' needs a key in {KEY}; a server of your own that asks for none "
            f"(its address in {SERVER}) takes any text"
        )
    if not (key.isascii() and key.isprintable()):
        raise CaptionerUnavailableError(
            f"captioner 'openai': the key in {KEY} holds a line break or another character that "
            "no key has; set it again"
        )
    server()


def server() -> str:
    """The address of the server, without user and password, should it hold them.

    Raises:
        CaptionerUnavailableError: if it is none.
    """
    text = os.environ.get(SERVER) or "https://api.openai.com/v1"
    try:
        address = urlsplit(text if text.isprintable() else "")
        port = f":{address.port}" if address.port else ""
    except ValueError:  # a port that is no number, a bracket that is left open
        address, port = urlsplit(""), ""
    if address.scheme not in ("http", "https") or not address.hostname:
        raise CaptionerUnavailableError(
            f"captioner 'openai': what {SERVER} holds is no address of a server; it takes one "
            "such as http://localhost:8000/v1"
        )
    return f"{address.scheme}://{address.hostname}{port}"
