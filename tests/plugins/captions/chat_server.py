"""A server on loopback that speaks OpenAI's chat completions, and misbehaves when asked to."""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    text: str = "[jar] (pop)"
    status: int = 200
    body: bytes | None = None
    wait: float = 0.0
    is_cut: bool = False
    headers: dict[str, str] = field(default_factory=lambda: {"retry-after-ms": "5"})


def make_completion(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    message_body = {
        "id": "x", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }  # fmt: skip
    return json.dumps(message_body).encode()


def read_narration(talk: list[dict[str, str]]) -> str:
    """The narration, or the caption that is to be refined, of a conversation."""
    content = talk[1]["content"]
    if content.startswith("Narration: "):
        return json.loads(content.removeprefix("Narration: "))
    return json.loads(content)["caption"]


class Server:
    def __init__(
        self,
        reply: Callable[[str, int], Reply],
        identify: Callable[[list[dict[str, Any]]], str] = read_narration,
    ) -> None:
        self.reply = reply
        self.identify = identify
        self.tries: Counter[str] = Counter()
        self.talks: list[list[dict[str, Any]]] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[str] = []
        self.flying = self.most = 0
        self.lock = threading.Lock()


class Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _make_handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = server.identify(sent["messages"])
            with server.lock:
                server.tries[text] += 1
                server.talks.append(sent["messages"])
                server.bodies.append(sent)
                server.headers.append(self.headers.get("authorization", ""))
                server.flying += 1
                server.most = max(server.most, server.flying)
                reply = server.reply(text, server.tries[text])
            time.sleep(reply.wait)
            body = reply.body if reply.body is not None else make_completion(reply.text)
            with server.lock:
                server.flying -= 1
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body) + 100 * reply.is_cut))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = reply.is_cut

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def serving(
    reply: Callable[[str, int], Reply],
    identify: Callable[[list[dict[str, Any]]], str] = read_narration,
) -> Iterator[tuple[str, Server]]:
    """A server for the time of a test: its base URL, and what it was asked.

    ``identify`` says which request a conversation is; repeated tries have the same.
    """
    server = Server(reply, identify)
    http = Http(("127.0.0.1", 0), _make_handler(server))
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_port}/v1", server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _say(item: object) -> None:
    sys.stdout.write(f"{item}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    # a process of its own, to be killed: prints its port, then every text that it answers
    def _print_reply(text: str, tries: int) -> Reply:
        _say(text)
        return Reply(f"[{text}] (pop)", wait=0.02)

    alone = Http(("127.0.0.1", int(sys.argv[1])), _make_handler(Server(_print_reply)))
    _say(alone.server_port)
    alone.serve_forever()
