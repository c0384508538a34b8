"""The works that parts come from, as BibTeX."""

import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from egoexobench.citations import CitedWork, find_works, list_part_works, read_works
from egoexobench.cli import main
from egoexobench.entry_points import Distribution
from egoexobench.errors import DataError
from egoexobench.registry import PartFactory, Registry

ROOT = Path(__file__).parents[1]
PUBLICATION = re.compile(r"et al\.|\((?:CVPR|ICCV|ICLR|ICML|ICASSP|NeurIPS|Meta),? \d{4}\b")


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()


@pytest.fixture(scope="module")
def works() -> list[CitedWork]:
    return read_works(ROOT / "egoexobench" / "references.bib")


def run_cite(*names: str) -> Result:
    return CliRunner().invoke(main, ["cite", *names])


def test_every_part_of_a_publication_has_a_work_and_every_work_a_part(
    registry: Registry, works: list[CitedWork]
) -> None:
    ours = [part for part in registry.iter_parts() if part.distribution.name == "egoexobench"]
    published = [p for p in ours if PUBLICATION.search(p.factory.__doc__ or "")]
    assert len(published) > 10
    assert [str(part) for part in published if not list_part_works(part)] == []
    names = {f"{part.kind}:{part.name}" for part in ours} | {"egoexobench"}
    assert {name for work in works for name in work.parts} <= names
    assert all(work.parts for work in works)


def test_entries_are_complete_and_have_no_field_of_ours(works: list[CitedWork]) -> None:
    assert len({work.key for work in works}) == len(works)
    for work in works:
        fields = re.findall(r"^  (\w+) = \{", work.bibtex, re.MULTILINE)
        assert {"title", "author"} <= set(fields)
        assert "parts" not in fields
        assert work.bibtex.count("{") == work.bibtex.count("}")
        if work.key != "egoexobench":
            (year,) = re.findall(r"year = \{(\d{4})\}", work.bibtex)
            assert year in work.key


def test_the_toolkit_is_cited_as_citation_cff_says(registry: Registry) -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    software, paper = find_works(registry, ["egoexobench"])
    titles = re.findall(r'^ *title: "(.+)"$', citation, re.MULTILINE)
    assert f"title = {{{titles[0]}}}" in software.bibtex
    assert f"title = {{{titles[1]}}}" in paper.bibtex
    (name,) = re.findall(r'^  - name: "(.+)"$', citation, re.MULTILINE)
    assert f"author = {{{{{name}}}}}" in software.bibtex
    assert f"version = {{{version('egoexobench')}}}" in software.bibtex
    people = re.findall(r"given-names: (.+)\n +family-names: (.+)", citation)
    authors = " and ".join(f"{family}, {first}" for first, family in people)
    assert f"author = {{{authors}}}" in paper.bibtex


def test_works_of_several_names_are_printed_once() -> None:
    done = run_cite("soundbridge:residual=none", "lavila", "sound-text")
    assert done.exit_code == 0, done.output
    assert re.findall(r"^@\w+\{(\w+),", done.output, re.MULTILINE) == [
        "huang2025soundbridge",
        "zhao2023lavila",
    ]
    listed = json.loads(run_cite("lavila", "--json").output)
    assert [work["key"] for work in listed["works"]] == ["zhao2023lavila"]
    assert listed["works"][0]["bibtex"] in done.output


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("folder", 1, "no work to cite is named for dataset 'folder'"),
        ("soundbrige", 2, "Did you mean 'soundbridge'?"),
    ],
)
def test_a_name_without_a_work_is_one_line(name: str, code: int, message: str) -> None:
    done = run_cite("lavila", name)
    assert (done.exit_code, done.output.count("\n")) == (code, 1)
    assert message in done.output


@pytest.fixture
def make_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], PartFactory]:
    def make_plugin_part(references: str) -> PartFactory:
        package = tmp_path / "nordlab_parts"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "references.bib").write_text(references)
        monkeypatch.syspath_prepend(tmp_path)
        return PartFactory(
            kind="encoder",
            name="pixel",
            factory=len,
            plugin="pixel",
            distribution=Distribution("nordlab", "1.0"),
            module="nordlab_parts.pixel",
        )

    return make_plugin_part


def test_a_plugin_is_cited_by_the_file_of_its_package(
    make_part: Callable[[str], PartFactory],
) -> None:
    part = make_part(
        "@misc{a2026, title = {A {\\'e}}, parts = {encoder:pixel}}\n"
        "@misc{b2026,\n  title = {B},\n  parts = {\n    encoder:one,\n    encoder:pixel\n  },\n}\n"
        "@misc{c2026,\n  title = {C},\n  parts = {encoder:other},\n}\n"
    )
    first, second = list_part_works(part)
    assert first.bibtex == "@misc{a2026, title = {A {\\'e}}}"
    assert second.bibtex == "@misc{b2026,\n  title = {B},\n}"


def test_an_entry_without_an_end_names_its_file(make_part: Callable[[str], PartFactory]) -> None:
    part = make_part("@misc{a2026,\n  title = {A},\n  parts = {encoder:pixel},\n")
    with pytest.raises(DataError, match=r"references\.bib: the entry 'a2026' has no closing brace"):
        list_part_works(part)
