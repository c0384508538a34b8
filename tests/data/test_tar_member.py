"""A film in a tar is read in place, like the file; a tar that is not complete is refused."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from fake_data import make_clip
from media_factory import make_tone, write_video

from egoexobench.data import tar_member
from egoexobench.data.cut_clip import write_clip_file
from egoexobench.data.decode import decode_clip, read_media_info
from egoexobench.data.doctor.inspect_media import inspect_file
from egoexobench.data.folder_dataset import CLIPS_TABLE, ClipRow, FolderDataset, write_table
from egoexobench.data.media_files import (
    copy_media_file,
    find_missing_media,
    link_media_file,
    open_media_file,
    read_media_state,
    split_member_name,
)
from egoexobench.errors import MediaError
from egoexobench.features.media_hash import hash_media_files

LONG_NAME = "é" * 90 + "/" + "a" * 150 + ".mp4"


def add_file(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return write_video(path, seconds=3, waveform=make_tone(3.0, 300))


@pytest.fixture
def tar(film: Path, tmp_path: Path) -> Path:
    path = tmp_path / "shards" / "0 1#.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as archive:
        add_file(archive, "./notes.json", b"{}")
        add_file(archive, "./kitchen/film.mp4", film.read_bytes())
        add_file(archive, LONG_NAME, film.read_bytes())
        add_file(archive, "short.mp4", film.read_bytes()[:2000])
        link = tarfile.TarInfo("link.mp4")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        folder = tarfile.TarInfo("kitchen")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
    return path


@pytest.mark.parametrize("member", ["kitchen/film.mp4", "./kitchen/film.mp4", LONG_NAME])
def test_a_member_decodes_to_the_frames_and_the_sound_of_the_file(
    tar: Path, film: Path, member: str
) -> None:
    spans = [(0.0, None), (1.1, 2.3)]
    for start, end in spans:
        clip = make_clip("a", media=str(film), start=start, end=end)
        expected = decode_clip(clip, 6, with_audio=True)
        inside = make_clip("a", media=f"{tar}#{member}", start=start, end=end)
        decoded = decode_clip(inside, 6, with_audio=True)
        assert expected.frames is not None
        assert decoded.frames is not None
        np.testing.assert_array_equal(decoded.frames.pixels, expected.frames.pixels)
        np.testing.assert_array_equal(decoded.samples, expected.samples)


def test_every_reader_of_media_reads_a_member(tar: Path, film: Path, tmp_path: Path) -> None:
    name = f"{tar}#kitchen/film.mp4"
    assert read_media_info(name) == read_media_info(str(film))
    report, expected = inspect_file(name, [(0, None)]), inspect_file(str(film), [(0, None)])
    assert report.problem is None
    assert (report.sha256, report.size, report.spans) == (
        expected.sha256,
        expected.size,
        expected.spans,
    )
    hashes = hash_media_files([name, str(film)], tmp_path).hashes
    assert hashes[name] == hashes[str(film)]
    with open_media_file(name) as file:
        assert file.read() == film.read_bytes()
        assert file.seek(-10, 2) == film.stat().st_size - 10
        assert file.read(100) == film.read_bytes()[-10:]
    clip = make_clip("a", media=name, end=None)
    for write in (write_clip_file, lambda path, clip: copy_media_file(clip.media, path)):
        write(tmp_path / "copy.mp4", clip)
        assert (tmp_path / "copy.mp4").read_bytes() == film.read_bytes()
    link_media_file(name, tmp_path / "link.mp4")
    assert (tmp_path / "link.mp4").read_bytes() == film.read_bytes()


def test_the_headers_of_a_tar_are_read_once_while_it_is_the_same(
    tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = tar_member.list_members
    monkeypatch.setattr(
        tar_member, "list_members", lambda file, name: reads.append(name) or read(file, name)
    )
    names = [f"{tar}#kitchen/film.mp4", f"{tar}#{LONG_NAME}", f"{tar}#notes.json"]
    assert find_missing_media([*names, f"{tar}#lost.mp4"]) == [f"{tar}#lost.mp4"]
    sizes = [read_media_state(name).size for name in names]
    assert sizes[0] == sizes[1] > sizes[2] == 2
    assert len(reads) == 1
    with tarfile.open(tar, "a") as archive:
        add_file(archive, "lost.mp4", b"1")
    assert read_media_state(f"{tar}#lost.mp4").size == 1
    assert len(reads) == 2


@pytest.mark.parametrize(
    ("member", "kind", "message"),
    [
        ("lost.mp4", "missing", "has no member 'lost.mp4'"),
        ("../kitchen/film.mp4", "missing", "has no member"),
        ("link.mp4", "not_media", "is a link or a folder"),
        ("kitchen", "not_media", "is a link or a folder"),
        ("notes.json", "not_media", "cannot decode"),
        ("short.mp4", "not_media", "cannot decode"),
    ],
)
def test_a_member_that_is_no_film_has_its_reason(
    tar: Path, member: str, kind: str, message: str
) -> None:
    with pytest.raises(MediaError, match=message) as caught:
        read_media_info(f"{tar}#{member}")
    assert caught.value.kind == kind


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_a_compressed_tar_is_refused(film: Path, tmp_path: Path, mode: str) -> None:
    for name in ("a.tar", f"a.tar.{mode[2:]}"):
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(film, "film.mp4")
        with pytest.raises(MediaError, match=r"is compressed with .*unpack it") as caught:
            read_media_info(f"{tmp_path / name}#film.mp4")
        assert "\n" not in str(caught.value)


def list_cuts(path: Path) -> list[int]:
    """Sizes that lack the end, at and inside the headers, contents and the end of a tar."""
    with tarfile.open(path) as archive:
        starts = [member.offset_data for member in archive]
        end = archive.offset
    return [0, 100, *starts, *(s - 512 for s in starts[1:]), *(s + 1 for s in starts), end]


def test_a_cut_tar_is_refused_wherever_it_is_cut(tar: Path) -> None:
    content = tar.read_bytes()
    for size in list_cuts(tar):
        tar.write_bytes(content[:size])
        with pytest.raises(MediaError) as caught:
            find_missing_media([f"{tar}#notes.json"])
        assert caught.value.kind in ("truncated", "not_media"), size
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", [slice(124, 136), slice(148, 156), slice(0, 4)])
def test_a_damaged_header_is_refused(tar: Path, field: slice) -> None:
    content = bytearray(tar.read_bytes())
    with tarfile.open(tar) as archive:
        start = archive.getmember("short.mp4").offset
    content[start + field.start : start + field.stop] = b"\xff" * (field.stop - field.start)
    tar.write_bytes(content)
    with pytest.raises(MediaError, match=r"is damaged|or damaged"):
        find_missing_media([f"{tar}#notes.json"])


def test_a_size_below_zero_does_not_read_for_ever(tar: Path) -> None:
    content = bytearray(tar.read_bytes())
    content[124:136] = (-1024).to_bytes(12, "big", signed=True)  # base 256, as large files have
    content[148:156] = b" " * 8
    content[148:156] = b"%06o\0 " % sum(content[:512])
    tar.write_bytes(content)
    with pytest.raises(MediaError, match="is damaged"):
        find_missing_media([f"{tar}#notes.json"])


def test_a_tar_that_is_missing_is_missing(tmp_path: Path) -> None:
    name = f"{tmp_path}/0001.tar#film.mp4"
    assert find_missing_media([name]) == [name]
    with pytest.raises(MediaError, match="is missing") as caught:
        read_media_info(name)
    assert caught.value.kind == "missing"
    (tmp_path / "0001.tar").write_text("no tar, but a text that is long enough" * 30)
    with pytest.raises(MediaError, match="is not a tar file"):
        read_media_info(name)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.tar#b.mp4", ("a.tar", "b.mp4")),
        ("a.TAR.gz#b.mp4", ("a.TAR.gz", "b.mp4")),
        ("a.tgz#b/c#.mp4", ("a.tgz", "b/c#.mp4")),
        ("a.tar#b.tar#c", ("a.tar", "b.tar#c")),
        ("a.tar", ("a.tar", "")),
        ("a.tar#", ("a.tar#", "")),
        ("take #1.mp4", ("take #1.mp4", "")),
    ],
)
def test_names_of_members(name: str, parts: tuple[str, str]) -> None:
    assert split_member_name(name) == parts


def test_a_folder_data_set_reads_members_of_tars_inside_it(tar: Path, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}.tar"
    outside.write_bytes(tar.read_bytes())
    (tmp_path / "link.tar").symlink_to(outside)
    names = {
        "a": "shards/0 1#.tar#kitchen/film.mp4",
        "b": f"../{outside.name}#film.mp4",
        "c": "link.tar#film.mp4",
        "d": "shards/0 1#.tar#../../etc/passwd",  # a name in the tar, and no path
    }
    rows = [
        ClipRow(pair=pair, view=view, split="test", media=name, narration="C cuts")
        for pair, name in names.items()
        for view in ("ego", "exo")
    ]
    write_table(tmp_path / CLIPS_TABLE, rows)
    dataset = FolderDataset(tmp_path)
    assert [clip.media for clip in dataset.clips("test")][::2] == [
        f"{tar}#kitchen/film.mp4",
        f"{tar}#../../etc/passwd",
    ]
    assert {finding.reason.rpartition(";")[0] for finding in dataset.findings} >= {
        f"media {names[pair]!r} is outside the folder" for pair in "bc"
    }
    assert find_missing_media(clip.media for clip in dataset.clips("test")) == [
        f"{tar}#../../etc/passwd"
    ]
    os.unlink(outside)
