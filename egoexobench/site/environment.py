"""Renders pages by jinja2: every value is escaped, and a name that has no value is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from egoexobench.leaderboard.board_text import format_number, format_range, get_metric_label
from egoexobench.site.embedded_json import embed_json
from egoexobench.site.labels import TASK_LABELS
from egoexobench.visible_text import make_visible

if TYPE_CHECKING:
    from egoexobench.site.page import Page

TEMPLATES = Path(__file__).with_name("templates")
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; base-uri 'none'; form-action 'none'"
)
"""What a browser may load for a page: files of the site, nothing that stands in the page."""


@dataclass(frozen=True, slots=True)
class SiteFrame:
    """What all pages of a site share.

    Attributes:
        static: name of each file of ``static/`` to its path in the site.
        navigation: label and path of each page that the head of every page links.
        version: of the toolkit.
        content_policy: see `CONTENT_POLICY`.
        scripts: names of ``static/`` that every page loads.
    """

    static: Mapping[str, str]
    navigation: tuple[tuple[str, str], ...]
    version: str
    content_policy: str
    scripts: tuple[str, ...]


def render_site_page(page: Page, frame: SiteFrame) -> str:
    """Return the HTML of a page.

    Raises:
        jinja2.UndefinedError: if its template uses a name without a value.
    """
    to_root = "../" * page.path.count("/")
    template = _create_environment().get_template(page.template)
    return template.render(
        page.values,
        page=page,
        frame=frame,
        link=lambda path: f"{to_root}{path}",
        static=lambda name: f"{to_root}{frame.static[name]}",
        embedded_data=embed_json(page.data) if page.data else None,
    )


@cache
def _create_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_make_value_visible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": format_number,
        "count_range": format_range,
        "task_label": TASK_LABELS.__getitem__,
        "metric_label": get_metric_label,
    }
    return environment


def _make_value_visible(value: Any) -> Any:
    """Return text in which characters that act and are not seen are escapes; markup stays."""
    return (
        make_visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    )
