"""The documentation site is complete, opens without a server and asks no other host."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import egoexobench
from egoexobench.cli import COMMANDS
from egoexobench.registry import PART_KINDS, Registry

pytest.importorskip("zensical")
yaml = pytest.importorskip("yaml")
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="not a checkout")
HEAVY = ("torch", "numpy", "pandas", "av", "transformers")
BUILD = f"""
import runpy, sys
sys.argv = ["docs/generate", "--out", sys.argv[1]]
try:
    runpy.run_path("docs/generate", run_name="__main__")
except SystemExit as end:
    print("imported", [name for name in {HEAVY!r} if name in sys.modules])
    sys.exit(end.code)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the sources and the site, and what the build printed."""
    out = tmp_path_factory.mktemp("docs") / "out"
    result = subprocess.run(
        [sys.executable, "-c", BUILD, str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return out, result.stdout


def list_names(entry: object) -> Iterator[str]:
    """The pages of an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    children = entry.values() if isinstance(entry, dict) else entry
    if not isinstance(children, str):
        for child in children:  # type: ignore[attr-defined]
            yield from list_names(child)


class PageReader(HTMLParser):
    """What a browser loads for a page (scripts, styles, icons, pictures), and its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"script": "src", "img": "src", "source": "src", "iframe": "src", "link": "href"}
        address = dict(attrs).get(names.get(tag, ""))
        if address:
            self.addresses.append(address)
        if tag == "a" and (link := dict(attrs).get("href")):
            self.links.append(link)


def test_every_page_is_in_the_navigation(built: tuple[Path, str]) -> None:
    config = yaml.safe_load((built[0] / "mkdocs.yml").read_text())
    pages = built[0] / "pages"
    written = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}
    listed = list(list_names(config["nav"]))
    assert sorted(listed) == sorted(written), "add the page to `nav` of mkdocs.yml"


def test_the_build_imports_no_heavy_library(built: tuple[Path, str]) -> None:
    assert "imported []" in built[1]


def test_every_command_has_a_page_without_internal_values(built: tuple[Path, str]) -> None:
    texts = {path.stem: path.read_text() for path in (built[0] / "pages/commands").glob("*.md")}
    assert set(texts) == {"index", *COMMANDS}
    assert not any("UNSET" in text or "Sentinel" in text for text in texts.values())
    assert "| `--method NAME[:KEY=VALUE,...]` |" in texts["run"]
    assert "## egoexobench data doctor" in texts["data"]


def test_every_part_stands_on_the_page_of_its_kind_with_its_options(
    built: tuple[Path, str],
) -> None:
    registry = Registry()
    for kind in PART_KINDS:
        page = (built[0] / f"site/parts/{kind}.html").read_text()
        for part in registry.list_parts(kind):
            if part.distribution.name == "egoexobench":
                assert f'id="{part.name}"' in page
    page = (built[0] / "site/parts/encoder.html").read_text()
    assert "<td><code>hop</code></td>" in page
    assert "Chen et al., BEATs" in page


def test_every_public_name_is_in_the_python_reference(built: tuple[Path, str]) -> None:
    page = (built[0] / "site/python/index.html").read_text()
    names = [name for name in egoexobench.__all__ if not name.startswith("_")]
    assert [name for name in names if f'id="egoexobench.{name}"' not in page] == ["hookimpl"]


def test_a_page_loads_only_files_of_the_site_and_links_lead_to_them(
    built: tuple[Path, str],
) -> None:
    site = built[0] / "site"
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 60
    for path in pages:
        reader = PageReader(path.read_text())
        for address in reader.addresses:
            assert not re.match(r"[a-z]+:|//", address), f"{path.name} loads {address}"
        links = [link for link in reader.links if not re.match(r"[a-z]+:", link)]
        for link in reader.addresses + links if path.name != "404.html" else ():  # it is absolute
            file = path.parent / re.split(r"[?#]", link)[0]
            assert file.exists(), f"{path.name}: {link} is no file"


@pytest.mark.parametrize("link", ["no-page.md", "other.md#no-heading"])
def test_a_dead_link_fails_the_build(link: str, tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    config |= {"docs_dir": "pages", "nav": ["index.md", "other.md"], "plugins": []}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config))
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/other.md").write_text("# Other\n\n## A heading\n")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    codes = []
    for target in ("other.md#a-heading", link):
        (tmp_path / "pages/index.md").write_text(f"# Page\n\n[text]({target})\n")
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
        codes.append(result.returncode != 0)
    assert codes == [False, True]
