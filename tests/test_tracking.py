"""Trackers show a run; whatever they do, the run has the same numbers and goes on."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from command_line import CommandLine
from safetensors.torch import load_file

import egoexobench as ee
from egoexobench import tracking
from egoexobench.records.store import read_record

PLUGIN = Path(__file__).with_name("plugin_trackers.py")
EPOCHS = 3


@pytest.fixture(scope="module")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copy(PLUGIN, folder)
    metadata = folder / "plugin_trackers-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin_trackers\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text("[egoexobench]\ntrackers-of-tests=plugin_trackers\n")
    return folder


class TrackedCommandLine(CommandLine):
    """`run` with a small training; its features and weights are cached for all tests."""

    def run_small(self, folder: Path, *arguments: str, lr: str = "0.001"):
        return self(
            "run", "--method", "soundbridge", "--dataset", f"folder:path={folder}",
            "--task", "eg2ex", "--set", f"epochs={EPOCHS}", "--set", "embed_dim=16",
            "--set", f"lr={lr}", *arguments,
        )  # fmt: skip


@pytest.fixture(scope="module")
def command_line(
    tmp_path_factory: pytest.TempPathFactory, plugin_folder: Path
) -> TrackedCommandLine:
    return TrackedCommandLine(tmp_path_factory.mktemp("home"), plugin_folder=plugin_folder)


def read_calls(path: Path) -> list[tuple[str, dict, int]]:
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()]


def drop_times(record: dict) -> dict:
    changing = {"id", "created", "command", "seconds", "artifacts", "checksum"}
    return {name: value for name, value in record.items() if name not in changing}


@pytest.mark.slow
def test_a_tracker_gets_the_run_and_changes_no_number(
    command_line: TrackedCommandLine, folder: Path, tmp_path: Path
) -> None:
    reference = command_line.run_small(folder, "--json")
    weights = command_line.home / "cache" / "weights"
    (weights_file,) = weights.glob("*.safetensors")
    reference_weights = load_file(weights_file)
    weights_file.unlink()

    tracked = command_line.run_small(folder, "--json", "--track", f"calls:file={tmp_path / 'c'}")
    assert tracked.returncode == 0, tracked.stderr
    first, second = json.loads(reference.stdout), json.loads(tracked.stdout)
    assert drop_times(first) == drop_times(second)
    tensors = load_file(weights_file)  # of the same name, so of the same identity
    assert tensors.keys() == reference_weights.keys()
    assert all(torch.equal(tensors[name], reference_weights[name]) for name in tensors)
    assert "a line on standard output" in tracked.stderr

    calls = read_calls(tmp_path / "c")
    assert [call for call, _, _ in calls if call != "log"] == ["start", "finish"]
    assert calls[0][0] == "start"
    assert calls[-1][0] == "finish"
    start, record = calls[0][1], calls[-1][1]
    assert start["method"]["name"] == "soundbridge"
    assert start["method"]["overrides"]["lr"] == "0.001"
    assert str(folder) not in json.dumps(start)
    assert record == second
    assert start["settings"] == record["settings"]

    logged = [(values, step) for call, values, step in calls if call == "log"]
    losses = {step: values["train/loss"] for values, step in logged if "train/loss" in values}
    rates = [values["train/learning_rate"] for values, _ in logged if "train/loss" in values]
    assert list(losses) == list(range(1, len(losses) + 1))
    assert max(rates) <= 0.001
    assert min(rates) > 0
    epochs = [values for values, _ in logged if "train/epoch" in values]
    assert [epoch["train/epoch"] for epoch in epochs] == list(range(1, EPOCHS + 1))
    for epoch, recorded in zip(epochs, record["epochs"], strict=True):
        assert epoch["train/epoch_loss"] == recorded["loss"]
        assert epoch["train/validation_value"] == recorded["validation_value"]
    mean_loss = sum(losses.values()) / len(losses)
    assert mean_loss == pytest.approx(sum(e["loss"] for e in record["epochs"]) / EPOCHS, rel=1e-5)
    assert sum("train/pairs_per_s" in values for values, _ in logged) == EPOCHS
    seconds = logged[-1][0]
    assert seconds == {f"seconds/{name}": value for name, value in record["seconds"].items()}


@pytest.mark.slow
def test_weights_that_are_loaded_show_their_epochs(
    command_line: TrackedCommandLine, folder: Path, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        track = f"calls:file={tmp_path / name}"
        result = command_line.run_small(folder, "--track", track, lr="0.002")
        assert result.returncode == 0, result.stderr
    first, second = (read_calls(tmp_path / name) for name in ("first", "second"))
    epochs = [[v for _, v, _ in calls if "train/epoch" in (v or ())] for calls in (first, second)]
    assert epochs[0] == epochs[1]
    assert any("train/loss" in values for _, values, _ in first)
    assert not any("train/loss" in values for _, values, _ in second)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("factory", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("product", "its factory returned an object without start, log and finish"),
        ("start", "OSError: [Errno 28] No space left on device"),
        ("log", "OSError: [Errno 28] No space left on device"),
        ("finish", "OSError: [Errno 28] No space left on device"),
        ("exit", "SystemExit: 7"),
        ("hang", "it did not return for 0.2 seconds"),
        ("secret", "ConnectionError: 401 for ... at https://...@example.org/x"),
    ],
)
def test_a_tracker_that_fails_is_one_line_and_the_run_goes_on(
    fault: str,
    reason: str,
    command_line: TrackedCommandLine,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", "key-of-nobody")
    if fault == "hang":
        monkeypatch.setattr(tracking, "CALL_LIMIT_S", 0.2)
    result = command_line.run_small(
        folder, "--json", "--track", f"faulty:at={fault}", "--track", f"calls:file={tmp_path / 'c'}"
    )
    assert result.returncode == 0, result.stderr
    notes = [line for line in result.stderr.splitlines() if "faulty" in line]
    label = "note: tracker 'faulty' of plugin_trackers 1: "
    assert notes == [f"{label}{reason}; the run goes on without it"]
    assert "key-of-nobody" not in result.stderr + result.stdout
    assert "ann:word" not in result.stderr
    assert read_calls(tmp_path / "c")[-1][1] == json.loads(result.stdout)


def test_a_run_that_fails_ends_in_its_trackers(
    command_line: TrackedCommandLine, folder: Path, tmp_path: Path
) -> None:
    result = command_line(
        "run", "--method", "soundbridge", "--dataset", f"folder:path={folder}",
        "--set", "lr=1e30", "--set", "embed_dim=16", "--track", f"calls:file={tmp_path / 'c'}",
    )  # fmt: skip
    assert result.returncode == 1
    call, record, _ = read_calls(tmp_path / "c")[-1]
    assert (call, record) == ("finish", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tensorbord", "unknown tracker 'tensorbord'. Did you mean 'tensorboard'?"),
        ("calls:fil=x", "unknown option 'fil' of tracker 'calls'. Did you mean 'file'?"),
        ("calls", "tracker 'calls' needs the option 'file' (a path)"),
        ("mlflow:uri=http://ann:word@example.org", "option 'uri' of tracker 'mlflow' has a user"),
    ],
)
@pytest.mark.parametrize("command", ["run", "sweep"])
def test_a_tracker_that_cannot_be_is_an_error_before_any_work(
    command: str, text: str, message: str, command_line: TrackedCommandLine, tmp_path: Path
) -> None:
    sweep = tmp_path / "sweep.toml"
    table = Path(__file__).parents[1] / "leaderboards" / "sweeps" / "table4.toml"
    sweep.write_text(table.read_text().replace('reported = "../reported/table-4.toml"\n', ""))
    arguments = ("--method", "soundbridge") if command == "run" else (str(sweep),)
    result = command_line(command, *arguments, "--track", text, "--out", str(tmp_path / "out"))
    assert result.returncode == 2, result.stderr
    (line,) = result.stderr.splitlines()
    assert message in line
    assert "word" not in line.replace("password", "")
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.slow
def test_python_takes_one_tracker_or_several(
    command_line: TrackedCommandLine, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(command_line.plugin_folder))
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(command_line.home / "cache"))
    settings = {"epochs": EPOCHS, "embed_dim": 16, "lr": 0.001}
    trackers = [f"calls:file={tmp_path / 'c'}", ee.Spec("faulty", {"at": "start"})]
    with pytest.warns(UserWarning, match="the run goes on without it"):
        result = ee.run(
            "soundbridge", dataset=f"folder:path={folder}", tasks="eg2ex", set=settings,
            out=tmp_path / "runs", track=trackers, progress=False,
        )  # fmt: skip
    assert read_calls(tmp_path / "c")[-1][1]["id"] == read_record(result.path).id
    again = ee.rerun(
        result.path, dataset=f"folder:path={folder}", out=tmp_path / "again",
        track=trackers[0], progress=False,
    )  # fmt: skip
    assert read_calls(tmp_path / "c")[-1][1]["id"] == again.result.record.id
    with pytest.raises(ee.UsageError, match="argument 'track': unknown tracker 'nothing'"):
        ee.run("soundbridge", track="nothing")
