"""A recorded run is made again, and what differs is said."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from command_line import CommandLine

import egoexobench as ee
from egoexobench.comparison import FieldDifference
from egoexobench.records.store import read_record

FAST_OPTIONS = ("--set", "epochs=1", "--set", "embed_dim=16", "--task", "eg2ex", "--task", "t2v")


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def recorded(command_line: CommandLine, folder: Path) -> Path:
    """A record of a run on the folder, whose path is shortened."""
    dataset = f"folder:path={folder}"
    result = command_line(
        "run", "--method", "soundbridge:residual=none", "--dataset", dataset, *FAST_OPTIONS,
        "--seed", "3", "--missing-audio", "mask", "--allow-missing",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (path,) = (command_line.home / "runs").rglob("*.json")
    return path


def read_only_record(out: Path) -> ee.RunResult:
    (run,) = ee.load(out)
    return run


def test_a_run_from_a_record_is_equal_and_has_its_options(
    command_line: CommandLine, recorded: Path, folder: Path
) -> None:
    result = command_line(
        "run", "--from", str(recorded), "--dataset", f"folder:path={folder}", "--out", "again"
    )
    assert result.returncode == 0, result.stderr
    assert f"equal: every score and rank is that of {recorded}" in result.stdout
    assert "other differences" not in result.stdout
    old, new = read_record(recorded), read_only_record(command_line.home / "again").record
    assert new.method == old.method
    assert new.settings == old.settings
    assert (new.seed, new.counts, new.scores) == (old.seed, old.counts, old.scores)
    assert old.settings
    assert (old.settings.tasks, old.settings.allow_missing) == (("eg2ex", "t2v"), True)


def test_options_of_the_command_line_replace_those_of_the_record(
    command_line: CommandLine, recorded: Path, folder: Path
) -> None:
    result = command_line(
        "run", "--from", str(recorded.parent), "--dataset", f"folder:path={folder}", "--out",
        "other", "--seed", "0", "--set", "epochs=2", "--task", "eg2ex", "--json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    assert (record["seed"], record["method"]["spec"]) == (0, "soundbridge:residual=none")
    assert record["method"]["overrides"] == {"epochs": "2", "embed_dim": "16"}
    assert "of 2 tracks differ from" in result.stderr
    assert "t2v gallery: not scored again" in result.stderr
    assert "  seed: 3 -> 0" in result.stderr
    assert "  method.overrides.epochs: 1 -> 2" in result.stderr


def test_a_shortened_path_must_be_given_again(command_line: CommandLine, recorded: Path) -> None:
    result = command_line("run", "--from", str(recorded))
    assert result.returncode == 2
    assert "give the whole path with --dataset" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--from RECORD"),
        (("--from", "RECORD", "--method", "egoexo"), "is a run of 'soundbridge'"),
    ],
)
def test_a_run_without_a_method_or_with_another_method_is_refused(
    command_line: CommandLine, recorded: Path, arguments: tuple[str, ...], message: str
) -> None:
    texts = [str(recorded) if text == "RECORD" else text for text in arguments]
    result = command_line("run", *texts)
    assert result.returncode == 2
    assert message in result.stderr


def test_python_reruns_a_record_and_lists_changed_ranks_and_versions(
    recorded: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    old = read_record(recorded)
    versions = {**old.environment.packages, "numpy": "1.0"}
    parts = tuple(
        part.model_copy(update={"source_hash": "0" * 16}) if part.role == "audio" else part
        for part in old.method.parts
    )
    changed = old.model_copy(
        update={
            "environment": old.environment.model_copy(update={"packages": versions}),
            "method": old.method.model_copy(update={"parts": parts}),
        }
    )
    for artifact in old.artifacts:
        shutil.copy(recorded.with_name(artifact.file), tmp_path)
    path = tmp_path / recorded.name
    path.write_text(changed.model_dump_json())
    result = ee.rerun(
        path,
        dataset=f"folder:path={folder}",
        out=tmp_path / "runs",
        set={"lr": 0.5},
        progress=False,
    )
    torch.set_num_threads(threads)
    assert not result.is_equal
    assert any("queries have other ranks" in str(track) for track in result.tracks)
    assert any("hit_rate" in str(track) or "mrr" in str(track) for track in result.tracks)
    new_version = read_record(result.result.path).environment.packages["numpy"]
    assert FieldDifference("environment.packages.numpy", ("1.0", new_version)) in result.fields
    assert result.result.record.method.overrides["lr"] == "0.5"
    changed_fields = {difference.field for difference in result.fields}
    assert "method.parts.audio" in changed_fields  # its source is another one
    assert "method.parts.video" not in changed_fields


def test_an_argument_of_rerun_is_checked_before_any_work() -> None:
    with pytest.raises(ee.UsageError, match="argument 'seed'"):
        ee.rerun("runs", seed=-1)
