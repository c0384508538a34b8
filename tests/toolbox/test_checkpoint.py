"""Checkpoints: which formats are read, which are rejected, and that no state is half loaded."""

import builtins
import os
import pickle
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from egoexobench.errors import DataError
from egoexobench.toolbox.checkpoint import load_state_dict_strict, read_metadata, read_state_dict

PROOF = "EGOEXOBENCH_TEST_RAN_CODE"


class CodePickle:
    """An object that sets an attribute of a module when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, (f"import builtins; builtins.{PROOF} = True",)


class SystemCallPickle:
    """An object that calls a function of the operating system when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.getpid, ()


@pytest.fixture
def layer() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def is_state_of(state: dict[str, torch.Tensor], layer: nn.Module) -> bool:
    expected = layer.state_dict()
    return list(state) == list(expected) and all(
        torch.equal(state[key], expected[key]) for key in expected
    )


@pytest.mark.parametrize("container", ["state_dict", "model", "module", None])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.module."])
def test_the_state_is_read_from_every_supported_container_and_without_its_prefix(
    tmp_path: Path, layer: nn.Module, container: str | None, prefix: str
) -> None:
    named = {prefix + key: tensor for key, tensor in layer.state_dict().items()}
    path = tmp_path / "w.pth"
    torch.save(named if container is None else {"epoch": 3, container: named}, path)
    assert is_state_of(read_state_dict(path), layer)


def test_a_prefix_that_only_some_keys_have_is_part_of_their_names(tmp_path: Path) -> None:
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "w.pt")
    assert list(read_state_dict(tmp_path / "w.pt")) == ["module.a", "b"]


def test_the_old_format_before_zip_is_read(tmp_path: Path, layer: nn.Module) -> None:
    path = tmp_path / "w.bin"
    torch.save(layer.state_dict(), path, _use_new_zipfile_serialization=False)
    assert is_state_of(read_state_dict(path), layer)


def test_half_precision_becomes_single_and_counters_stay_integers(
    tmp_path: Path, layer: nn.Module
) -> None:
    save_file(layer.half().state_dict(), tmp_path / "w.safetensors")
    result = read_state_dict(tmp_path / "w.safetensors")
    assert result["0.weight"].dtype == torch.float32
    assert result["1.num_batches_tracked"].dtype == torch.int64
    assert torch.equal(result["0.weight"], layer.float()[0].weight)


def test_arguments_numbers_and_configurations_beside_the_state_are_plain_data(
    tmp_path: Path,
) -> None:
    content = {
        "state_dict": {"a": torch.ones(1)},
        "args": Namespace(model="tiny", heads=4),
        "cfg": {"encoder_layers": 2, "deep_norm": True},
        "best": np.float64(0.5),
        "optimizer": {"state": {0: torch.ones(9)}},
    }
    torch.save(content, tmp_path / "w.pt")
    result = read_metadata(tmp_path / "w.pt")
    assert result["args"] == {"model": "tiny", "heads": 4}
    assert result["cfg"] == {"encoder_layers": 2, "deep_norm": True}
    assert "optimizer" not in result


def test_a_configuration_class_is_replaced_and_its_own_code_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("parse_config")
    exec(
        "import builtins\n"
        "class ConfigParser:\n"
        "    def __setstate__(self, state):\n"
        f"        builtins.{PROOF} = True\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, "parse_config", module)
    config = module.ConfigParser()
    config._config = {"arch": {"num_frames": 4}}
    config._save_dir = Path("models")
    torch.save({"state_dict": {"a": torch.ones(1)}, "config": config}, tmp_path / "w.pth")
    assert read_metadata(tmp_path / "w.pth") == {"config": {"arch": {"num_frames": 4}}}
    assert not hasattr(builtins, PROOF)


def test_a_configuration_of_omegaconf_is_read_without_its_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"omegaconf.dictconfig": "DictConfig", "omegaconf.nodes": "AnyNode"}
    classes = {}
    for name in ("omegaconf", *names):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        if name in names:
            classes[name] = type(names[name], (), {"__module__": name})
            setattr(module, names[name], classes[name])
    config, node = classes["omegaconf.dictconfig"](), classes["omegaconf.nodes"]()
    node.__dict__ = {"_val": 16, "_parent": config}  # a node refers to its parent: a cycle
    config.__dict__ = {"_content": {"text_heads": node}, "_parent": None}
    bare = classes["omegaconf.nodes"]()  # without a state
    torch.save({"state_dict": {"a": torch.ones(1)}, "cfg": config, "x": bare}, tmp_path / "w.pt")
    for name in ("omegaconf", *names):
        monkeypatch.delitem(sys.modules, name)
    assert read_metadata(tmp_path / "w.pt") == {"cfg": {"text_heads": 16}}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("malicious", "name"), [(CodePickle(), "exec"), (SystemCallPickle(), "getpid")]
)
def test_a_file_that_would_run_code_is_refused_and_the_code_is_named(
    tmp_path: Path, malicious: object, name: str, zipped: bool
) -> None:
    path = tmp_path / "w.pth"
    content = {"state_dict": {"a": torch.ones(1)}, "config": malicious}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=f"rejected: loading it would run .*{name}"):
        read_state_dict(path)
    assert not hasattr(builtins, PROOF)


def test_a_plain_pickle_is_no_checkpoint_and_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps(CodePickle()))
    with pytest.raises(DataError):
        read_state_dict(tmp_path / "w.pth")
    assert not hasattr(builtins, PROOF)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_one_line_that_names_it(
    tmp_path: Path, name: str, share: float
) -> None:
    tensors = {"a": torch.randn(64, 64), "b": torch.randn(64)}
    path = tmp_path / name
    (save_file if name.endswith("safetensors") else torch.save)(tensors, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=name) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)


def test_a_file_without_a_state_is_an_error_that_lists_its_contents(tmp_path: Path) -> None:
    torch.save({"epoch": 1, "weights": {"a": torch.ones(1)}}, tmp_path / "w.pt")
    with pytest.raises(DataError, match="found epoch, weights, expected state_dict or model"):
        read_state_dict(tmp_path / "w.pt")
    torch.save([1, 2], tmp_path / "w.pt")
    with pytest.raises(DataError, match="found list"):
        read_state_dict(tmp_path / "w.pt")


def test_a_missing_file_and_an_unknown_ending_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        read_state_dict(tmp_path / "w.pt")
    (tmp_path / "w.npz").write_bytes(b"")
    with pytest.raises(DataError, match="must end with"):
        read_state_dict(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"0.weight": None}, r"1 missing \(0.weight\)"),
        ({"other": torch.ones(1)}, r"1 unexpected \(other\)"),
        ({"0.bias": torch.ones(3)}, r"0.bias is \(3,\) and not \(2,\)"),
    ],
)
def test_a_state_that_does_not_fit_is_described_and_nothing_is_loaded(
    layer: nn.Module, change: dict[str, torch.Tensor | None], message: str
) -> None:
    before = {key: tensor.clone() for key, tensor in layer.state_dict().items()}
    other = {key: tensor + 1 for key, tensor in before.items()} | change
    with pytest.raises(DataError, match=message):
        load_state_dict_strict(
            layer, {k: v for k, v in other.items() if v is not None}, "the layer"
        )
    assert is_state_of(before, layer)


def test_an_ignored_key_is_skipped_and_the_others_are_loaded(layer: nn.Module) -> None:
    other = {key: tensor + 1 for key, tensor in layer.state_dict().items()}
    load_state_dict_strict(
        layer, other | {"ids": torch.ones(2)}, "the layer", ignored_keys=("ids",)
    )
    assert is_state_of(other, layer)


def test_a_folder_and_an_empty_file_have_their_own_messages(tmp_path: Path) -> None:
    (tmp_path / "w.pt").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        read_state_dict(tmp_path / "w.pt")
    (tmp_path / "e.pt").touch()
    with pytest.raises(DataError, match="it is empty"):
        read_state_dict(tmp_path / "e.pt")


def test_no_message_advises_to_run_a_file(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps(CodePickle()))
    (tmp_path / "t.pth").write_text("no checkpoint\n" * 9)
    for name in ("w.pth", "t.pth"):
        with pytest.raises(DataError, match="nothing else is read") as caught:
            read_state_dict(tmp_path / name)
        assert "weights_only" not in str(caught.value)
