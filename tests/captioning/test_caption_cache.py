import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from egoexobench.captioning.cache import CAPTIONS, open_cache
from egoexobench.checksum import append_lines
from egoexobench.errors import NoticeWarning
from egoexobench.hashing import hash_json
from egoexobench.response_cache import ResponseCache, ResponseFile

KEY = {"captioner": "x", "model": "m"}


def put_captions(root: Path, **captions: str) -> ResponseFile:
    file = open_cache(root).open(KEY)
    for text, caption in captions.items():
        file.put(text, caption)
    return file


def get_only_file(root: Path) -> Path:
    (path,) = root.glob("*.jsonl")
    return path


def test_stored_captions_are_read_again_under_their_key_alone(tmp_path: Path) -> None:
    put_captions(tmp_path, a="[a] (b)", 切="[蒜] (切)")
    assert open_cache(tmp_path).open(KEY).responses == {"a": "[a] (b)", "切": "[蒜] (切)"}
    assert open_cache(tmp_path).open(KEY | {"model": "n"}).responses == {}
    lines = get_only_file(tmp_path).read_text().splitlines()
    assert json.loads(lines[0])["payload"] == {"key": KEY}
    assert json.loads(lines[1])["payload"] == {"text": "a", "caption": "[a] (b)"}


def test_a_half_written_line_is_ignored_and_written_again(tmp_path: Path) -> None:
    put_captions(tmp_path, a="[a] (b)", c="[c] (d)")
    path = get_only_file(tmp_path)
    content = path.read_bytes()
    for cut in range(1, len(content.splitlines()[-1]) + 1):
        path.write_bytes(content[:-cut])
        file = open_cache(tmp_path).open(KEY)
        assert file.responses == {"a": "[a] (b)"}
        file.put("c", "[c] (d)")
        assert open_cache(tmp_path).open(KEY).responses == {"a": "[a] (b)", "c": "[c] (d)"}


def test_lines_without_a_caption_are_ignored(tmp_path: Path) -> None:
    put_captions(tmp_path, a="[a] (b)")
    rows = ('{"text": "b", "caption": "prose"}', "[1]", "null", '{"text": 3}')
    append_lines(get_only_file(tmp_path), rows)
    with get_only_file(tmp_path).open("a") as file:
        for row in ('{"text": "c", "caption": "[c] (d)"}', "nonsense", "", "[" * 200_000):
            file.write(row + "\n")
    assert open_cache(tmp_path).open(KEY).responses == {"a": "[a] (b)"}


def test_the_first_caption_of_a_text_is_used_by_two_processes(tmp_path: Path) -> None:
    first, second = (open_cache(tmp_path).open(KEY) for _ in range(2))
    assert first.put("a", "[a] (b)") == "[a] (b)"
    assert second.put("a", "[other] (b)") == "[a] (b)"
    second.put("c", "[c] (d)")
    first.refresh()
    assert first.responses == second.responses == open_cache(tmp_path).open(KEY).responses


def test_a_caption_replaces_a_refusal(tmp_path: Path) -> None:
    file = put_captions(tmp_path)
    file.refuse("a", "empty")
    assert open_cache(tmp_path).open(KEY).refused == {"a": "empty"}
    file.put("a", "[a] (b)")
    assert open_cache(tmp_path).open(KEY).responses == {"a": "[a] (b)"}


def test_captions_under_the_name_of_others_are_not_used(tmp_path: Path) -> None:
    put_captions(tmp_path, a="[a] (b)")
    other_key = {**KEY, "other": 1}
    cache = open_cache(tmp_path)
    cache.open(other_key).put("a", "[other] (b)")
    (path,) = (p for p in tmp_path.iterdir() if p.stem == hash_json(KEY))
    (other_path,) = (p for p in tmp_path.iterdir() if p != path)
    path.write_bytes(other_path.read_bytes())
    with pytest.warns(NoticeWarning, match=f"{path} is damaged: it has the captions of another"):
        file = cache.open(KEY)
    assert not file.responses
    file.put("a", "[a] (b)")
    assert cache.open(KEY).responses == {"a": "[a] (b)"}


def test_a_cache_without_a_path_is_in_memory(tmp_path: Path) -> None:
    file = ResponseFile(None, {}, CAPTIONS)
    file.put("a", "[a] (b)")
    file.refuse("b", "empty")
    assert "a" in file
    assert "b" in file
    assert not list(tmp_path.iterdir())


WRITER = """
import sys
from pathlib import Path
from egoexobench.captioning.cache import CAPTIONS, open_cache
file = open_cache(Path(sys.argv[1])).open({"captioner": "x", "model": "m"})
i = 0
while True:
    text = f"{sys.argv[2]} {i} " + "long " * 200
    if text not in file:
        file.put(text, f"[{sys.argv[2]} {i}] (pop)")
        print(i, flush=True)
    i += 1
"""


@pytest.mark.parametrize("writers", [1, 2])
def test_killed_processes_lose_no_caption_that_they_had_written(
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
    captions = open_cache(tmp_path).open(KEY).responses
    for name, last in last_printed.items():
        expected = {f"{name} {i} " + "long " * 200: f"[{name} {i}] (pop)" for i in range(last + 1)}
        assert expected.items() <= captions.items()
        assert sum(text.startswith(name) for text in captions) <= last + 2
    lines = get_only_file(tmp_path).read_text().split("\n")
    payloads = [json.loads(line)["payload"] for line in lines if line[-1:] == "}"]
    texts = [payload["text"] for payload in payloads if "text" in payload]
    assert len(texts) == len(set(texts)), "no caption was written twice"


PART = {"kind": "captioner", "name": "llm", "distribution": "d", "source": "a", "libraries": {}}


def list_notes(cache: ResponseCache, *texts: str) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cache.explain_requests({"model": "m"}, texts)
    return [str(item.message) for item in caught if item.category is NoticeWarning]


def test_another_version_of_the_captioner_has_another_file_and_says_why(tmp_path: Path) -> None:
    old = open_cache(tmp_path, PART)
    old.open({"model": "m"}).put("C knocks", "[door] (knock)")
    new = open_cache(tmp_path, PART | {"source": "b"})
    assert "C knocks" in old.open({"model": "m"})
    assert "C knocks" not in new.open({"model": "m"})
    assert list_notes(new, "C knocks", "C runs") == [
        "captioner 'llm' of d changed (source): 1 captions are requested again"
    ]
    assert list_notes(old, "C knocks") == list_notes(new, "C runs") == []


def test_captions_of_another_model_are_no_older_version(tmp_path: Path) -> None:
    open_cache(tmp_path, PART).open({"model": "x"}).put("C knocks", "[door] (knock)")
    assert list_notes(open_cache(tmp_path, PART | {"source": "b"}), "C knocks") == []
