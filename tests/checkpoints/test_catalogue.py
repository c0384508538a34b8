"""The catalogue of published checkpoints; files are checked and converted without loss."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

from egoexobench.checkpoints.catalogue import (
    iter_checkpoints,
    list_checkpoints,
    match_checkpoints,
    parse_md5_prefix,
)
from egoexobench.checkpoints.check import check_checkpoint
from egoexobench.checkpoints.convert import convert_checkpoint
from egoexobench.checkpoints.published import CHECKPOINTS_BY_METHOD
from egoexobench.checkpoints.release import PublishedCheckpoint
from egoexobench.errors import DataError, UsageError
from egoexobench.registry import Registry
from egoexobench.toolbox import checkpoint
from egoexobench.toolbox.checkpoint import (
    TORCH_SUFFIXES,
    load_state_dict_strict,
    read_metadata,
    read_state_dict,
)
from egoexobench.toolbox.tracked_state import TrackedStateDict

REGISTRY = Registry()


def load_layer(path: Path) -> None:
    load_state_dict_strict(nn.Linear(3, 2), read_state_dict(path), "the layer")


@pytest.mark.parametrize(
    ("method", "release"), list(iter_checkpoints()), ids=lambda value: getattr(value, "file", value)
)
def test_every_listed_file_belongs_to_parts_with_its_options(
    method: str, release: PublishedCheckpoint
) -> None:
    assert Path(release.file).suffix in TORCH_SUFFIXES
    assert release.heads
    assert release.consumers
    for consumer in release.consumers:
        part, options = REGISTRY.resolve(consumer.kind, consumer.spec)
        assert "weights" in options, part.name
        assert (consumer.width is None) == (consumer.kind == "encoder")


def test_a_file_is_matched_by_its_name_and_else_with_every_different_release() -> None:
    named = match_checkpoints("soundbridge-released", "retrieval.pt")
    assert {release.file for release in named} == {
        "ckpt/Cha/retrieval.pt",
        "ckpt/EgoExo/retrieval.pt",
    }
    sizes = [release.consumers[0].spec for release in match_checkpoints("lavila", "mine.pth")]
    assert len(sizes) == 2
    assert "depth=24" not in sizes[0]
    assert "depth=24" in sizes[1]


def test_a_checksum_is_read_from_a_name_that_contains_one() -> None:
    carried = {parse_md5_prefix(release.file) for release in CHECKPOINTS_BY_METHOD["lavila"]}
    assert carried == {"02dbb9", "d73a9c", "9a25de", "c89337", None}


def test_a_method_without_published_weights_is_named_with_those_that_have_some() -> None:
    with pytest.raises(UsageError, match="Did you mean 'lavila'"):
        list_checkpoints("lavilla")


def test_a_good_file_has_no_faults_and_its_contents_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": nn.Linear(3, 2).half().state_dict(), "epoch": 4}, path)
    report = check_checkpoint(path, {"layer": load_layer})
    assert report.faults == {}
    assert (report.num_tensors, report.num_values, report.num_half, report.metadata_keys) == (
        2,
        8,
        2,
        ("epoch",),
    )


def test_a_wrong_sum_and_a_wrong_state_are_both_faults(tmp_path: Path) -> None:
    path = tmp_path / "w.md5sum_zz.pth"
    torch.save(nn.Linear(4, 2).state_dict(), path)
    right = hashlib.md5(path.read_bytes()).hexdigest()[:6]
    good = path.rename(tmp_path / f"w.md5sum_{right}.pth")
    assert list(check_checkpoint(good, {"layer": load_layer}).faults) == ["layer"]
    wrong = good.rename(tmp_path / f"w.md5sum_{'0' if right[0] != '0' else '1'}.pth")
    faults = check_checkpoint(wrong, {"layer": load_layer}).faults
    assert "MD5" in faults["checksum"]
    assert "of another shape" in faults["layer"]


def load_first_part(path: Path) -> None:
    """Load a part that reads every name and loads only its tensors."""
    state = read_state_dict(path)
    part_state = {key.removeprefix("a."): state[key] for key in state if key.startswith("a.")}
    load_state_dict_strict(nn.Linear(3, 2), part_state, "the first")


def load_second_part(path: Path) -> None:
    part_state = {
        key[2:]: tensor for key, tensor in read_state_dict(path).items() if key.startswith("b.")
    }
    load_state_dict_strict(nn.Linear(5, 2), part_state, "the second")


def test_a_tensor_that_no_part_loads_is_a_fault_unless_it_is_ignored(tmp_path: Path) -> None:
    layer = {f"a.{key}": tensor for key, tensor in nn.Linear(3, 2).state_dict().items()}
    torch.save({**layer, "logit_scale": torch.ones(1), "odd": torch.ones(1)}, tmp_path / "w.pt")
    report = check_checkpoint(tmp_path / "w.pt", {"first": load_first_part}, ("logit_*",))
    assert report.ignored_keys == ("logit_scale",)
    assert list(report.faults) == ["all parts together"]
    assert "1 unexpected (odd)" in report.faults["all parts together"]


def test_a_file_is_read_once_for_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"a": 3, "b": 5}
    state = {
        f"{n}.{k}": v for n, s in sizes.items() for k, v in nn.Linear(s, 2).state_dict().items()
    }
    torch.save(state, tmp_path / "w.pt")
    content = checkpoint.read_torch_file
    reads: list[Path] = []

    def count_reads(path: Path) -> object:
        reads.append(path)
        return content(path)

    monkeypatch.setattr(checkpoint, "read_torch_file", count_reads)
    report = check_checkpoint(
        tmp_path / "w.pt", {"first": load_first_part, "second": load_second_part}
    )
    assert report.faults == {}
    assert len(reads) == 1
    read_state_dict(tmp_path / "w.pt")  # the cache ends with the check
    assert len(reads) == 2


def test_only_tensors_that_are_read_count_as_used() -> None:
    state = TrackedStateDict({key: torch.ones(1) for key in "abcde"})
    assert list(state) == list("abcde")
    assert "a" in state
    assert state.used_keys == set()
    assert state["a"] is not None
    assert state.get("z") is None
    assert state.get("b") is not None
    assert state.used_keys == {"a", "b"}
    assert dict(state).keys() == set("abcde")
    assert state.used_keys == set("abcde")


def test_a_file_that_cannot_be_read_is_an_error_and_no_report(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"nonsense")
    with pytest.raises(DataError):
        check_checkpoint(tmp_path / "w.pth", {"layer": load_layer})


def test_a_converted_file_has_the_same_state_and_the_same_metadata(tmp_path: Path) -> None:
    table = torch.randn(4, 2)
    content = {
        "cfg": {"heads": 4, "gelu": True},
        "model": {"a": table, "b": table, "c": torch.randn(3, 3).T, "d": torch.ones(2).half()},
    }
    torch.save(content, tmp_path / "w.pt")
    assert convert_checkpoint(tmp_path / "w.pt", tmp_path / "w.safetensors") == 4
    before, after = read_state_dict(tmp_path / "w.pt"), read_state_dict(tmp_path / "w.safetensors")
    assert set(before) == set(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert read_metadata(tmp_path / "w.safetensors") == {"cfg": {"heads": 4, "gelu": True}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.pt", "w.safetensors"]


def test_converting_never_overwrites_and_leaves_nothing_behind_when_it_fails(
    tmp_path: Path,
) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pt")
    (tmp_path / "w.safetensors").write_bytes(b"mine")
    with pytest.raises(DataError, match="exists already"):
        convert_checkpoint(tmp_path / "w.pt", tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").read_bytes() == b"mine"
    with pytest.raises(UsageError, match="must end with"):
        convert_checkpoint(tmp_path / "w.pt", tmp_path / "w.pth")
    with pytest.raises(DataError, match="missing"):
        convert_checkpoint(tmp_path / "none.pt", tmp_path / "n.safetensors")
    assert not list(tmp_path.glob("*.draft"))
