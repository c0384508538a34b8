"""What a user sees of long work without a terminal."""

import threading
from contextlib import suppress

import pytest

from egoexobench import progress
from egoexobench.progress import LineProgress, NullProgress, RichProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in s; a test moves it, and the thread that prints regularly does nothing."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "_print_regularly", lambda lines, is_over: None)
    return now


def test_epochs_are_lines_with_loss_and_validation_value(clock: list[float], capsys) -> None:
    with LineProgress().stage("train", 16) as advance:
        clock[0] = 10.0
        advance(1, "loss 2.31 val 0.28")
        clock[0] = 20.0
        advance(2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "train 1/16 loss 2.31 val 0.28\ntrain 3/16\n"


def test_a_short_stage_prints_nothing(clock: list[float], capsys) -> None:
    with LineProgress().stage("encode", 2) as advance:
        clock[0] = progress.QUIET_SECONDS - 1
        advance(2)
    assert capsys.readouterr().err == ""


def test_fast_steps_print_a_line_a_second_and_the_last_one(clock: list[float], capsys) -> None:
    with LineProgress().stage("encode", 40) as advance:
        clock[0] = 10.0
        for _ in range(40):
            clock[0] += 0.1
            advance(1)
    lines = capsys.readouterr().err.splitlines()
    assert 3 <= len(lines) <= 6
    assert lines[-1] == "encode 40/40"


def test_a_stage_that_does_not_advance_still_prints(
    monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.01)
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.05)
    with LineProgress().stage("train", 3):
        threading.Event().wait(1.0)
    assert capsys.readouterr().err.count("train 0/3\n") >= 2


def test_a_stage_that_fails_ends_its_thread_and_prints_no_last_line(
    clock: list[float], capsys
) -> None:
    before = threading.active_count()
    with suppress(ValueError), LineProgress().stage("train", 3):
        clock[0] = 100.0
        raise ValueError
    assert threading.active_count() == before
    assert capsys.readouterr().err == ""


def test_every_progress_takes_a_note(capsys) -> None:
    for shown in (NullProgress(), RichProgress(), LineProgress()):
        with shown.stage("train", 1) as advance:
            advance(1, "loss [2.3]")
    assert "loss [2.3]" in capsys.readouterr().err
