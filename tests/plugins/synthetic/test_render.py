import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import av
import numpy as np
import pytest
from file_damage import DAMAGES, damage_file
from file_size import limit_file_size
from tiny_config import make_short_config

from egoexobench.errors import DataError, NoticeWarning
from egoexobench.progress import NullProgress
from egoexobench_plugins.synthetic import render
from egoexobench_plugins.synthetic.file_list import LIST_NAME
from egoexobench_plugins.synthetic.files import MEDIA_FOLDER, list_files
from egoexobench_plugins.synthetic.render import render_media

pytestmark = pytest.mark.slow


class CountingProgress:
    """Progress that records the announced and the finished counts."""

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


def decode_file(path: Path) -> tuple[list[np.ndarray], np.ndarray]:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
    return frames, sound


def list_media(root: Path) -> list[Path]:
    return sorted((root / MEDIA_FOLDER).glob("*.mp4"))


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("one")
    render_media(root, make_short_config(), NullProgress(), workers=1)
    return root


@pytest.mark.slow
def test_the_number_of_workers_does_not_change_a_frame_or_a_sample(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MIN_CLIPS_PER_WORKER", 6)
    render_media(tmp_path, make_short_config(), NullProgress(), workers=3)
    assert [path.name for path in list_media(tmp_path)] == [
        path.name for path in list_media(rendered)
    ]
    assert len(list_media(tmp_path)) == 24
    for first, second in zip(list_media(rendered), list_media(tmp_path), strict=True):
        (frames, sound), (other_frames, other_sound) = decode_file(first), decode_file(second)
        np.testing.assert_array_equal(frames, other_frames)
        np.testing.assert_array_equal(sound, other_sound)


def test_every_clip_has_the_same_number_of_frames_and_samples(rendered: Path) -> None:
    shapes = set()
    for path in list_media(rendered):
        frames, sound = decode_file(path)
        shapes.add((len(frames), frames[0].shape, len(sound)))
    assert len(shapes) == 1
    frames, shape, samples = shapes.pop()
    assert (frames, shape) == (16, (32, 32, 3))
    assert 32_000 <= samples < 32_000 + 2 * 1024


def test_options_set_the_size_rate_and_length(tmp_path: Path) -> None:
    render_media(
        tmp_path, make_short_config(seconds=2.5, fps=10, pixels=48), NullProgress(), workers=1
    )
    frames, sound = decode_file(list_media(tmp_path)[0])
    assert (len(frames), frames[0].shape) == (25, (48, 48, 3))
    assert 40_000 <= len(sound) < 40_000 + 2 * 1024


def test_a_complete_data_set_is_not_rendered_again(rendered: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in list_media(rendered)}
    count = CountingProgress()
    render_media(rendered, make_short_config(), count)
    assert count.totals == []
    assert before == {path: path.stat().st_mtime_ns for path in list_media(rendered)}


@pytest.mark.parametrize("damage", [*DAMAGES, "deleted"])
def test_a_film_that_is_not_as_it_was_rendered_is_rendered_again_with_one_line(
    rendered: Path, tmp_path: Path, damage: str
) -> None:
    root = shutil.copytree(rendered, tmp_path / "copy")
    path = list_media(root)[3]
    content = path.read_bytes()
    path.unlink() if damage == "deleted" else damage_file(path, damage)
    count = CountingProgress()
    with pytest.warns(NoticeWarning, match=f"1 of 24 films .* first is media/{path.name}") as lines:
        render_media(root, make_short_config(), count)
    assert (len(lines), count.totals, path.read_bytes() == content) == (1, [1], True)


@pytest.mark.parametrize("damage", [*DAMAGES, "deleted"])
def test_a_damaged_list_of_films_makes_no_damaged_film_believed(
    rendered: Path, tmp_path: Path, damage: str
) -> None:
    root = shutil.copytree(rendered, tmp_path / "copy")
    contents = {path: path.read_bytes() for path in list_media(root)}
    damage_file(list_media(root)[3], "cut")
    path = root / LIST_NAME
    path.unlink() if damage == "deleted" else damage_file(path, damage)
    with pytest.warns(NoticeWarning, match="they are rendered again") as lines:
        render_media(root, make_short_config(), NullProgress())
    assert len(lines) == 1
    assert contents == {path: path.read_bytes() for path in list_media(root)}
    count = CountingProgress()
    render_media(root, make_short_config(), count)
    assert count.totals == []


def test_a_copy_of_a_data_set_is_not_rendered_again(rendered: Path, tmp_path: Path) -> None:
    root = shutil.copytree(rendered, tmp_path / "copy", copy_function=shutil.copyfile)
    count = CountingProgress()
    render_media(root, make_short_config(), count)
    assert count.totals == []


def test_an_interrupted_rendering_continues_where_it_stopped(tmp_path: Path) -> None:
    class Stop(CountingProgress):
        def add(self, n: int) -> None:
            super().add(n)
            if self.done == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_media(tmp_path, make_short_config(), Stop(), workers=1)
    count = CountingProgress()
    render_media(tmp_path, make_short_config(), count, workers=1)
    assert count.totals == [24 - 5]


def test_an_interrupted_parent_leaves_no_worker_and_no_incomplete_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(CountingProgress):
        def add(self, n: int) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr(render, "MIN_CLIPS_PER_WORKER", 6)
    with pytest.raises(KeyboardInterrupt):
        render_media(tmp_path, make_short_config(), Stop(), workers=2)
    written = list_media(tmp_path)
    assert 0 < len(written) < 24
    for path in written:
        assert len(decode_file(path)[0]) == 16


@pytest.mark.slow
def test_two_processes_may_render_the_same_set_at_once(rendered: Path, tmp_path: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; "
        "from egoexobench.progress import NullProgress; "
        "from egoexobench_plugins.synthetic.config import SyntheticConfig; "
        "from egoexobench_plugins.synthetic.render import render_media; "
        "config = SyntheticConfig(**json.loads(sys.argv[2])); "
        "render_media(Path(sys.argv[1]), config, NullProgress(), workers=1)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), json.dumps(asdict(make_short_config()))]
    children = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait() for child in children] == [0, 0]
    assert [p.read_bytes() for p in list_media(tmp_path)] == [
        p.read_bytes() for p in list_media(rendered)
    ]
    assert not [path for path in (tmp_path / MEDIA_FOLDER).iterdir() if path.suffix != ".mp4"]


def test_old_temporary_files_are_removed_and_recent_ones_are_not(
    tmp_path: Path,
) -> None:
    folder = tmp_path / MEDIA_FOLDER
    folder.mkdir()
    old, fresh = folder / ".000000-a.mp4.1.draft", folder / ".000001-a.mp4.2.draft"
    for draft in (old, fresh):
        draft.write_bytes(b"half")
    os.utime(old, (0, 0))
    render_media(tmp_path, make_short_config(), NullProgress(), workers=1)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / MEDIA_FOLDER).write_text("not a folder")
    with pytest.raises(DataError, match="cannot render into") as error:
        render_media(tmp_path, make_short_config(), NullProgress())
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_line_that_names_the_film(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "MIN_CLIPS_PER_WORKER", 6)
    line = r"^cannot write .*/media/0000\d\d-[ab].mp4: File too large$"
    with limit_file_size(2048), pytest.raises(DataError, match=line):
        render_media(tmp_path, make_short_config(), NullProgress(), workers=workers)
    assert list((tmp_path / MEDIA_FOLDER).iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_that_is_told_twice_to_end_leaves_no_draft(number: int, tmp_path: Path) -> None:
    config = make_short_config()
    names = [file.name for file in list_files(config)]
    request = {"config": asdict(config), "folder": str(tmp_path), "names": names}
    default = "default_int_handler" if number == signal.SIGINT else "SIG_DFL"
    reset = f"import runpy, signal; signal.signal({int(number)}, signal.{default}); "
    start = "runpy.run_module('egoexobench_plugins.synthetic.worker', run_name='__main__')"
    command = [sys.executable, "-P", "-c", reset + start]  # a background job ignores some signals
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, **pipes) as worker:
        assert worker.stdin
        assert worker.stdout
        assert worker.stderr
        worker.stdin.write(json.dumps(request))
        worker.stdin.close()
        worker.stdout.readline()
        for _ in range(2):
            worker.send_signal(number)
        messages = worker.stderr.read()
    assert (worker.returncode, messages) == (1, "")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".mp4"] == []


def test_a_killed_worker_is_reported_and_its_files_remain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kill(CountingProgress):
        def add(self, n: int) -> None:
            if not self.done:
                children[0].kill()
            super().add(n)

    children: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def start_recorded(*arguments: object, **options: object) -> subprocess.Popen[str]:
        children.append(start(*arguments, **options))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(render, "MIN_CLIPS_PER_WORKER", 6)
    monkeypatch.setattr(render.subprocess, "Popen", start_recorded)
    with pytest.raises(DataError, match="run the command again to continue"):
        render_media(tmp_path, make_short_config(), Kill(), workers=2)
    assert 12 <= len(list_media(tmp_path)) < 24
