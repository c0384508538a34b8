"""Small files that would take hours or all memory, and damaged ones, end in one line."""

import random
import time
import zipfile
from pathlib import Path

import pytest
import torch

from egoexobench.checkpoints.convert import convert_checkpoint
from egoexobench.errors import DataError
from egoexobench.toolbox.checkpoint import read_checkpoint

ONE = torch.ones(1)
NUM_MUTATIONS = 40
SHARED_TUPLES = (
    b"\x80\x02})q\x00" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(60)) + b"K\x01s."
)
"""A dictionary whose key is a tuple of two equal tuples, 60 times: its hash takes 2**60 steps."""


def make_nested_lists(depth: int, width: int) -> list[object]:
    nested: list[object] = []
    for _ in range(depth):
        nested = [nested] * width
    return nested


def refer_to_itself() -> dict[str, object]:
    content: dict[str, object] = {"model": {"a": ONE}}
    content["config"] = [content]
    return content


def write_instructions(path: Path, instructions: bytes) -> None:
    """Write a torch file with these instructions."""
    torch.save({"a": ONE}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, instructions if name.endswith("data.pkl") else content)


def expect_line(path: Path) -> str:
    """Return the message of the error, which has one line and comes within two seconds."""
    start = time.process_time()
    with pytest.raises(DataError) as caught:
        convert_checkpoint(path, path.with_name("out.safetensors"))
    message = str(caught.value)
    assert time.process_time() - start < 2
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"model": {"a": ONE}, "config": make_nested_lists(40, 2)}, "more than 250,000 values"),
        ({"model": {"a": ONE}, "config": make_nested_lists(300, 1)}, "100 levels"),
        (refer_to_itself(), "100 levels"),
        ({"a": ONE.expand(200_000, 200_000)}, "repeated without being stored"),
        ({"a": ONE.half().expand(10**6, 10**5)}, "repeated without being stored"),
        ({"a": torch.eye(3).to_sparse()}, "sparse_tensor"),
        ({"a": torch.quantize_per_tensor(ONE, 0.1, 0, torch.qint8)}, "qtensor"),
        ({"a": torch.ones(3, device="meta")}, "meta_tensor"),
        ({"a": torch.ones(2, dtype=torch.complex64).conj()}, "not dense"),
        ({1: ONE}, "the name 1 of a tensor"),
        ({("a", 1): ONE}, "of a tensor is not plain text"),
        ({"a\x1b[2J": ONE}, r"the name 'a\\x1b\[2J' of a tensor"),
    ],
)
@pytest.mark.parametrize("has_zip", [True, False])
def test_a_state_that_is_not_of_stored_tensors_is_one_line(
    tmp_path: Path, content: object, reason: str, has_zip: bool
) -> None:
    path = tmp_path / "w.pt"
    torch.save(content, path, _use_new_zipfile_serialization=has_zip)
    message = expect_line(path)
    assert reason.replace("\\[", "[").replace("\\\\", "\\") in message


@pytest.mark.parametrize(
    ("instructions", "reason"),
    [
        (SHARED_TUPLES, "tuples in tuples"),
        (b"\x80\x02cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R.", "a bytearray"),
        (b"\x80\x02ctorch\nFloatTensor\nJ\x00\x00\x00\x7f\x85R.", "without stored values"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00idna\x86R.", "latin1"),
        (b"\x80\x02c_codecs\nencode\n\x85.", "in a way that is not read"),
        (b"\x80\x02\x8a\xc8" + bytes(200) + b".", "an integer of 200 bytes"),
        (b"\x80\x02]" + b"K\x01a" * 300_000 + b".", "too many values"),
        (b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00a\x85R.", "would run 'os.system'"),
    ],
)
def test_instructions_that_would_not_end_are_not_followed(
    tmp_path: Path, instructions: bytes, reason: str
) -> None:
    path = tmp_path / "w.pt"
    write_instructions(path, instructions)
    assert reason in expect_line(path)


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"a": torch.zeros(1000)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    assert "compressed" in expect_line(path)


def test_a_tensor_with_attributes_is_read(tmp_path: Path) -> None:
    tensor = torch.ones(2)
    vars(tensor)["is_decayed"] = False
    torch.save({"a": tensor}, tmp_path / "w.pt")
    assert torch.equal(read_checkpoint(tmp_path / "w.pt").state_dict["a"], torch.ones(2))


def test_tensors_that_share_their_values_are_read(tmp_path: Path) -> None:
    table = torch.arange(1000.0)
    path = tmp_path / "w.pt"
    torch.save({f"layer{index}": table[index:] for index in range(12)}, path)
    assert len(read_checkpoint(path).state_dict) == 12
    assert convert_checkpoint(path, tmp_path / "out.safetensors") == 12


def test_a_converted_file_has_a_checksum_that_is_compared_when_it_is_read(tmp_path: Path) -> None:
    source, target = tmp_path / "w.pt", tmp_path / "w.safetensors"
    torch.save(
        {"model": {"a": torch.arange(64.0), "b": torch.tensor(2.0)}, "cfg": {"n": 1}}, source
    )
    convert_checkpoint(source, target)
    expected, converted = read_checkpoint(source), read_checkpoint(target)
    assert converted.metadata == expected.metadata == {"cfg": {"n": 1}}
    assert all(torch.equal(converted.state_dict[k], v) for k, v in expected.state_dict.items())
    content = bytearray(target.read_bytes())
    content[-9] ^= 1
    target.write_bytes(content)
    with pytest.raises(DataError, match=r"w\.safetensors is damaged: its checksum differs"):
        read_checkpoint(target)


def test_the_name_that_the_format_reserves_is_no_tensor(tmp_path: Path) -> None:
    torch.save({"__metadata__": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(DataError, match="no array can have the name __metadata__"):
        convert_checkpoint(tmp_path / "w.pt", tmp_path / "out.safetensors")
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_a_damaged_file_is_read_or_is_one_line(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"source{'.pt' if suffix == '.safetensors' else suffix}"
    rng = torch.Generator().manual_seed(0)
    state = {f"l{index}": torch.randn(4, 4, generator=rng) for index in range(5)}
    content = {"model": state, "config": {"a": [1, ("b",)]}}
    torch.save(content, source, _use_new_zipfile_serialization=suffix != ".pth")
    if suffix == ".safetensors":
        convert_checkpoint(source, tmp_path / "source.safetensors")
    good = source.with_suffix(suffix).read_bytes()
    draw, messages = random.Random(0), []
    for index in range(NUM_MUTATIONS):
        path = tmp_path / f"{index}{suffix}"
        path.write_bytes(change_bytes(good, draw))
        try:
            convert_checkpoint(path, tmp_path / f"{index}-out.safetensors")
        except DataError as error:
            messages.append(str(error))
            continue
        if suffix == ".safetensors":  # it has a checksum; a torch file has none
            weights = read_checkpoint(path).state_dict
            assert all(torch.equal(weights[name], value) for name, value in state.items())
    assert len(messages) > NUM_MUTATIONS / 4
    assert not any("\n" in message for message in messages)


def change_bytes(content: bytes, draw: random.Random) -> bytes:
    """Cut a file, or change some of its bytes, rather at its start."""
    if draw.random() < 0.25:
        return content[: draw.randrange(len(content))]
    damaged = bytearray(content)
    for _ in range(draw.choice((1, 3, 20))):
        damaged[draw.randrange(draw.choice((200, len(content))))] = draw.randrange(256)
    return bytes(damaged)


def test_a_long_name_is_cut_in_a_message(tmp_path: Path) -> None:
    torch.save({"k" * 100_000: 1}, tmp_path / "a.pt")
    with pytest.raises(DataError, match=r"contains no state dictionary; found k+\.\.\.") as error:
        convert_checkpoint(tmp_path / "a.pt", tmp_path / "b.safetensors")
    assert len(str(error.value)) < 1000
