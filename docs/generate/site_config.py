"""The configuration of the site: `mkdocs.yml` with all pages of a folder in its navigation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

INDEX_PAGES = ("index.md", "README.md")


def write_config(source: Path, out: Path) -> Path:
    """Write ``out``/mkdocs.yml for the pages in ``out``/pages; the site will be in ``out``/site.

    Args:
        source: the `mkdocs.yml` that people edit. An entry `TITLE: FOLDER/*` of its navigation
            becomes all pages of that folder.
        out: the folder with `pages/`.
    """
    config = yaml.safe_load(source.read_text(encoding="utf-8"))
    config["docs_dir"], config["site_dir"] = "pages", "site"
    config["nav"] = [_expand_entry(entry, out / "pages") for entry in config["nav"]]
    for plugin in config["plugins"]:
        if isinstance(plugin, dict) and "mkdocstrings" in plugin:
            plugin["mkdocstrings"]["handlers"]["python"]["paths"] = [str(source.parent)]
    path = out / "mkdocs.yml"
    path.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path


def _expand_entry(entry: Any, pages: Path) -> Any:
    if not isinstance(entry, dict):
        return entry
    ((title, value),) = entry.items()
    if isinstance(value, list):
        return {title: [_expand_entry(child, pages) for child in value]}
    if value.endswith("/*"):
        folder = value.removesuffix("/*")
        names = list_pages(pages / folder)
        return {title: [_make_entry(folder, name) for name in names]}
    return entry


def _make_entry(folder: str, name: str) -> str | dict[str, str]:
    """A page of a folder; one with a long heading, such as `egoexobench run`, has its name."""
    path = f"{folder}/{name}"
    if folder in {"commands", "parts", "leaderboards"} and name not in INDEX_PAGES:
        return {name.removesuffix(".md"): path}
    return path


def list_pages(folder: Path) -> list[str]:
    """The pages below a folder by path, its index first."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.md")]
    return sorted(names, key=lambda name: (name not in INDEX_PAGES, name.removesuffix(".md")))
