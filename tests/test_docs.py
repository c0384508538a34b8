"""What the docs point to exists: files, headings, commands and options."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from egoexobench.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "leaderboards/*.md",
        "plugins/**/*.md",
        "egoexobench/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="not a checkout")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?<!import )(?<!from )egoexobench ((?:[a-z][a-z-]*)[^`\n|]*)")


def read_code(text: str) -> Iterator[str]:
    """Code spans and lines of code blocks that hold a shell command."""
    for block in re.findall(r"```(?:sh|console|bash)?\n(.*?)```", text, re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(
        r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )


def make_anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that the first words name, and the words after it."""
    command: click.Command = main
    context = click.Context(main)
    while words and isinstance(command, click.Group):
        child = command.get_command(context, words[0])
        if child is None:
            break
        command, words = child, words[1:]
    return command, words


def list_problems(line: str) -> list[str]:
    """What a shell line asks of ``egoexobench`` that it does not have."""
    problems = []
    for match in COMMAND.finditer(line):
        words = match[1].split("&&")[0].split()
        command, remaining = find_command(words)
        if command is main:
            problems.append(f"no command {words[0]!r}")
            continue
        options = {
            name for option in command.params for name in option.opts + option.secondary_opts
        }
        options |= {"--help", "-p", "--traceback"}
        used = {word.partition("=")[0] for word in remaining if word.startswith("--")}
        problems += [f"{command.name} has no {name}" for name in sorted(used - options)]
    return problems


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{target} of {page.name} is no file"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
            assert anchor in map(make_anchor, headings), f"{target} of {page.name} is no heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_command_in_the_docs_exists_with_its_options(page: Path) -> None:
    problems = [text for line in read_code(page.read_text()) for text in list_problems(line)]
    assert problems == []


def test_every_decision_is_in_the_index_under_its_title() -> None:
    folder = ROOT / "docs/decisions"
    pages = sorted(folder.glob("0*.md"))
    assert len({page.name[:4] for page in pages}) == len(pages)  # a number names one decision
    titles = [(page, page.read_text().splitlines()[0].removeprefix("# ")) for page in pages]
    lines = [f"- [{page.name[:4]}]({page.name}) {title}" for page, title in titles]
    assert folder.joinpath("README.md").read_text().splitlines()[2:] == lines


def test_a_wrong_command_and_a_wrong_option_are_noticed() -> None:
    assert list_problems("egoexobench runs --task all") == ["no command 'runs'"]
    assert list_problems("egoexobench run --tusk all") == ["run has no --tusk"]
    assert list_problems("egoexobench data doctor folder:path=D --method x") != []
    assert list_problems("pip install . && egoexobench run --method a --task b") == []
