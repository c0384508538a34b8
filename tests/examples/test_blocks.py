"""Every shell block and every Python example of the documentation runs, page by page.

`page_blocks.py` explains the comments in front of blocks, and prints which of them do not run.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from chat_server import Reply, serving
from example_files import make_named_files
from page_blocks import ROOT, SHELL, PageBlock, list_pages, read_blocks
from picture_server import identify
from shell_lines import ShellSession

from egoexobench import testing
from egoexobench.entry_points import Distribution
from egoexobench.registry import PartFactory, Registry
from egoexobench_plugins.synthetic.config import NUM_PAIRS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="not a checkout"),
]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of all pages, and of all workers."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if folder.name.startswith("popen-") else folder) / "examples-cache"


@pytest.fixture(autouse=True)
def small_home(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, where `synthetic` has 32 pairs."""
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(cache))
    monkeypatch.setitem(NUM_PAIRS, "small", {"train": 8, "val": 4, "test": 20})
    monkeypatch.chdir(tmp_path)
    return


@pytest.fixture
def model_server() -> Iterator[str]:
    """The address of a server that chooses the first candidate."""
    with serving(lambda text, tries: Reply("1"), identify) as (address, _):
        yield address


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_blocks_of_a_page_run_one_after_the_other(
    page: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, names, output = ShellSession(monkeypatch), {}, ""
    blocks = read_blocks(page)
    for block in blocks:
        if block.file_name:
            Path(block.file_name).write_text(block.text)
    for block in blocks:
        if block.is_output:
            assert normalize_output(block.text) in normalize_output(output), block
        if not block.is_code or block.skip_reason:
            continue
        try:
            text = replace_addresses(block.replaced_text, request)
            if block.language in SHELL:
                make_named_files(text)
                output = session.run_block(text)
            else:
                run_python(block, text, names)
        except (Exception, SystemExit) as error:
            raise AssertionError(f"{block}: {error}") from error


def replace_addresses(text: str, request: pytest.FixtureRequest) -> str:
    """Lead to servers of the tests: of a model, and of objects."""
    for address, fixture in {
        "http://localhost:8000/v1": "model_server",
        "s3://BUCKET": "bucket",
    }.items():
        if address in text:
            text = text.replace(address, request.getfixturevalue(fixture))
    return text


def run_python(block: PageBlock, text: str, names: dict[str, object]) -> None:
    """Run an example after those above it, and check the contracts of parts that it registers."""
    exec(compile(text, str(block), "exec"), names)
    for hook, kind in re.findall(r"^def (register_(\w+)s)\(", block.text, re.MULTILINE):
        if kind != "launcher":  # the page says what its launcher lacks
            names[hook](partial(check_contract, kind))  # type: ignore[operator]


def check_contract(kind: str, name: str, factory: Callable[..., object], **_: object) -> None:
    """Check a part that an example registers."""
    part = PartFactory(
        kind=kind,
        name=name,
        factory=factory,
        plugin="docs",
        distribution=Distribution("docs", "0.1"),
        module="docs",
    )
    testing.check_part(part, Registry(), {})


def normalize_output(text: str) -> str:
    """A text in which numbers, ids and the width of columns are equal."""
    text = re.sub(r"\d{8}T\d{6}Z-seed\d+-[0-9a-f]+", "ID", text)
    text = re.sub(r"\d+(\.\d+)?", "N", text)
    return re.sub(r"─+", "─", " ".join(text.split()))


def test_a_block_that_fails_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    session = ShellSession(monkeypatch)
    with pytest.raises(AssertionError, match="No such command"):
        session.run_line("egoexobench runs")
    with pytest.raises(AssertionError, match="no extra"):
        session.run_line("pip install 'egoexobench[nothing]'")
    with pytest.raises(AssertionError, match="cannot run"):
        session.run_line("sbatch job.sh")
