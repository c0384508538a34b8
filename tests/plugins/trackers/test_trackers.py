"""Each tracker keeps its contract with its library, and its own reader finds what was logged."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from egoexobench.testing.tracker import LOGGED, RECORD, START, check_tracker
from egoexobench.toolbox.run_fields import flatten_settings, list_scores, name_run
from egoexobench_plugins.trackers import mlflow, tensorboard, wandb

NOT_IN_TEST = "the test extra installs only TensorBoard, which is small"


def finish_run(tracker) -> None:
    tracker.start(START)
    for metrics, step in LOGGED:
        tracker.log(metrics, step)
    tracker.finish(RECORD)


def test_settings_and_scores_have_plain_names() -> None:
    settings = flatten_settings(RECORD)
    assert settings["method.overrides.lr"] == "0.01"
    assert settings["settings.tasks"] == "eg2ex,action"
    assert "trained_on" not in settings
    assert list_scores(RECORD) == {"eg2ex/both-views/mrr": 0.25}


def test_a_name_of_a_run_is_safe_for_a_folder() -> None:
    method = {"name": "../a b/\N{GREEK SMALL LETTER ALPHA}"}
    name = name_run(START | {"method": method})
    assert name == ".._a_b__-folder-seed3-20260102-030405-060708"


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="pip install 'egoexobench[tensorboard]'")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    check_tracker(lambda: tensorboard(folder=tmp_path / "checked"))
    finish_run(tensorboard(folder=tmp_path / "logs"))
    (run,) = (tmp_path / "logs").iterdir()
    assert run.name == name_run(START)
    events = EventAccumulator(str(run)).Reload()
    losses = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert losses == [(1, 2.5), (2, 2.25)]
    assert [event.value for event in events.Scalars("score/eg2ex/both-views/mrr")] == [0.25]
    tags = events.Tags()
    assert "train_scorer/loss" in tags["scalars"]
    assert "settings/text_summary" in tags["tensors"]


def test_mlflow_reads_what_was_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("mlflow", reason=NOT_IN_TEST)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "store").as_uri()
    check_tracker(lambda: mlflow(uri=uri, experiment="checked"))
    finish_run(mlflow(uri=uri, experiment="logged"))
    client = library.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("logged")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == name_run(START)
    assert run.info.status == "FINISHED"
    assert run.data.params["method.scale"] == "compact"
    assert run.data.metrics["score/eg2ex/both-views/mrr"] == 0.25
    losses = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in losses] == [(1, 2.5), (2, 2.25)]
    path = client.download_artifacts(run.info.run_id, "record.json", str(tmp_path))
    assert json.loads(Path(path).read_text()) == RECORD
    checked = client.get_experiment_by_name("checked").experiment_id
    statuses = {run.info.status for run in client.search_runs([checked])}
    assert statuses == {"FINISHED", "FAILED"}


def check_in_process(call: str, variables: dict[str, str]) -> None:
    """Check a tracker in a process of its own, at whose end its files are complete."""
    code = (
        "from egoexobench.testing.tracker import check_tracker\n"
        "from egoexobench_plugins.trackers import trackio, wandb\n"
        f"check_tracker(lambda: {call})\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert result.returncode == 0, result.stderr


def test_wandb_writes_files_offline(tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason=NOT_IN_TEST)
    check_in_process("wandb(mode='offline')", {"WANDB_DIR": str(tmp_path)})
    files = sorted(tmp_path.rglob("*.wandb"))
    assert len(files) == 2  # a run that succeeds and one that fails
    contents = [file.read_bytes() for file in files]
    for text in ("train/loss", "train/step", name_run(START)):
        assert all(text.encode() in content for content in contents)
    assert sum(b"score/eg2ex/both-views/mrr" in content for content in contents) == 1


def test_wandb_without_a_key_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason=NOT_IN_TEST)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with pytest.raises(Exception, match="wandb has no key: run `wandb login`"):
        wandb(mode="online").start(START)


def test_trackio_writes_into_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("trackio", reason=NOT_IN_TEST)
    check_in_process("trackio(project='checked')", {"TRACKIO_DIR": str(tmp_path)})
    (file,) = tmp_path.glob("checked*.db")
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT run_name, step, metrics FROM metrics").fetchall()
    assert any("train/loss" in json.loads(metrics) for _, _, metrics in rows)
    assert {name for name, _, _ in rows} == {name_run(START)}
