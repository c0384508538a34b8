"""The folder of a site: complete, self-contained, the same bytes twice, replaced as one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from posixpath import normpath

import pytest
from click.testing import CliRunner

from egoexobench.cli import main
from egoexobench.data.doctor import check_dataset
from egoexobench.errors import DataError
from egoexobench.records.store import read_record
from egoexobench.site import build
from egoexobench.site.build import check_site, render_site, write_site
from egoexobench.site.environment import CONTENT_POLICY
from egoexobench.site.inputs import load_site_inputs

WriteRun = Callable[..., Path]
LEADERBOARDS = Path(__file__).parents[2] / "leaderboards"
MAX_OWN_BYTES = 25_000


class LinkParser(HTMLParser):
    """Collects the addresses of a page, its ids, and what a strict policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.refused: list[str] = []
        self.policies: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "poster"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")
            if name == "style" or name.startswith("on"):
                self.refused.append(f"{tag} {name}")
        attributes = dict(attrs)
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(attributes["content"])
        if tag == "style" or (
            tag == "script" and "src" not in attributes and attributes["type"] != "application/json"
        ):
            self.refused.append(tag)


@pytest.fixture
def files(write_run: WriteRun, tmp_path: Path) -> dict[str, bytes]:
    """The files of a site of two methods, one of them with two seeds."""
    for seed in (0, 1):
        write_run("soundbridge", seed, num_right=12)
    write_run("egoexo", num_right=9)
    return render_site(load_site_inputs([tmp_path / "runs"]))


def parse_pages(files: dict[str, bytes]) -> dict[str, LinkParser]:
    pages = {}
    for path, content in files.items():
        if path.endswith(".html"):
            pages[path] = LinkParser()
            pages[path].feed(content.decode())
    return pages


def test_every_link_leads_to_a_file_or_an_element_of_the_site(files: dict[str, bytes]) -> None:
    pages = parse_pages(files)
    for path, page in pages.items():
        for link in page.links:
            if link == "data:,":
                continue
            target, _, fragment = link.partition("#")
            file = normpath(str(PurePosixPath(path).parent / target)) if target else path
            assert file in files, f"{path}: {link}"
            if fragment and "=" not in fragment:
                assert fragment in pages[file].ids, f"{path}: {link}"


def test_no_page_has_what_its_policy_refuses_or_an_id_twice(files: dict[str, bytes]) -> None:
    for path, page in parse_pages(files).items():
        assert page.refused == [], path
        assert len(page.ids) == len(set(page.ids)), path
        assert page.policies == [CONTENT_POLICY], path


def test_nothing_is_loaded_from_another_host(files: dict[str, bytes]) -> None:
    for path, content in files.items():
        if path.startswith("static/"):
            assert not re.search(rb"https?:|//[a-z]|@import|innerHTML|fetch\(|eval\(", content), (
                path
            )


def test_the_scripts_and_styles_are_small(files: dict[str, bytes]) -> None:
    own = sum(len(content) for path, content in files.items() if path.startswith("static/"))
    assert 0 < own < MAX_OWN_BYTES


def test_the_same_inputs_give_the_same_bytes(files: dict[str, bytes], tmp_path: Path) -> None:
    assert render_site(load_site_inputs([tmp_path / "runs"])) == files


def test_the_order_of_the_arguments_says_nothing(files: dict[str, bytes], tmp_path: Path) -> None:
    folder, copy = tmp_path / "runs", tmp_path / "copy"
    shutil.copytree(folder, copy)
    for path in copy.rglob("*.json"):
        path.write_text(path.read_text().replace('"soundbridge"', '"another"'))
    first = load_site_inputs([folder, copy])
    assert render_site(load_site_inputs([copy, folder])) == render_site(first)
    assert len(first.problems) > 3  # three ids twice, and the copies are not as they were written


def test_a_site_among_the_runs_and_a_link_to_itself_are_not_runs(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    write_site(files, runs / "site")
    assert render_site(load_site_inputs([runs])) == files
    (runs / "loop.json").symlink_to("loop.json")
    inputs = load_site_inputs([runs])
    assert [problem.partition(": ")[2] for problem in inputs.problems] == [
        "Too many levels of symbolic links"
    ]
    assert len(inputs.runs) == 3


@pytest.mark.parametrize("name", ["index", "Index", "x" * 101])
def test_a_run_whose_id_names_no_page_is_a_line(
    files: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    path = next((tmp_path / "runs/egoexo").rglob("*seed0-????????.json"))
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"id": name, "checksum": None}))
    inputs = load_site_inputs([tmp_path / "runs"])
    write_site(render_site(inputs), tmp_path / "site")
    assert len(inputs.runs) == 2
    assert f"{path.name}: no page can have the name {name}: " in inputs.problems[-1]


def test_two_pages_of_one_path_are_one_line(write_run: WriteRun, tmp_path: Path) -> None:
    first = load_site_inputs([write_run()])
    with pytest.raises(DataError, match=r"two pages have the path runs/.*: leave out one"):
        render_site(replace(first, runs=first.runs * 2))


def test_a_site_is_replaced_and_files_of_removed_runs_do_not_stay(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "site"
    write_site({**files, "runs/removed.html": b""}, out)
    write_site(files, out)
    check_site(files, out)
    assert not (out / "runs/removed.html").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".draft")] == []
    (out / "index.html").write_text("changed")
    with pytest.raises(DataError, match=r"outdated in .*: index\.html; run `egoexobench site"):
        check_site(files, out)


def test_an_error_while_a_site_is_written_leaves_the_old_one(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "site"
    write_site(files, out)

    def interrupt(names: object) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, "_format_manifest", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_site({"index.html": b"half"}, out)
    check_site(files, out)


@pytest.mark.parametrize("name", ["notes.txt", "site.json", "runs/mine.html"])
def test_a_folder_with_a_file_that_no_site_wrote_is_refused(
    files: dict[str, bytes], tmp_path: Path, name: str
) -> None:
    out = tmp_path / "site"
    if name != "site.json":
        write_site(files, out)
    path = out / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    with pytest.raises(DataError, match=f"holds {name}, which `egoexobench site build` did not"):
        write_site(files, out)
    assert path.read_text() == "{}"


@pytest.mark.parametrize("out", [".", ".."])
def test_the_current_folder_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    with pytest.raises(DataError, match="contains the current folder"):
        write_site({"index.html": b""}, Path(out))


def test_the_command_builds_checks_and_names_what_it_cannot_show(
    write_run: WriteRun, tmp_path: Path
) -> None:
    path = write_run()
    (path.parent / "two\nother.json").write_text('{"schema_version": 7}')
    out = tmp_path / "site"
    arguments = ["site", "build", str(tmp_path / "runs"), "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("note: ")
    assert "two\\u000aother.json" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    page = (out / "index.html").read_text()
    assert "other.json" in page
    assert str(tmp_path) not in page
    assert CliRunner().invoke(main, [*arguments, "--check"]).exit_code == 0
    write_run("egoexo")
    result = CliRunner().invoke(main, [*arguments, "--check"])
    assert result.exit_code == 1
    assert "outdated" in result.stderr


def test_a_data_set_of_no_run_is_refused_before_its_clips_are_made(
    write_run: WriteRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_dataset, "inspect_dataset", lambda *_: pytest.fail("it was checked"))
    record = read_record(write_run()).dataset
    out = tmp_path / "site"
    arguments = ["site", "build", str(tmp_path / "runs"), "--out", str(out), "--media", "copy"]
    result = CliRunner().invoke(main, [*arguments, "--dataset", "synthetic:size=small"])
    assert (result.exit_code, result.stdout, out.exists()) == (1, "", False)
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith(
        f", and no run is of it; the runs are of {record.spec} ({record.fingerprint}): "
        f"type `--dataset {record.spec}`\n"
    )


def test_there_is_no_site_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no run and no leaderboard to show"):
        load_site_inputs([], tmp_path)


def test_a_site_is_built_without_torch(tmp_path: Path) -> None:
    arguments = ["site", "build", "--root", str(LEADERBOARDS), "--out", str(tmp_path / "site")]
    code = (
        "import sys\nfrom egoexobench.cli import main\n"
        f"main({arguments!r}, standalone_mode=False)\n"
        "sys.exit('torch' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
