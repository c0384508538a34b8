"""Answerer `openai`: the official client against a real server on loopback."""

import json
import socket
from pathlib import Path

import pytest

pytest.importorskip("openai", reason="the extra `llm` is not installed")
from chat_server import Reply
from picture_server import PREFIX, choose_nearest, read_items

from egoexobench.errors import DataError, NoticeWarning, UsageError
from egoexobench.records.answers_file import parse_answers
from egoexobench_plugins.chat_answerer import openai

SECRET = "sk-very-secret-0123456789"
pytestmark = pytest.mark.filterwarnings("ignore::egoexobench.errors.NoticeWarning")


def respond_right(messages, tries) -> Reply:
    return Reply(str(choose_nearest(messages)))


def get_score(result, task: str = "eg2ex"):
    (score,) = [item for item in result.record.scores if item.task == task]
    return score


def list_stored(root: Path) -> list[dict]:
    """The lines of the stored answers, without the key."""
    (file,) = (root / "cache" / "answers").glob("*.jsonl")
    return [json.loads(line)["payload"] for line in file.read_text().splitlines()[1:]]


@pytest.mark.slow
def test_right_answers_give_everything_and_are_verified(ask, tmp_path: Path) -> None:
    asker = ask(respond_right)
    export = tmp_path / "answers.jsonl"
    result = asker(
        tasks=("eg2ex", "ex2eg"),
        export=export,
        command=("--answerer", f"openai:base_url={asker.address}"),
    )
    assert [
        get_score(result, task).metrics["hit_rate_at_1"].value
        for task in ("eg2ex", "ex2eg", "association")
    ] == [100.0] * 3
    assert result.verify().is_verified
    external = result.record.method.external
    assert (external.kind, external.evidence) == ("answers", "sent")
    assert external.answerer.num_questions == sum(external.answerer.positions) == 8
    assert external.answerer.key["model"] == "m"
    assert result.record.method.declared_inputs.video == ("video",)
    assert result.record.method.declared_inputs.text == ()
    assert "not audited: it was sent video" in str(result)
    assert len(parse_answers("export", export.read_text())) == 8
    files = [path for path in [*tmp_path.rglob("*")] if path.is_file()]
    texts = [path.read_bytes() for path in files] + [str(result).encode()]
    assert not [text for text in texts if SECRET.encode() in text]
    records = [path.read_text() for path in files if "runs" in path.parts]
    assert not [text for text in records if asker.address in text or "127.0.0.1" in text]
    assert set(asker.server.headers) == {f"Bearer {SECRET}"}


@pytest.mark.slow
def test_texts_are_sent_as_data_and_recorded_as_evidence(ask) -> None:
    def respond(messages, tries) -> Reply:
        query, candidates = read_items(messages)
        assert isinstance(query, str)
        assert all(len(candidate) == 2 for candidate in candidates)
        return Reply("2")

    asker = ask(respond)
    result = asker(tasks=("t2v",))
    assert result.record.method.declared_inputs.text == ("narration",)
    assert "texts from narration" in str(result)
    assert len(asker.server.talks) == 8


def test_a_request_has_small_pictures_in_order_and_nothing_that_names_a_clip(
    ask, folder: Path
) -> None:
    asker = ask(lambda messages, tries: Reply(status=401))
    with pytest.raises(DataError, match="answered 401"):
        asker(options={"frames": 3, "side": 24, "concurrent": 1})
    (body,) = asker.server.bodies
    assert body.keys() == {"messages", "model", "max_tokens", "temperature"}
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("m", 0.0, 256)
    query, candidates = read_items(body["messages"])
    assert len(candidates) == 4
    for pictures in (query, *candidates):
        assert len(pictures) == 3
        assert {max(picture.shape) for picture in pictures} == {24}
    parts = body["messages"][1]["content"]
    urls = [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]
    assert len(urls) == 15
    assert all(url.startswith(PREFIX) for url in urls)
    text = json.dumps([part for part in parts if part["type"] == "text"] + body["messages"][:1])
    for name in (str(folder), ".mp4", "/ego", "/exo", *(f"{letter}-e" for letter in "mnop")):
        assert name not in text
    titles = [part["text"] for part in parts if part["type"] == "text"]
    assert titles[:-1] == ["Query:", *(f"Candidate {number}:" for number in range(1, 5))]


def test_sound_is_sent_on_demand(ask) -> None:
    asker = ask(lambda messages, tries: Reply(status=401))
    with pytest.raises(DataError):
        asker(options={"sound": True, "concurrent": 1})
    parts = asker.server.bodies[0]["messages"][1]["content"]
    sounds = [part["input_audio"] for part in parts if part["type"] == "input_audio"]
    assert len(sounds) == 5
    assert {sound["format"] for sound in sounds} == {"wav"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I think that it is candidate 2.", "not a number"),
        ("2, because", "not a number"),
        ('{"answer": 2}', "not a number"),
        ("", "empty"),
        ("5", "out of range"),
        ("0", "out of range"),
        ("-1", "not a number"),
        ("1, 2", "several numbers"),
        ("1" * 3000, "not a number"),
        ("²", "not a number"),
    ],
)
def test_what_is_no_answer_is_asked_for_twice_then_counted(
    ask, tmp_path: Path, text: str, reason: str
) -> None:
    asker = ask(lambda messages, tries: Reply(text))
    with pytest.raises(DataError, match="max_requests is 2"):
        asker(options={"concurrent": 1, "max_requests": 2})
    first, second = asker.server.talks
    assert second[:2] == first
    assert [message["role"] for message in second[2:]] == ["assistant", "user"]
    assert second[2]["content"] == (text[:400] or "(no answer)")
    assert [line["refused"] for line in list_stored(tmp_path)] == [reason]


@pytest.mark.slow
def test_refusals_count_as_chance_and_are_asked_again_on_demand_only(ask) -> None:
    is_prose = [True]
    asker = ask(lambda m, tries: Reply("Candidate B") if is_prose[0] else respond_right(m, tries))
    with pytest.warns(NoticeWarning, match="4 of 4 questions have no valid answer .4 not a number"):
        result = asker()
    assert get_score(result).metrics["hit_rate_at_1"].value == 25.0
    assert get_score(result).num_queries == 4
    assert result.record.method.external.answerer.num_refused == {"not a number": 4}
    assert "counts as chance: 4 not a number" in " ".join(str(result).split())
    assert result.verify().is_verified
    asker()
    assert len(asker.server.talks) == 8
    is_prose[0] = False
    assert get_score(asker(retry_refused=True)).metrics["hit_rate_at_1"].value == 100.0


def test_a_second_reply_that_is_valid_counts(ask, tmp_path: Path) -> None:
    asker = ask(lambda messages, tries: Reply("2" if tries > 1 else "It is 2."))
    with pytest.raises(DataError, match="max_requests is 2"):
        asker(options={"concurrent": 1, "max_requests": 2})
    assert [line["answer"] for line in list_stored(tmp_path)] == ['{"choice": 1}']


@pytest.mark.slow
def test_an_order_gives_every_metric(ask) -> None:
    def respond(messages, tries) -> Reply:
        best = choose_nearest(messages)
        others = [number for number in (1, 2, 3, 4) if number != best]
        return Reply(", ".join(map(str, [others[0], best, *others[1:]])))

    metrics = get_score(ask(respond)(options={"reply": "order"})).metrics
    assert metrics["hit_rate_at_1"].value == 0.0
    assert metrics["mrr"].value == 0.5
    assert metrics["median_rank"].value == 2.0


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_a_busy_or_failing_server_is_asked_again(ask, tmp_path: Path, status: int) -> None:
    asker = ask(lambda messages, tries: Reply("1", status=status if tries == 1 else 200))
    # each question takes two requests, which count
    with pytest.raises(DataError, match="max_requests is 4"):
        asker(options={"retries": 2, "max_requests": 4, "concurrent": 1})
    assert set(asker.server.tries.values()) == {2}
    assert len(list_stored(tmp_path)) == 2


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(status=500), "server error 500"),
        (Reply("1", wait=0.5), "time-out"),
        (Reply("1", is_cut=True), "broken connection"),
        (Reply(body=b'{"choices": [{"mess'), "broken reply"),
        (Reply(body=b'{"choices": []}'), "broken reply"),
        (Reply(body=b"[1, 2]"), "broken reply"),
    ],
)
def test_a_question_without_a_response_is_counted_and_asked_again(
    ask, tmp_path: Path, reply: Reply, reason: str
) -> None:
    num_bad = [1]

    def respond(messages, tries) -> Reply:
        num_bad[0] -= 1
        return reply if num_bad[0] >= 0 else Reply("1")

    asker = ask(respond)
    with pytest.raises(DataError, match=f"1 of 4 questions have no answer .1 {reason}.; the other"):
        asker(options={"timeout": 0.3, "concurrent": 1})
    assert not asker.out.exists()
    assert len(list_stored(tmp_path)) == 3
    assert asker(options={"timeout": 5.0, "concurrent": 1}).record.scores
    assert len(asker.server.talks) == 5


@pytest.mark.slow
def test_questions_without_a_response_are_left_out_on_demand(ask) -> None:
    fate = iter([500, 200, 200, 200])
    result = ask(lambda messages, tries: Reply("1", status=next(fate)))(
        options={"concurrent": 1}, allow_missing=True
    )
    score = get_score(result)
    assert (score.num_queries, score.num_dropped) == (3, 1)
    assert result.record.method.external.answerer.num_failed == {"server error 500": 1}
    assert result.verify().is_verified


def test_a_server_that_fails_on_and_on_is_given_up(ask) -> None:
    asker = ask(lambda messages, tries: Reply(status=500))
    tasks = ("eg2ex", "ex2eg", "t2v")
    with pytest.raises(DataError, match=r"16 of 16 .* did not respond to 8 requests in a row"):
        asker(tasks=tasks, options={"concurrent": 1})
    assert len(asker.server.talks) == 8


@pytest.mark.parametrize("status", [401, 403, 404, 307, 400, 413, 422])
def test_what_every_request_would_meet_ends_it_at_once(ask, status: int) -> None:
    body = f'{{"error": {{"message": "Incorrect API key provided: {SECRET}"}}}}'.encode()
    headers = {"location": "http://127.0.0.1:9/v1/chat/completions"}
    asker = ask(lambda messages, tries: Reply(status=status, body=body, headers=headers))
    with pytest.raises(DataError, match=f"answered {status}") as caught:
        asker(options={"concurrent": 1})
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(asker.server.talks) == 1
    if status in (400, 413, 422):
        assert "10 pictures" in str(caught.value)


def test_a_refused_connection_and_a_missing_key_are_one_line(
    ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asker = ask(respond_right)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match=f"http://127.0.0.1:{port} cannot be reached"):
        asker(options={"base_url": f"http://127.0.0.1:{port}/v1"})
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(DataError, match="answerer 'openai' needs a key in OPENAI_API_KEY"):
        asker()


def test_a_missing_client_is_one_line(ask, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(DataError, match=r"pip install 'egoexobench.llm.'"):
        ask(respond_right)()


def test_a_run_that_stopped_goes_on_without_a_second_request(ask) -> None:
    asker = ask(respond_right)
    for _ in range(2):
        with pytest.raises(DataError, match="where max_requests is 1; the answers so far are sto"):
            asker(options={"max_requests": 1, "concurrent": 1})
    result = asker()
    assert get_score(result).metrics["hit_rate_at_1"].value == 100.0
    assert len(asker.server.talks) == 4
    assert set(asker.server.tries.values()) == {1}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"}, {"version": "2"}, {"frames": 3}, {"side": 16}, {"tokens": 9},
        {"temperature": 0.5}, {"sound": True}, {"reply": "order"}, {"prompt": "FILE"},
    ],
)  # fmt: skip
def test_another_model_prompt_or_picture_is_asked_anew(
    ask, tmp_path: Path, change: dict[str, object]
) -> None:
    (tmp_path / "prompt.txt").write_text("Compare. {task} {reply}")
    if "prompt" in change:
        change = {"prompt": tmp_path / "prompt.txt"}
    asker = ask(lambda messages, tries: Reply("1"))
    for options, num_requests in (({}, 1), (change, 2), (change, 3)):
        with pytest.raises(DataError, match="max_requests is 1"):
            asker(options={**options, "max_requests": 1, "concurrent": 1})
        assert len(asker.server.talks) == num_requests
    # the third request is to another question: the first of the change is stored
    assert len(asker.server.tries) >= 2


def test_an_edited_answer_is_noticed_and_asked_again(ask, tmp_path: Path) -> None:
    asker = ask(respond_right)
    asker()
    (file,) = (tmp_path / "cache" / "answers").glob("*.jsonl")
    text = file.read_text()
    line = text.splitlines()[2]
    position = json.loads(json.loads(line)["payload"]["answer"])["choice"]
    edited = line.replace(f": {position}}}", f": {(position + 1) % 4}}}")
    assert edited != line
    file.write_text(text.replace(line, edited))
    with pytest.warns(NoticeWarning, match="is damaged or was edited .lines that are left out: 1"):
        result = asker()
    assert get_score(result).metrics["hit_rate_at_1"].value == 100.0
    assert len(asker.server.talks) == 5


def test_an_estimate_sends_nothing(ask) -> None:
    asker = ask(respond_right)
    with pytest.warns(
        NoticeWarning,
        match="4 questions: 0 have a stored answer, 4 are asked now w"
        "ith about 40 pictures in 0.. MB",
    ):
        assert asker(estimate=True) is None
    assert asker.server.talks == []
    assert not asker.out.exists()


@pytest.mark.slow
def test_a_part_of_the_questions_is_recorded_as_such_and_extended_later(ask) -> None:
    asker = ask(respond_right)
    result = asker(max_queries=3)
    assert (get_score(result).num_queries, get_score(result).num_dropped) == (3, 1)
    assert result.record.method.external.answerer.max_queries == 3
    assert "up to 3 of a task by seed 0" in str(result)
    assert result.verify().is_verified
    asker(max_queries=4)
    assert len(asker.server.talks) == 4


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"base_url": "http://me:pw@localhost/v1"}, "not the plain address.*OPENAI_API_KEY"),
        ({"base_url": "http://localhost/v1?key=pw"}, "not the plain address"),
        ({"base_url": "localhost:8000"}, "not the plain address"),
        ({"base_url": "http://[::1/v1"}, "not the plain address"),
        ({"frames": 0}, "frames=0 is invalid for answerer 'openai': must be 1 or more"),
        ({"side": 8}, "side=8 is invalid"),
        ({"max_requests": 0}, "max_requests=0 is invalid"),
        ({"max_candidates": 1}, "max_candidates=1 is invalid"),
        ({"timeout": 0.0}, "timeout=0 is invalid"),
        ({"temperature": float("nan")}, "temperature=nan is invalid"),
    ],
)
def test_an_option_that_cannot_work_is_refused(options: dict[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        openai(model="m", **options)  # type: ignore[arg-type]
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{task}", "the placeholder {reply} is missing"),
        ("{reply}", "the placeholder {task} is missing"),
        ("{task} {reply} {query}", "unknown placeholder {query}; choose from {task}, {num_cand"),
        (None, "cannot read the prompt"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str | None, reason: str
) -> None:
    file = tmp_path / "prompt.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises((UsageError, DataError), match=reason):
        openai(model="m", prompt=file)


def test_long_lists_and_missing_media_are_refused_before_anything_is_sent(
    ask, tmp_path: Path, folder: Path
) -> None:
    import shutil

    asker = ask(respond_right)
    with pytest.raises(UsageError, match="a question has 4 candidates, where answerer 'openai'"):
        asker(options={"max_candidates": 3})
    asker.folder = tmp_path / "copy"
    shutil.copytree(folder, asker.folder)
    (asker.folder / "m-ego.mp4").unlink()
    with pytest.raises(DataError, match=r"m-ego\.mp4"):
        asker()
    assert asker.server.talks == []
