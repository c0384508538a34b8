"""Models by name: from a hub that the test serves, from a folder, and without a network."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from local_hub import COMMIT, LocalHub, serve_hub, use_hub
from safetensors.torch import save_file

from egoexobench.errors import DataError, NoticeWarning, UsageError
from egoexobench.toolbox import hub_files, hub_models, model_folder
from egoexobench.toolbox.model_pins import MODEL_PINS

NAME = f"org/tiny@{COMMIT}"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalHub]:
    """A hub with one model, and an empty cache."""
    with serve_hub() as served:
        use_hub(monkeypatch, served.endpoint, tmp_path / "cache")
        served.repositories["org/tiny"] = write_model(tmp_path / "tiny")
        yield served


def write_model(folder: Path) -> Path:
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}')
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Tiny\n")
    (folder / "train.py").write_text("raise SystemExit")
    save_file({"w": torch.arange(4.0)}, folder / "model.safetensors")
    return folder


def test_a_model_is_downloaded_once_and_says_before_what_comes(hub: LocalHub) -> None:
    with pytest.warns(NoticeWarning, match=r"org/tiny@0123456: 4 files, 0\.0 MB, license mit"):
        folder = hub_models.resolve_model(NAME)
    names = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert names == {"config.json", "1_Pooling/config.json", "README.md", "model.safetensors"}
    hub.requests.clear()
    assert hub_models.resolve_model(NAME) == folder
    assert hub.requests == []


def test_weights_come_last_so_that_a_half_download_is_no_model(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    hub.cut.add("model.safetensors")
    with pytest.warns(NoticeWarning), pytest.raises(DataError) as caught:
        hub_models.resolve_model(NAME)
    assert "\n" not in str(caught.value)
    hub.cut.clear()
    with pytest.warns(NoticeWarning):
        assert (hub_models.resolve_model(NAME) / "model.safetensors").is_file()


def test_a_file_with_another_checksum_is_refused_and_deleted(hub: LocalHub, tmp_path: Path) -> None:
    content = (hub.repositories["org/tiny"] / "model.safetensors").read_bytes()
    hub.replaced["model.safetensors"] = content[:-1] + bytes([content[-1] ^ 1])
    with pytest.warns(NoticeWarning), pytest.raises(DataError, match="checksum"):
        hub_models.resolve_model(NAME)
    assert not list((tmp_path / "cache").rglob("model.safetensors"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (f"org/none@{COMMIT}", "there is no model"),
        ("org/tiny@" + "f" * 40, "has no commit"),
        (f"org/gated@{COMMIT}", "accept its license at"),
    ],
)
def test_what_the_hub_refuses_is_one_line_that_says_what_to_do(
    hub: LocalHub, name: str, text: str
) -> None:
    hub.repositories["org/gated"] = hub.repositories["org/tiny"]
    hub.gated.add("org/gated")
    with pytest.raises(DataError, match=text) as caught:
        hub_models.resolve_model(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("org/tiny@main", "'main' is not a commit and may move"),
        ("org/tiny@0123456", "is not a commit"),
        ("org/tiny", "its commit is not known"),
        ("tiny", "neither a folder nor ORG/NAME@COMMIT"),
        (f"../x/../y@{COMMIT}", "no folder"),
    ],
)
def test_a_name_that_may_mean_another_model_tomorrow_is_refused(name: str, text: str) -> None:
    with pytest.raises((UsageError, DataError), match=text):
        hub_models.resolve_model(name)


def test_every_known_commit_is_one() -> None:
    for name, pin in MODEL_PINS.items():
        model = hub_models._split_model_name(name)
        assert (model.name, model.commit) == (name, pin.commit)


def test_a_repository_without_weights_is_refused_before_a_download(
    hub: LocalHub, tmp_path: Path
) -> None:
    (hub.repositories["org/tiny"] / "model.safetensors").unlink()
    with pytest.raises(DataError, match=r"model\.safetensors or pytorch_model\.bin"):
        hub_models.resolve_model(NAME)
    assert not (tmp_path / "cache").exists()


def test_names_that_leave_the_folder_or_hold_code_are_never_asked_for() -> None:
    hostile = [
        "../x.json",
        "a/../config.json",
        "/etc/x.json",
        "code.py",
        "a/b/config.json",
        ".x.json",
    ]
    names = [*hostile, "..\\x.json", "model.safetensors", "config.json"]
    selected = model_folder.select_model_files(names, model_folder.TRANSFORMERS_WEIGHTS)
    assert selected == ["config.json", "model.safetensors"]


def test_weights_in_parts_are_read_together_and_a_missing_part_is_missing(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "parts")
    (folder / "model.safetensors").unlink()
    parts = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    for number, part in enumerate(parts):
        save_file({f"w{number}": torch.full((2,), float(number))}, folder / part)
    index = {"weight_map": {"w0": parts[0], "w1": parts[1]}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    weights = model_folder.read_weights(folder, model_folder.TRANSFORMERS_WEIGHTS)
    assert sorted(weights) == ["w0", "w1"]
    (folder / parts[1]).unlink()
    with pytest.raises(DataError, match="no complete weights"):
        hub_models.resolve_model(str(folder))


def test_an_index_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "parts")
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"w": "../../secret.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="does not say which files"):
        hub_models.resolve_model(str(folder))


def test_the_hash_of_a_model_is_that_of_settings_and_weights(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny")

    def compute_hash() -> str:
        return model_folder.hash_model(folder, model_folder.TRANSFORMERS_WEIGHTS)

    first = compute_hash()
    (folder / "README.md").write_text("another card")
    assert compute_hash() == first
    (folder / "preprocessor_config.json").write_text('{"size": 224}')
    second = compute_hash()
    assert second != first
    save_file({"w": torch.zeros(4)}, folder / "model.safetensors")
    assert compute_hash() != second


def test_the_license_is_that_of_the_card(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny")
    with hub_models.record_models() as models:
        hub_models.resolve_model(str(folder))
    assert [(model.license, model.num_bytes > 0) for model in models] == [("apache-2.0", True)]


def test_without_a_network_one_line_comes_within_six_seconds(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        environment = dict(os.environ, HF_ENDPOINT=endpoint, HF_HOME=str(tmp_path))
        code = f"from egoexobench.toolbox import hub_models; hub_models.resolve_model({NAME!r})"
        start = time.monotonic()
        result = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
        )
    message = result.stderr.strip().splitlines()[-1]
    assert "write model=FOLDER" in message
    assert "weights fetch" in message
    assert time.monotonic() - start < 6


def test_a_hub_that_never_answers_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        use_hub(monkeypatch, f"http://127.0.0.1:{port}", tmp_path)
        monkeypatch.setattr(hub_files, "DEADLINE_S", 0.2)
        with pytest.raises(DataError, match="cannot be downloaded"):
            hub_models.resolve_model(NAME)
