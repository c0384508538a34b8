"""The site in a real browser, from disk and from the server of `view`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from hostile_run import ATTACK
from watched_page import list_axe_violations, wait_until

from egoexobench.viewer.site_server import SiteServer

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Any]
WIDE, NARROW = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
LIST_ROWS = """() => [...document.querySelectorAll("tr")]
    .filter((row) => row.checkVisibility()).map((row) => row.innerText.replace(/\\s+/g, " "))"""
"""Text of every row that can be seen."""


VIDEO = "document.querySelector('video')"


def list_pages(site: Path) -> list[Path]:
    """Every page at the root, and in each folder its index and one other: they are alike."""
    pages = sorted(site.glob("*.html"))
    for index in sorted(site.glob("*/index.html")):
        others = sorted(set(index.parent.glob("*.html")) - {index})
        pages += [index, *others[:1]]
    return pages


def test_every_page_can_be_read_in_light_and_dark_on_a_desk_and_a_phone(
    open_page: OpenPage, site: Path
) -> None:
    violations = {}
    for path in list_pages(site):
        name = path.relative_to(site).as_posix()
        page = open_page(path.as_uri(), color_scheme="light")
        violations[name, "light"] = list_axe_violations(page)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(NARROW)
        violations[name, "dark"] = list_axe_violations(page)
        width = page.evaluate("() => document.scrollingElement.scrollWidth")
        violations[name, "width"] = [f"{width} pixels"] if width > NARROW["width"] else []
    assert {key: value for key, value in violations.items() if value} == {}


def test_without_javascript_the_tables_are_complete(open_page: OpenPage, site: Path) -> None:
    for name in ("index.html", "runs/index.html"):
        address = (site / name).as_uri()
        rows = open_page(address, java_script_enabled=False).evaluate(LIST_ROWS)
        assert len(rows) > 2
        assert rows == [row.replace(" ↕", "") for row in open_page(address).evaluate(LIST_ROWS)]


def test_a_board_is_sorted_and_filtered_and_its_address_shares_that(
    open_page: OpenPage, site: Path
) -> None:
    page = open_page((site / "index.html").as_uri())
    before = page.evaluate(LIST_ROWS)
    page.locator("th button").nth(1).click()
    assert page.locator("th[aria-sort]").first.get_attribute("aria-sort") == "descending"
    page.locator("th button").nth(1).press("Enter")
    assert page.locator("th[aria-sort]").first.get_attribute("aria-sort") == "ascending"
    page.locator("input[type=search]").fill("sound")
    shown = page.evaluate(LIST_ROWS)
    assert len(shown) < len(before)
    assert page.locator("[data-count]").inner_text().endswith("rows shown")
    assert open_page(page.url).evaluate(LIST_ROWS) == shown


def test_the_site_is_served_with_a_token(open_page: OpenPage, server: SiteServer) -> None:
    page = open_page(server.access.address)
    assert page.url == f"http://127.0.0.1:{server.server_port}/"
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    page.locator("tr[data-row]").first.wait_for()


def test_an_open_page_is_loaded_again_when_a_run_ends(
    open_page: OpenPage, server: SiteServer, tmp_path: Path
) -> None:
    record = max((tmp_path / "records").rglob("*-seed1-????????.json"))
    before, aside = server.content, record.rename(tmp_path / record.name)
    while server.content is before:
        time.sleep(0.02)
    page = open_page(server.access.address.replace("/?", "/runs/index.html?"))
    assert page.locator("tr[data-row]").count() == 1
    aside.rename(record)
    page.locator("tr[data-row]").nth(1).wait_for()


@pytest.mark.parametrize("is_served", [False, True], ids=["disk", "server"])
def test_a_query_is_selected_and_its_clip_is_seen_heard_and_sought(
    open_page: OpenPage, site: Path, server: SiteServer, is_served: bool
) -> None:
    path = next(site.glob("queries/*eg2ex-gallery*.html"))
    page = open_page(server.access.address if is_served else (site / "index.html").as_uri())
    statuses: list[int] = []
    page.on(
        "response", lambda response: ".mp4" in response.url and statuses.append(response.status)
    )
    page.goto(urljoin(page.url, f"queries/{path.name}"))
    page.locator("#query-rows button").first.click()
    detail = page.locator("#query-detail")
    assert ATTACK in detail.inner_text()
    shared = open_page(page.url) if not is_served else page
    assert shared.locator("#query-detail h2").inner_text() == detail.locator("h2").inner_text()
    page.locator(".play").first.click()
    wait_until(page, f"() => {VIDEO}.videoWidth > 0 && {VIDEO}.currentTime > 0")
    wait_until(page, f"() => {VIDEO}.webkitAudioDecodedByteCount > 0")
    page.evaluate(f"() => {{ {VIDEO}.currentTime = 0.3 }}")
    wait_until(page, f"() => !{VIDEO}.seeking && {VIDEO}.currentTime >= 0.3")
    assert detail.locator(".warning:not(:empty)").count() == 0
    assert set(statuses) == ({206} if is_served else {200, 206} & set(statuses))


def test_queries_are_filtered_and_searched_and_chosen_by_keys(
    open_page: OpenPage, site: Path
) -> None:
    page = open_page(next(site.glob("queries/*eg2ex-gallery*.html")).as_uri())
    buttons = page.locator("#query-rows button")
    assert buttons.count() == 6
    buttons.first.focus()
    page.keyboard.press("ArrowDown")
    assert buttons.nth(1).get_attribute("aria-current") == "true"
    page.locator("input[name=text]").fill("sees k")
    assert buttons.count() == 1
    page.locator("input[name=text]").fill("")
    page.locator("select[name=show]").select_option("wrong")
    assert 0 < buttons.count() < 6
    page.locator("select[name=order]").select_option("hardest")
    shown = page.evaluate(LIST_ROWS)
    assert open_page(page.url).evaluate(LIST_ROWS) == shown
