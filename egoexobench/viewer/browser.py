"""Opens the browser of the user, where there is one."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping


def has_browser(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a browser would open in front of the user: not over ssh, and not without a display.

    >>> has_browser({"SSH_CONNECTION": "10.0.0.1 22", "DISPLAY": ":10"})
    False
    """
    if "SSH_CONNECTION" in environment or "SSH_TTY" in environment:
        return False
    has_display = bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
    return has_display or sys.platform in ("darwin", "win32")


def open_browser(address: str) -> bool:
    """Open an address in the browser of the user; False if that did not work."""
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False
