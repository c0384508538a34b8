"""Notes what a page does that it must not."""

from dataclasses import dataclass, field
from importlib.resources import files
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 15.0
_AXE_OPTIONS = {
    "preload": False,  # it would fetch the style sheet, which the policy of the pages forbids
    "resultTypes": ["violations"],
}


@dataclass
class PageWatch:
    """Collects lines of the console, dialogs, errors, and requests to another host."""

    page: Any
    address: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        page, add = self.page, self.faults.append
        page.on("console", lambda message: add(f"console: {message.text}"))
        page.on("pageerror", lambda error: add(f"error: {error}"))
        page.on("requestfailed", self._record_failure)
        page.on("request", self._record_request)
        page.on("dialog", self._record_dialog)
        page.on(
            "response", lambda response: response.status < 400 or add(f"refused: {response.url}")
        )

    def list_faults(self) -> list[str]:
        return self.faults

    def _record_request(self, request: Any) -> None:
        own, target = urlsplit(self.address), urlsplit(request.url)
        if target.scheme != "data" and (target.scheme, target.netloc) != (own.scheme, own.netloc):
            self.faults.append(f"another host: {request.url}")

    def _record_failure(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # by the page itself, which was left meanwhile
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _record_refusal(self, response: Any) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def _record_dialog(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def wait_until(page: Any, expression: str, argument: Any = None) -> None:
    """Wait until JavaScript is true; Playwright's own wait needs eval, which the pages forbid."""
    end = monotonic() + TIMEOUT_S
    while not page.evaluate(expression, argument):
        assert monotonic() < end, f"never: {expression}"
        sleep(0.02)


def list_axe_violations(page: Any) -> list[str]:
    """Return what axe-core finds: the rule, and the elements that break it."""
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    result = page.evaluate("options => axe.run(document, options)", _AXE_OPTIONS)
    return [
        f"{violation['id']}: {' '.join(target)}"
        for violation in result["violations"]
        for target in (node["target"] for node in violation["nodes"])
    ]
