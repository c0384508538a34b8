import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from egoexobench.captioning.cache import CaptionCache, CaptionFile

KEY = {"captioner": "x", "model": "m"}


def put(root: Path, **captions: str) -> CaptionFile:
    file = CaptionCache(root).open(KEY)
    for text, caption in captions.items():
        file.put(text, caption)
    return file


def only_file(root: Path) -> Path:
    (path,) = root.glob("*.jsonl")
    return path


def test_what_was_put_is_there_again_under_its_key_alone(tmp_path: Path) -> None:
    put(tmp_path, a="[a] (b)", 切="[蒜] (切)")
    assert CaptionCache(tmp_path).open(KEY).captions == {"a": "[a] (b)", "切": "[蒜] (切)"}
    assert CaptionCache(tmp_path).open(KEY | {"model": "n"}).captions == {}
    lines = only_file(tmp_path).read_text().splitlines()
    assert json.loads(lines[0]) == {"key": KEY}
    assert json.loads(lines[1]) == {"text": "a", "caption": "[a] (b)"}


def test_a_half_written_line_is_passed_over_and_written_anew(tmp_path: Path) -> None:
    put(tmp_path, a="[a] (b)", c="[c] (d)")
    path = only_file(tmp_path)
    content = path.read_bytes()
    for cut in range(1, len(content.splitlines()[-1]) + 1):
        path.write_bytes(content[:-cut])
        file = CaptionCache(tmp_path).open(KEY)
        assert file.captions == {"a": "[a] (b)"}
        file.put("c", "[c] (d)")
        assert CaptionCache(tmp_path).open(KEY).captions == {"a": "[a] (b)", "c": "[c] (d)"}


def test_lines_that_are_no_captions_are_not_taken_for_some(tmp_path: Path) -> None:
    put(tmp_path, a="[a] (b)")
    with only_file(tmp_path).open("a") as file:
        for row in ('{"text": "b", "caption": "prose"}', "[1]", "nonsense", '{"text": 3}', ""):
            file.write(row + "\n")
        file.write("[" * 200_000 + "\n")
    assert CaptionCache(tmp_path).open(KEY).captions == {"a": "[a] (b)"}


def test_the_first_caption_of_a_text_counts_for_two_processes_too(tmp_path: Path) -> None:
    first, second = (CaptionCache(tmp_path).open(KEY) for _ in range(2))
    assert first.put("a", "[a] (b)") == "[a] (b)"
    assert second.put("a", "[other] (b)") == "[a] (b)"
    second.put("c", "[c] (d)")
    first.refresh()
    assert first.captions == second.captions == CaptionCache(tmp_path).open(KEY).captions


def test_a_caption_beats_a_refusal(tmp_path: Path) -> None:
    file = put(tmp_path)
    file.refuse("a", "empty")
    assert CaptionCache(tmp_path).open(KEY).refused == {"a": "empty"}
    file.put("a", "[a] (b)")
    assert CaptionCache(tmp_path).open(KEY).captions == {"a": "[a] (b)"}


def test_a_file_without_a_file_keeps_in_memory(tmp_path: Path) -> None:
    file = CaptionFile(None, {})
    file.put("a", "[a] (b)")
    file.refuse("b", "empty")
    assert "a" in file
    assert "b" in file
    assert not list(tmp_path.iterdir())


WRITER = """
import sys
from pathlib import Path
from egoexobench.captioning.cache import CaptionCache
file = CaptionCache(Path(sys.argv[1])).open({"captioner": "x", "model": "m"})
i = 0
while True:
    text = f"{sys.argv[2]} {i} " + "long " * 200
    if text not in file:
        file.put(text, f"[{sys.argv[2]} {i}] (pop)")
        print(i, flush=True)
    i += 1
"""


@pytest.mark.parametrize("writers", [1, 2])
def test_processes_that_are_killed_lose_nothing_that_they_had_written(
    tmp_path: Path, writers: int
) -> None:
    last_printed: dict[str, int] = {}
    for _ in range(3):
        running = {
            name: subprocess.Popen(
                [sys.executable, "-c", WRITER, str(tmp_path), name],
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in "ab"[:writers]
        }
        for process in running.values():
            assert process.stdout
            process.stdout.readline()
        time.sleep(0.03)
        for name, process in running.items():
            os.kill(process.pid, signal.SIGKILL)
            rest = process.communicate()[0].split("\n")[:-1]
            last_printed[name] = max([last_printed.get(name, 0), *map(int, rest)])
    captions = CaptionCache(tmp_path).open(KEY).captions
    for name, last in last_printed.items():
        expected = {f"{name} {i} " + "long " * 200: f"[{name} {i}] (pop)" for i in range(last + 1)}
        assert expected.items() <= captions.items()
        assert sum(text.startswith(name) for text in captions) <= last + 2
    lines = only_file(tmp_path).read_text().split("\n")
    texts = [json.loads(line)["text"] for line in lines if '"text"' in line and line[-1:] == "}"]
    assert len(texts) == len(set(texts)), "no caption was written twice"
