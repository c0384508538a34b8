r"""Puts data into a page so that no text in it can end the element or begin another one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from markupsafe import Markup

from egoexobench.visible_text import make_visible

if TYPE_CHECKING:
    from pydantic import BaseModel

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def embed_json(data: BaseModel) -> Markup:
    r"""Return a model as JSON that may stand inside a ``<script type="application/json">``.

    Raises:
        ValueError: for a number that JSON does not have, such as NaN.

    >>> from pydantic import RootModel
    >>> embed_json(RootModel[str]("</script>"))
    Markup('"\\u003c/script\\u003e"')
    """
    fields = data.model_dump(mode="json")
    text = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(make_visible(text).translate(_ESCAPES))  # noqa: S704 - escaped above
