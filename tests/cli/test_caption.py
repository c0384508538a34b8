"""`egoexobench caption`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_server import Reply, serving
from click.testing import CliRunner, Result

from egoexobench.cli import main
from egoexobench.response_cache import ResponseFile


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))


def run_caption(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["caption", f"folder:path={folder}", *options])


def test_captions_are_written_exported_and_used_elsewhere(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    options = ("--split", "test", "--captioner", "rules:frequent=none")
    result = run_caption(folder, *options, "--export", str(file))
    assert result.exit_code == 0
    head, *lines = map(json.loads, file.read_text().splitlines())
    assert set(head) == {"key", "concepts"}
    captions = {line["narration"]: line["caption"] for line in lines}
    assert captions["a person takes the m"] == "[m] (soft rustling)"
    assert f"{len(captions)} of {len(captions)} distinct narrations" in result.stdout
    again = run_caption(folder, "--split", "test", "--captioner", f"imported:file={file}")
    assert again.exit_code == 0
    assert f"{len(captions)} of {len(captions)}" in again.stdout


def test_frequent_concepts_are_listed_and_need_the_training_narrations(folder: Path) -> None:
    result = run_caption(folder, "--split", "test", "--captioner", "rules:frequent=0.9")
    assert "removed concepts (1): soft rustling" in result.stdout
    alone = run_caption(folder, "--split", "test", "--captioner", "rules:frequent=none")
    assert "removed concepts" not in alone.stdout
    assert int(result.stdout.split()[0]) > int(alone.stdout.split()[0])


def test_a_missing_api_key_is_one_line_and_exits_with_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = run_caption(folder, "--captioner", "openai")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "OPENAI_API_KEY" in result.stderr
    assert "no answer" in result.stdout


@pytest.mark.slow
def test_an_interrupted_run_stores_its_captions_and_the_next_run_continues(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with serving(lambda text, tries: Reply(f"[{text}] (pop)")) as (address, server):
        monkeypatch.setenv("OPENAI_BASE_URL", address)
        with monkeypatch.context() as patch:
            patch.setattr(ResponseFile, "put", _make_interrupted_put(after=10))
            first = run_caption(folder, "--captioner", "openai:concurrent=1,frequent=none")
        assert first.exit_code == 130
        assert first.stderr == (
            "egoexobench: interrupted: what was finished is stored, so repeat the command to "
            "continue\n"
        )
        again = run_caption(folder, "--captioner", "openai:concurrent=1,frequent=none")
    assert again.exit_code == 0
    assert "38 written now, 10 from the cache" in again.stdout
    assert (
        server.tries.total() <= 48 + 2
    )  # the caption that was not stored, and a request in flight


def _make_interrupted_put(after: int) -> Callable[[ResponseFile, str, str], str]:
    """`ResponseFile.put` that is interrupted by Ctrl-C after some calls."""
    real, count = ResponseFile.put, iter(range(after))

    def put(file: ResponseFile, text: str, caption: str) -> str:
        if next(count, None) is None:
            raise KeyboardInterrupt
        return real(file, text, caption)

    return put


def test_no_caption_at_all_exits_with_1(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "made.jsonl"
    file.write_text('{"narration": "of something else", "caption": "[jar] (pop)"}\n')
    result = run_caption(folder, "--captioner", f"imported:file={file}")
    assert result.exit_code == 1
    assert "48 refused (48 empty)" in result.stdout
    assert result.stderr.startswith("egoexobench: no narration has a sound caption")
    assert result.stderr.count("\n") == 1


def test_a_file_of_another_captioner_or_a_wrong_share_exits_with_2(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out.jsonl"
    run_caption(folder, "--export", str(file))
    taken = run_caption(folder, "--import", str(file), "--captioner", "openai")
    assert taken.exit_code == 2
    assert "imported:file=" in taken.stderr
    wrong = run_caption(folder, "--captioner", "rules:frequent=2")
    assert wrong.exit_code == 2
    assert "share above 0" in wrong.stderr
