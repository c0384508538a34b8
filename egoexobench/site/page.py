"""A page of the site, before it is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Page:
    """What one HTML file shows.

    Attributes:
        path: the file, relative to the root of the site, such as ``runs/ID.html``.
        title: of the browser's tab and of the heading.
        template: file name in ``templates/``; it extends ``layout.html``.
        values: the variables of the template.
        data: what scripts need; it is embedded as JSON in the element ``#data``.
        scripts: file names of ``static/``, beside ``site.js``.
    """

    path: str
    title: str
    template: str
    values: Mapping[str, Any]
    data: BaseModel | None = None
    scripts: tuple[str, ...] = ()
