"""Media of a site: what is copied, what is encoded, and what is said of a clip without media."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
import pytest
from fake_data import make_clip
from media_factory import make_tone, write_video

from egoexobench.data.decode import read_media_info
from egoexobench.progress import NullProgress
from egoexobench.site import media
from egoexobench.site.media import SiteMedia, prepare_media
from egoexobench.types import Clip


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film that browsers play, and one of which they leave out the picture."""
    folder = tmp_path_factory.mktemp("films")
    write_video(folder / "played.mp4", waveform=make_tone(), image_size=320, fps=20)
    with av.open(str(folder / "mpeg4.mp4"), "w") as container:
        video = container.add_stream("mpeg4", rate=8)
        video.width = video.height = 64
        for value in range(8):
            pixels = np.full((64, 64, 3), 20 * value, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(video.encode(None))
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "site-media"


@pytest.fixture
def clips(films: Path) -> Mapping[str, Clip]:
    """A complete film, the same one again, a span of it, and a film of another codec."""
    played, mpeg4 = str(films / "played.mp4"), str(films / "mpeg4.mp4")
    return {
        "all": make_clip("all", media=played, end=None),
        "again": make_clip("again", media=played, end=None),
        "../span": make_clip("../span", media=played, start=0.5, end=1.0),
        "mpeg4": make_clip("mpeg4", media=mpeg4, end=None),
        "moved": make_clip("moved", media=str(films / "no-such.mp4")),
    }


def prepare_clips(clips: Mapping[str, Clip], choice: media.MediaChoice) -> SiteMedia:
    return prepare_media(clips, "0123", choice, NullProgress())


def test_nothing_is_made_without_a_request(clips: Mapping[str, Clip], cache: Path) -> None:
    assert prepare_clips(clips, "none") == SiteMedia({}, {})
    assert not cache.exists()


def test_a_copy_is_the_file_itself_only_if_browsers_play_all_of_it(
    clips: Mapping[str, Clip],
) -> None:
    result = prepare_clips(clips, "copy")
    sources = {name: result.files[item.video] for name, item in result.clips.items() if item.video}
    assert sources["all"] == sources["again"] == clips["all"].media
    for name, seconds in (("../span", 0.5), ("mpeg4", 1.0)):
        info = read_media_info(sources[name])
        assert info.video is not None
        assert info.video.codec == "h264"
        assert info.seconds == pytest.approx(seconds, abs=0.1)
    assert result.clips["all"] == result.clips["again"]
    assert all(path.startswith("media/") and path.count("/") == 1 for path in result.files)


def test_a_preview_is_small_and_has_a_strip_and_the_outline_of_the_sound(
    clips: Mapping[str, Clip],
) -> None:
    result = prepare_clips(clips, "previews")
    item = result.clips["all"]
    assert item.video is not None
    assert item.frames is not None
    info = read_media_info(result.files[item.video])
    assert info.video is not None
    assert (info.video.height, round(info.video.fps)) == (240, 15)
    assert info.audio is not None
    strip = Path(result.files[item.frames]).read_bytes()
    assert strip.startswith(b"\xff\xd8")
    assert item.outline is not None
    assert len(item.outline) == 160
    assert set(item.outline[8:150]) <= set("vwxyz")
    assert result.clips["mpeg4"].outline is None


def test_a_clip_whose_file_moved_says_so_without_its_path(clips: Mapping[str, Clip]) -> None:
    item = prepare_clips(clips, "previews").clips["moved"]
    assert item.video is None
    assert item.problem == "its media file is not where the data set says; was it moved?"


def test_media_are_made_once_and_again_if_a_file_is_damaged(
    clips: Mapping[str, Clip], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = prepare_clips(clips, "previews")
    contents = {path: Path(name).read_bytes() for path, name in first.files.items()}
    encoded: list[str] = []
    write_clip = media._write_clip
    monkeypatch.setattr(
        media, "_write_clip", lambda clip, *rest: encoded.append(clip.id) or write_clip(clip, *rest)
    )
    assert prepare_clips(clips, "previews") == first
    assert encoded == []
    video = first.clips["mpeg4"].video
    assert video is not None
    Path(first.files[video]).write_bytes(b"cut")
    assert prepare_clips(clips, "previews") == first
    assert encoded == ["mpeg4"]
    assert contents == {path: Path(name).read_bytes() for path, name in first.files.items()}
