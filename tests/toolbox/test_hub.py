"""Weights by name, without a network or from the cache of the hub."""

from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from egoexobench.errors import DataError, UsageError
from egoexobench.toolbox import hub
from egoexobench_plugins.clip_text import clip_text

REPOSITORY, FILE = "timm/vit_base_patch16_clip_224.openai", "open_clip_model.safetensors"
NAME = Path(f"hub:{REPOSITORY}/{FILE}")


@pytest.fixture(autouse=True)
def hub_without_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache of the hub, without a network."""

    def fail_to_open(*_: object, **__: object) -> None:
        raise URLError("no route")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "urlopen", fail_to_open)
    return tmp_path


def add_to_cache(cache: Path) -> Path:
    """The path of the file in the cache of the hub, whose folders are created."""
    folder = cache / f"models--{REPOSITORY.replace('/', '--')}"
    file = folder / "snapshots" / "abc" / FILE
    file.parent.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    return file


def test_a_path_is_returned_whether_or_not_it_exists() -> None:
    for path in (Path("some/file.pt"), Path("/absent/hub/x.safetensors")):
        assert hub.resolve_weights(path) is path


def test_a_cached_file_needs_no_network(hub_without_network: Path) -> None:
    file = add_to_cache(hub_without_network)
    file.write_bytes(b"x")
    assert hub.resolve_weights(NAME) == file


def test_the_error_on_an_offline_machine_says_what_to_download() -> None:
    with pytest.raises(DataError, match="weights=PATH") as caught:
        hub.resolve_weights(NAME)
    message = str(caught.value)
    assert "\n" not in message
    assert f"https://huggingface.co/{REPOSITORY}/resolve/main/{FILE}" in message


def test_a_file_in_a_folder_of_a_repository_keeps_its_path() -> None:
    with pytest.raises(DataError, match=r"resolve/main/weights/base\.pt"):
        hub.resolve_weights(Path("hub:some/repository/weights/base.pt"))


@pytest.mark.parametrize("name", ["hub:", "hub:org", "hub:org/name", "hub:/name/file"])
def test_a_name_without_a_file_shows_the_format(name: str) -> None:
    with pytest.raises(UsageError, match="hub:ORG/NAME/FILE"):
        hub.resolve_weights(Path(name))


def test_a_name_that_no_repository_can_have_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no repository"):
        hub.resolve_weights(Path("hub:some..org/name/file.pt"))


def test_an_encoder_takes_its_weights_by_name(hub_without_network: Path) -> None:
    sizes = {"width": 16, "heads": 4, "depth": 1, "project": 8}
    encoder = clip_text(**sizes)
    state = {k: v.clone() for k, v in encoder.tower.state_dict().items()}
    save_file(state | {"visual.x": torch.ones(1)}, add_to_cache(hub_without_network))
    loaded = clip_text(**sizes, weights=NAME)
    for name, value in encoder.tower.state_dict().items():
        assert torch.equal(loaded.tower.state_dict()[name], value)
