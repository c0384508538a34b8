"""The catalogue names what exists, and files are checked and converted without loss."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn

from egoexobench.errors import DataError, UsageError
from egoexobench.registry import Registry
from egoexobench.weights.catalogue import METHODS, checksum, every, wanted
from egoexobench.weights.check import check
from egoexobench.weights.convert import convert
from egoexobench.weights.load import TORCH, load_strict, meta, state

REGISTRY = Registry()


def _load(path: Path) -> None:
    load_strict(nn.Linear(3, 2), state(path), "the layer")


@pytest.mark.parametrize(
    ("method", "release"), list(every()), ids=lambda one: getattr(one, "file", one)
)
def test_every_listed_file_belongs_to_a_part_that_takes_its_options(
    method: str, release: object
) -> None:
    assert Path(release.file).suffix in TORCH
    assert release.heads
    if release.part is not None:
        REGISTRY.bind("encoder", f"{release.part}:{release.options}")


def test_a_checksum_is_read_off_a_name_that_carries_one() -> None:
    carried = {checksum(release.file) for release in METHODS["lavila"]}
    assert carried == {"02dbb9", "d73a9c", "9a25de", "c89337", None}


def test_a_method_without_published_weights_is_named_with_those_that_have_some() -> None:
    with pytest.raises(UsageError, match="did you mean 'lavila'"):
        wanted("lavilla")


def test_a_good_file_has_no_faults_and_says_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": nn.Linear(3, 2).state_dict(), "epoch": 4}, path)
    report = check(path, _load)
    assert report.faults == ()
    assert (report.tensors, report.values, report.beside) == (2, 8, ("epoch",))


def test_a_wrong_sum_and_a_wrong_state_are_both_faults(tmp_path: Path) -> None:
    path = tmp_path / "w.md5sum_zz.pth"
    torch.save(nn.Linear(4, 2).state_dict(), path)
    right = hashlib.md5(path.read_bytes()).hexdigest()[:6]
    good = path.rename(tmp_path / f"w.md5sum_{right}.pth")
    assert len(check(good, _load).faults) == 1
    wrong = good.rename(tmp_path / f"w.md5sum_{'0' if right[0] != '0' else '1'}.pth")
    sums, shapes = check(wrong, _load).faults
    assert "MD5" in sums
    assert "of another shape" in shapes


def test_a_file_that_cannot_be_read_is_an_error_and_no_report(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(b"nonsense")
    with pytest.raises(DataError):
        check(tmp_path / "w.pth", _load)


def test_a_converted_file_has_the_same_state_and_the_same_data_beside_it(tmp_path: Path) -> None:
    table = torch.randn(4, 2)
    content = {
        "cfg": {"heads": 4, "gelu": True},
        "model": {"a": table, "b": table, "c": torch.randn(3, 3).T, "d": torch.ones(2).half()},
    }
    torch.save(content, tmp_path / "w.pt")
    assert convert(tmp_path / "w.pt", tmp_path / "w.safetensors") == 4
    before, after = state(tmp_path / "w.pt"), state(tmp_path / "w.safetensors")
    assert set(before) == set(after)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert meta(tmp_path / "w.safetensors") == {"cfg": {"heads": 4, "gelu": True}}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.pt", "w.safetensors"]


def test_converting_never_overwrites_and_leaves_nothing_behind_when_it_fails(
    tmp_path: Path,
) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pt")
    (tmp_path / "w.safetensors").write_bytes(b"mine")
    with pytest.raises(DataError, match="exists already"):
        convert(tmp_path / "w.pt", tmp_path / "w.safetensors")
    assert (tmp_path / "w.safetensors").read_bytes() == b"mine"
    with pytest.raises(UsageError, match="must end with"):
        convert(tmp_path / "w.pt", tmp_path / "w.pth")
    with pytest.raises(DataError, match="missing"):
        convert(tmp_path / "none.pt", tmp_path / "n.safetensors")
    assert not list(tmp_path.glob("*.draft"))
