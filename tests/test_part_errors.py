"""An exception inside a part is one line that names the part, its plug-in's distribution too."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

import egoexobench
from egoexobench.errors import PartError
from egoexobench.experiment import run
from egoexobench.part_errors import name_failing_part
from egoexobench.registry import Registry

SOURCE = Path(__file__).with_name("faulty_parts.py")
MOMENTS = {
    "dataset": [
        "dataset factory",
        "dataset.prepare",
        "dataset.clips",
        "dataset.pairs",
        "dataset.queries",
        "process",
    ],
    "captioner": ["captioner factory", "captioner.caption"],
    "encoder": ["encoder factory", "encoder.prepare", "encoder.encode"],
    "fusion": ["fusion factory", "fusion call"],
    "anchor": ["anchor factory", "anchor call"],
    "objective": ["objective factory", "objective call"],
    "method": ["method factory"],
}
NAMES = {kind: f"faulty-{kind}" for kind in MOMENTS} | {"dataset": "faulty-data"}


@pytest.fixture(scope="module")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("plugin")
    shutil.copy(SOURCE, root / "nordlab_parts.py")
    metadata = root / "nordlab-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: nordlab\nVersion: 0.1.0\n")
    (metadata / "entry_points.txt").write_text("[egoexobench]\nnordlab = nordlab_parts\n")
    yield root
    sys.modules.pop("nordlab_parts", None)


@pytest.fixture
def command_line(plugin_folder: Path, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, plugin_folder=plugin_folder)


@pytest.fixture
def command(folder: Path) -> list[str]:
    return ["run", "--method", "faulty-method", "--dataset", f"faulty-data:path={folder}"]


@pytest.mark.parametrize(
    ("kind", "moment"), [(kind, moment) for kind, moments in MOMENTS.items() for moment in moments]
)
def test_an_exception_in_a_part_is_one_line_that_names_it(
    command_line: CommandLine,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    moment: str,
) -> None:
    monkeypatch.setenv("FAULT", moment)
    result = command_line(*command)
    part = f"{kind} {NAMES[kind]!r} of nordlab 0.1.0"
    clip = r"clip \w/e[gx]o: " if moment == "encoder.prepare" else ""
    line = f"egoexobench: {re.escape(part)}: {clip}RuntimeError: {moment} does not work\n"
    assert re.fullmatch(line, result.stderr), result.stderr
    assert result.returncode == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("moment", "message"),
    [
        ("captioner.caption gives None", "the result of caption is None (NoneType); it must be a"),
        ("captioner.caption gives too little", "captions for "),
        ("encoder.prepare gives None", "the result of prepare is None (NoneType); it must be nda"),
        ("encoder.encode gives None", "the result of encode is None (NoneType); it must be Tokens"),
        ("encoder.encode gives too little", "its tokens have the shape ("),
        ("encoder.encode gives integers", "values of its tokens has the dtype torch.int32; it mus"),
        ("encoder.encode gives a number mask", "the mask has the dtype torch.float32; it must be"),
        ("fusion call gives None", "its result is None (NoneType); it must be Tensor"),
        ("fusion call gives too little", "its result has the shape ("),
        ("anchor call gives None", "its result is None (NoneType); it must be tuple"),
        ("anchor call gives too little", "it returns 1 targets, not one for each view"),
        ("objective call gives None", "its loss is None (NoneType); it must be Tensor"),
        ("objective call gives too many", "its loss has the shape ("),
    ],
)
def test_a_wrong_result_of_a_part_is_one_line_that_names_it(
    command_line: CommandLine,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    message: str,
) -> None:
    monkeypatch.setenv("FAULT", moment)
    result = command_line(*command)
    kind = moment.replace(".", " ").partition(" ")[0]
    assert result.stderr.startswith(f"egoexobench: {kind} {NAMES[kind]!r} of nordlab 0.1.0: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert (result.returncode, result.stdout) == (1, "")


@pytest.mark.parametrize("switch", ["option", "variable"])
def test_the_traceback_is_shown_on_demand(
    command_line: CommandLine, command: list[str], monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    monkeypatch.setenv("FAULT", "encoder.encode")
    if switch == "variable":
        monkeypatch.setenv("EGOEXOBENCH_TRACEBACK", "1")
    options = ["--traceback"] if switch == "option" else []
    result = command_line(*options, *command)
    assert "Traceback (most recent call last)" in result.stderr
    assert 'nordlab_parts.py", line' in result.stderr
    assert result.stderr.splitlines()[-1].startswith("egoexobench: encoder 'faulty-encoder' of")
    assert result.returncode == 1


def test_an_error_for_the_user_that_a_part_raises_stays_as_it_is(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAULT", "none")
    command = ["run", "--method", "faulty-method", "--dataset", "faulty-data:path=absent"]
    result = command_line(*command)
    assert result.stderr.startswith("egoexobench: ")
    assert "nordlab" not in result.stderr
    assert "RuntimeError" not in result.stderr


def test_a_bug_of_the_harness_shows_its_traceback(
    command_line: CommandLine, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv("FAULT", "none")
    monkeypatch.setattr(run, "train_method", break_down)
    with pytest.raises(ZeroDivisionError):
        command_line(*command)


def test_parts_that_share_a_class_are_named_by_their_plug_in(
    plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(plugin_folder)
    monkeypatch.setenv("FAULT", "encoder.encode")
    registry = Registry()
    first = registry.create("encoder", "faulty-encoder")
    registry.create("encoder", "faulty-encoder-twin")
    message = r"^plug-in 'nordlab' of nordlab 0\.1\.0: RuntimeError: encoder\.encode"
    with pytest.raises(PartError, match=message), name_failing_part(registry):
        first.encode(None, None)


@pytest.mark.parametrize("moment", ["dataset.prepare", "encoder.encode"])
def test_an_exception_in_a_part_has_its_name_from_python_too(
    plugin_folder: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.syspath_prepend(plugin_folder)
    monkeypatch.setenv("FAULT", moment)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    dataset = f"faulty-data:path={folder}"
    message = f"of nordlab 0.1.0: RuntimeError: {moment} does not work"
    with pytest.raises(PartError, match=message) as caught:
        egoexobench.run("faulty-method", dataset=dataset, out=tmp_path / "runs")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_traceback_that_a_process_sent_as_text_names_the_plug_in(
    plugin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(plugin_folder)
    text = f'Traceback:\n  File "{plugin_folder}/nordlab_parts.py", line 9, in encode\n'
    message = r"^plug-in 'nordlab' of nordlab 0\.1\.0: ValueError: 3$"
    with pytest.raises(PartError, match=message), name_failing_part(Registry()):
        raise ValueError(3) from RuntimeError(text)


def test_what_the_harness_raises_passes_through_the_context(plugin_folder: Path) -> None:
    with pytest.raises(ZeroDivisionError), name_failing_part(Registry()):
        raise ZeroDivisionError
