"""How a server on loopback reads the pictures and texts of a question, and answers it."""

import base64
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from chat_server import Reply
from PIL import Image

Messages = list[dict[str, Any]]
Item = list[np.ndarray] | str
PREFIX = "data:image/jpeg;base64,"


def read_items(messages: Messages) -> tuple[Item, list[Item]]:
    """The query and the candidates of a conversation: pictures, or a text."""
    items: list[Item] = []
    for part in messages[1]["content"][:-1]:
        if part["type"] == "image_url":
            data = base64.b64decode(part["image_url"]["url"].removeprefix(PREFIX))
            items[-1].append(np.asarray(Image.open(io.BytesIO(data)), np.float32))  # type: ignore[union-attr]
        elif part["type"] == "text":
            _, _, text = part["text"].partition(":")
            items.append(json.loads(text) if text.strip() else [])
    return items[0], items[1:]


def identify(messages: Messages) -> str:
    """A hash of the question, which a second try has as well."""
    return hashlib.sha256(json.dumps(messages[:2]).encode()).hexdigest()


def choose_nearest(messages: Messages) -> int:
    """The number of the candidate whose first pictures are most like those of the query."""
    query, candidates = read_items(messages)
    distances = [
        np.mean([np.abs(a - b).mean() for a, b in zip(query, candidate, strict=True)])
        for candidate in candidates
    ]
    return 1 + int(np.argmin(distances))


def reply_to_last(server: list[Any], answer: Callable[[Messages], str]) -> Callable[..., Reply]:
    """A reply that reads the conversation, from the server that is put into the list."""
    return lambda text, tries: Reply(answer(server[0].talks[-1]))
