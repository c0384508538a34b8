"""Times pages of a site in Chromium, opened from disk: first paint, and filters of the queries.

    egoexobench site build runs --out site
    python benchmarks/site_browser.py site --rounds 5

It needs the extra `browser` and chromium. Milliseconds are medians of rounds, each in a new window,
after the address was requested; other load of the machine counts.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from statistics import median
from typing import Any

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
LOADED = "() => performance.getEntriesByType('navigation')[0].loadEventEnd"
NODES = "() => document.getElementsByTagName('*').length"
SEARCH = """() => new Promise((done) => {
    const field = document.querySelector('input[name=text]'), start = performance.now();
    field.value = '7';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""
"""Until the frame with the rows of a search is drawn."""


def measure_page(browser: Any, path: Path) -> dict[str, float]:
    """Return the milliseconds and the nodes of a page in a new window."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri(), wait_until="load")
    while (paint := page.evaluate(PAINT)) is None:
        page.wait_for_timeout(10)
    measured = {"paint": paint, "loaded": page.evaluate(LOADED), "nodes": page.evaluate(NODES)}
    if path.parent.name == "queries" and path.name != "index.html":
        measured["search"] = page.evaluate(SEARCH)
    context.close()
    return measured


def list_largest_pages(site: Path) -> list[Path]:
    """Return the largest page of the root and of each folder, and the index of runs."""
    folders = [site, *(path for path in sorted(site.iterdir()) if any(path.glob("*.html")))]
    pages = [max(folder.glob("*.html"), key=lambda path: path.stat().st_size) for folder in folders]
    return list(dict.fromkeys([site / "index.html", site / "runs/index.html", *pages]))


def main() -> None:
    """Measure the largest pages and print their medians."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("site", type=Path, help="folder of a site")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for path in list_largest_pages(options.site):
            rounds = [measure_page(browser, path) for _ in range(options.rounds)]
            columns = {name: median(row[name] for row in rounds) for name in rounds[0]}
            figures = "  ".join(f"{name} {value:.0f}" for name, value in columns.items())
            size = path.stat().st_size / 1e3
            print(f"{path.relative_to(options.site).as_posix():60} {size:6.0f} kB  {figures}")
        browser.close()


if __name__ == "__main__":
    main()
