"""`egoexobench caption`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_server import Reply, serving
from click.testing import CliRunner, Result

from egoexobench.captioning.cache import CaptionFile
from egoexobench.cli import main


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))


def run(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["caption", f"folder:path={folder}", *more])


def test_captions_are_written_exported_and_used_elsewhere(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    done = run(folder, "--split", "test", "--export", str(file))
    assert done.exit_code == 0
    head, *lines = map(json.loads, file.read_text().splitlines())
    assert set(head) == {"key", "concepts"}
    captions = {line["narration"]: line["caption"] for line in lines}
    assert captions["a person takes the m"] == "[m] (soft rustling)"
    assert f"{len(captions)} of {len(captions)} distinct narrations" in done.stdout
    again = run(folder, "--split", "test", "--captioner", f"imported:file={file}")
    assert again.exit_code == 0
    assert f"{len(captions)} of {len(captions)}" in again.stdout


def test_frequent_concepts_are_listed_and_need_the_training_narrations(folder: Path) -> None:
    done = run(folder, "--split", "test", "--captioner", "rules:frequent=0.9")
    assert "removed concepts (1): soft rustling" in done.stdout
    alone = run(folder, "--split", "test")
    assert "removed concepts" not in alone.stdout
    assert int(done.stdout.split()[0]) > int(alone.stdout.split()[0])


def test_without_a_key_it_says_so_in_one_line_and_exits_with_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = run(folder, "--captioner", "openai")
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "OPENAI_API_KEY" in done.stderr
    assert "no answer" in done.stdout


def test_interrupted_it_keeps_what_is_written_and_goes_on_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with serving(lambda text, tries: Reply(f"[{text}] (pop)")) as (address, server):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        with monkeypatch.context() as patch:
            patch.setattr(CaptionFile, "put", _interrupted(after=10))
            first = run(folder, "--captioner", "openai:concurrent=1,frequent=none")
        assert first.exit_code == 130
        assert first.stderr == (
            "egoexobench: interrupted; captions are cached, repeat the command to continue\n"
        )
        again = run(folder, "--captioner", "openai:concurrent=1,frequent=none")
    assert again.exit_code == 0
    assert "38 written now, 10 from the cache" in again.stdout
    assert server.tries.total() <= 48 + 2  # the one that was not kept, and one in flight


def _interrupted(after: int) -> Callable[[CaptionFile, str, str], str]:
    """`CaptionFile.put`, until Ctrl-C is pressed."""
    real, count = CaptionFile.put, iter(range(after))

    def put(file: CaptionFile, text: str, caption: str) -> str:
        if next(count, None) is None:
            raise KeyboardInterrupt
        return real(file, text, caption)

    return put


def test_no_caption_at_all_exits_with_1(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text('{"narration": "of something else", "caption": "[jar] (pop)"}\n')
    done = run(folder, "--captioner", f"imported:file={file}")
    assert done.exit_code == 1
    assert "48 refused (48 empty)" in done.stdout
    assert done.stderr.startswith("egoexobench: no narration has a sound caption")
    assert done.stderr.count("\n") == 1


def test_a_file_of_another_captioner_or_a_wrong_share_exits_with_2(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    run(folder, "--export", str(file))
    taken = run(folder, "--import", str(file), "--captioner", "openai")
    assert taken.exit_code == 2
    assert "imported:file=" in taken.stderr
    wrong = run(folder, "--captioner", "rules:frequent=2")
    assert wrong.exit_code == 2
    assert "share above 0" in wrong.stderr
