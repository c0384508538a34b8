import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_config import short

from egoexobench.errors import DataError
from egoexobench.progress import NullProgress
from egoexobench_plugins.synthetic import render as module
from egoexobench_plugins.synthetic.files import MEDIA
from egoexobench_plugins.synthetic.render import COMPLETE, render


class Count:
    """Progress that remembers how much was announced and done."""

    def __init__(self) -> None:
        self.totals: list[int] = []
        self.done = 0

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Callable[[int], None]]:
        assert name == "render"
        self.totals.append(total)
        yield self.add

    def add(self, n: int) -> None:
        self.done += n


def content(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    return pictures, sound


def media(root: Path) -> list[Path]:
    return sorted((root / MEDIA).glob("*.mp4"))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("one")
    render(root, short(), NullProgress(), workers=1)
    return root


@pytest.mark.slow
def test_the_number_of_workers_does_not_change_a_frame_or_a_sample(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORTH", 6)
    render(tmp_path, short(), NullProgress(), workers=3)
    assert [path.name for path in media(tmp_path)] == [path.name for path in media(rendered)]
    assert len(media(tmp_path)) == 24
    for one, other in zip(media(rendered), media(tmp_path), strict=True):
        (pictures, sound), (others, heard) = content(one), content(other)
        np.testing.assert_array_equal(pictures, others)
        np.testing.assert_array_equal(sound, heard)


def test_every_clip_has_the_same_number_of_pictures_and_samples(rendered: Path) -> None:
    shapes = set()
    for path in media(rendered):
        pictures, sound = content(path)
        shapes.add((len(pictures), pictures[0].shape, len(sound)))
    assert len(shapes) == 1
    frames, shape, samples = shapes.pop()
    assert (frames, shape) == (16, (32, 32, 3))
    assert 32_000 <= samples < 32_000 + 2 * 1024


def test_dials_set_the_size_rate_and_length(tmp_path: Path) -> None:
    render(tmp_path, short(seconds=2.5, fps=10, pixels=48), NullProgress(), workers=1)
    pictures, sound = content(media(tmp_path)[0])
    assert (len(pictures), pictures[0].shape) == (25, (48, 48, 3))
    assert 40_000 <= len(sound) < 40_000 + 2 * 1024


def test_a_finished_set_is_not_touched_again(rendered: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in media(rendered)}
    count = Count()
    render(rendered, short(), count)
    assert count.totals == []
    assert before == {path: path.stat().st_mtime_ns for path in media(rendered)}


def test_what_is_missing_or_of_another_size_is_rendered_again(tmp_path: Path) -> None:
    render(tmp_path, short(), NullProgress(), workers=1)
    was = {path: path.read_bytes() for path in media(tmp_path)}
    gone, cut, *_ = was
    gone.unlink()
    cut.write_bytes(was[cut][:1000])
    count = Count()
    render(tmp_path, short(), count)
    assert (count.totals, count.done) == ([2], 2)
    assert was == {path: path.read_bytes() for path in media(tmp_path)}


def test_a_rendering_that_was_interrupted_goes_on_where_it_stopped(tmp_path: Path) -> None:
    class Stop(Count):
        def add(self, n: int) -> None:
            super().add(n)
            if self.done == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(tmp_path, short(), Stop(), workers=1)
    assert not (tmp_path / COMPLETE).exists()
    count = Count()
    render(tmp_path, short(), count, workers=1)
    assert count.totals == [24 - 5]
    assert len(json.loads((tmp_path / COMPLETE).read_text())["files"]) == 24


def test_an_interrupted_parent_leaves_no_worker_and_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Count):
        def add(self, n: int) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "WORTH", 6)
    with pytest.raises(KeyboardInterrupt):
        render(tmp_path, short(), Stop(), workers=2)
    there = media(tmp_path)
    assert 0 < len(there) < 24
    for path in there:
        assert len(content(path)[0]) == 16


@pytest.mark.slow
def test_two_processes_may_render_the_same_set_at_once(rendered: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; "
        "from egoexobench.progress import NullProgress; "
        "from egoexobench_plugins.synthetic.config import Dials; "
        "from egoexobench_plugins.synthetic.render import render; "
        "render(Path(sys.argv[1]), Dials(**json.loads(sys.argv[2])), NullProgress(), workers=1)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), json.dumps(asdict(short()))]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait() for child in both] == [0, 0]
    assert [p.read_bytes() for p in media(tmp_path)] == [p.read_bytes() for p in media(rendered)]
    assert not [path for path in (tmp_path / MEDIA).iterdir() if path.suffix != ".mp4"]


def test_drafts_that_a_kill_left_behind_are_removed_and_fresh_ones_are_not(
    tmp_path: Path,
) -> None:
    folder = tmp_path / MEDIA
    folder.mkdir()
    old, fresh = folder / ".000000-a.mp4.1", folder / ".000001-a.mp4.2"
    for draft in (old, fresh):
        draft.write_bytes(b"half")
    os.utime(old, (0, 0))
    render(tmp_path, short(), NullProgress(), workers=1)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / MEDIA).write_text("in the way")
    with pytest.raises(DataError, match="cannot render into") as error:
        render(tmp_path, short(), NullProgress())
    assert "\n" not in str(error.value)


def test_a_worker_that_dies_is_reported_and_what_it_made_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kill(Count):
        def add(self, n: int) -> None:
            if not self.done:
                children[0].kill()
            super().add(n)

    children: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def remember(*arguments: object, **options: object) -> subprocess.Popen[str]:
        children.append(start(*arguments, **options))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(module, "WORTH", 6)
    monkeypatch.setattr(module.subprocess, "Popen", remember)
    with pytest.raises(DataError, match="another run goes on from here"):
        render(tmp_path, short(), Kill(), workers=2)
    assert 12 <= len(media(tmp_path)) < 24
