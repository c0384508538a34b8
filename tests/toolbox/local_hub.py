"""A hub on 127.0.0.1 that serves folders as the Hugging Face hub serves repositories."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE_SUFFIXES = (".safetensors", ".bin", ".parquet")


@dataclass
class LocalHub:
    """What the hub serves; tests change it."""

    repositories: dict[str, Path] = field(default_factory=dict)
    """Folder of each repository."""
    gated: set[str] = field(default_factory=set)
    cut: set[str] = field(default_factory=set)
    """Files of which only a part is sent."""
    replaced: dict[str, bytes] = field(default_factory=dict)
    """Files that are sent with another content than the hub states."""
    license: str = "mit"
    requests: list[str] = field(default_factory=list)
    endpoint: str = ""
    commit: str = COMMIT
    """The only commit of every repository."""


def use_hub(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path) -> None:
    """Let the hub's client, which reads its environment once, use another hub and cache."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
    template = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))


@contextmanager
def serve_hub(commit: str = COMMIT) -> Iterator[LocalHub]:
    """Serve a hub inside the context."""
    hub = LocalHub(commit=commit)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: LocalHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path.lstrip("/")
        self.hub.requests.append(path)
        is_listing = path.startswith("api/")
        name = path.removeprefix("api/").removeprefix("models/").removeprefix("datasets/")
        parts = name.split("/")
        repository, revision = "/".join(parts[:2]), "".join(parts[3:4])
        folder = self.hub.repositories.get(repository)
        if folder is None:
            self._refuse(401, "RepoNotFound", "Repository Not Found")
        elif repository in self.hub.gated:
            self._refuse(403, "GatedRepo", "Access to this model is restricted")
        elif revision != self.hub.commit:
            self._refuse(404, "RevisionNotFound", "Revision Not Found")
        elif is_listing:
            body = json.dumps(self._describe(repository, folder)).encode()
            self._send(200, body, {"Content-Type": "application/json"})
        else:
            self._send_file(folder, "/".join(parts[4:]), with_body=with_body)

    def _describe(self, repository: str, folder: Path) -> dict[str, Any]:
        siblings = []
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            content = file.read_bytes()
            item = {"rfilename": file.relative_to(folder).as_posix(), "size": len(content)}
            item["blobId"] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            if file.suffix in LARGE_SUFFIXES:
                sha256 = hashlib.sha256(content).hexdigest()
                item["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 130}
            siblings.append(item)
        card = {"license": self.hub.license}
        return {"id": repository, "sha": self.hub.commit, "siblings": siblings, "cardData": card}

    def _send_file(self, folder: Path, name: str, *, with_body: bool) -> None:
        path = folder / name
        if not path.is_file():
            self._refuse(404, "EntryNotFound", "Entry Not Found")
            return
        content = self.hub.replaced.get(name, path.read_bytes())
        digest = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{digest}"', "X-Repo-Commit": self.hub.commit}
        body = content[: len(content) // 2] if name in self.hub.cut else content
        headers["Content-Length"] = str(len(content))
        self._send(200, body if with_body else b"", headers)
        self.close_connection = name in self.hub.cut

    def _refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Code": code, "X-Error-Message": message}
        self._send(status, b"", headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)
