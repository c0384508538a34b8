"""Decides who may read the site: whoever has its token, under a name that the user expects.

Any page of the web can make a browser ask 127.0.0.1, and so can any user of this machine. The token
keeps both out. The exact check of the header `Host` keeps out a name of the web that its owner lets
point to 127.0.0.1, for whose pages the browser would otherwise let the answer be read.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hmac import compare_digest
from typing import final

from egoexobench.errors import UsageError

LOOPBACK = "127.0.0.1"
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_:[]")


@final
class SiteAccess:
    """The token of a server and the names by which it may be addressed.

    Args:
        port: of the server.
        hosts: further values of the header `Host`, for example of a forwarded port.

    Raises:
        UsageError: for a value that no browser would send.
    """

    def __init__(self, port: int, hosts: Iterable[str] = ()) -> None:
        extra = {host.lower() for host in hosts}
        for host in extra:
            if not host or set(host) - _HOST_CHARACTERS:
                raise UsageError(
                    f"--allow-host {host!r} is not valid: write HOST or HOST:PORT as the address "
                    "of the browser has it, for example localhost:9000"
                )
        self.port = port
        self.hosts = frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"} | extra)
        self.cookie_name = f"egoexobench-{port}"
        """With the port, because a browser sends a cookie to every port of a host."""
        self._token = secrets.token_urlsafe(32)
        self._single_use: set[str] = set()

    @property
    def address(self) -> str:
        """Address of the site with its token."""
        return self._format_address(self._token)

    @property
    def cookie(self) -> str:
        """Value of the header `Set-Cookie` after a token was right.

        `Lax`, because a terminal in a web page opens the address from another site.
        """
        return f"{self.cookie_name}={self._token}; HttpOnly; SameSite=Lax; Path=/"

    def make_single_use_address(self) -> str:
        """Return an address that works once.

        It is what a browser is opened with, because other users see the arguments of programs.
        """
        token = secrets.token_urlsafe(32)
        self._single_use.add(token)
        return self._format_address(token)

    def has_host(self, values: Iterable[str]) -> bool:
        """Whether a request has one `Host`, and one by which the server may be addressed."""
        hosts = [value.strip().lower() for value in values]
        return len(hosts) == 1 and hosts[0] in self.hosts

    def has_token(self, token: str) -> bool:
        """Whether the token of an address is right; one for a single use is then used up."""
        if token in self._single_use:
            self._single_use.discard(token)
            return True
        return self._is_token(token)

    def has_cookie(self, header: str) -> bool:
        """Whether the value of the header `Cookie` has the token."""
        cookies = (item.strip().partition("=") for item in header.split(";"))
        return any(name == self.cookie_name and self._is_token(value) for name, _, value in cookies)

    def _is_token(self, token: str) -> bool:
        return compare_digest(token.encode(errors="replace"), self._token.encode())

    def _format_address(self, token: str) -> str:
        return f"http://{LOOPBACK}:{self.port}/?token={token}"
