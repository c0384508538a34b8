"""Shortcuts are scored while a method is trained, and a run reads them then."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from egoexobench.experiment import shortcuts_ahead
from egoexobench.experiment.shortcuts_ahead import ShortcutsAhead

INPUTS = SimpleNamespace(clips={}, pairs={}, clip_keys={})
SCORED = SimpleNamespace(dataset=None, record=None, inputs=INPUTS)
PARTS = SimpleNamespace(reads_media=True)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    tasks: list[list[str]] = []

    def score(data: object, requested: list[str], progress: object) -> None:
        assert threading.current_thread() is not threading.main_thread()
        tasks.append(list(requested))

    monkeypatch.setattr(shortcuts_ahead, "score_shortcuts", score)
    monkeypatch.setattr(shortcuts_ahead, "count_cores", lambda: 2)
    return tasks


def test_the_tasks_between_the_views_are_scored_in_a_thread(calls: list[list[str]]) -> None:
    with ShortcutsAhead(["eg2ex", "t2v", "scene"]) as ahead:
        ahead.start(PARTS, SCORED)
        ahead.wait()
        assert calls == [["eg2ex"]]


@pytest.mark.parametrize("reason", ["one core", "no media", "no task"])
def test_nothing_is_scored_where_it_saves_nothing(
    reason: str, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "one core":
        monkeypatch.setattr(shortcuts_ahead, "count_cores", lambda: 1)
    parts = SimpleNamespace(reads_media=reason != "no media")
    with ShortcutsAhead(["t2v"] if reason == "no task" else ["eg2ex"]) as ahead:
        ahead.start(parts, SCORED)
    assert calls == []


def test_a_run_that_is_interrupted_stops_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, has_begun = [], threading.Event()

    def score(data: object, tasks: list[str], progress: shortcuts_ahead._StoppableProgress) -> None:
        with progress.stage("decode", 10**9) as advance:
            for step in range(10**9):
                advance(1)
                steps.append(step)
                has_begun.set()

    def interrupt(start: Callable[..., None]) -> None:
        start(PARTS, SCORED)
        assert has_begun.wait(20)
        raise KeyboardInterrupt

    monkeypatch.setattr(shortcuts_ahead, "score_shortcuts", score)
    monkeypatch.setattr(shortcuts_ahead, "count_cores", lambda: 2)
    with pytest.raises(KeyboardInterrupt), ShortcutsAhead(["eg2ex"]) as ahead:
        interrupt(ahead.start)
    assert steps
    assert ahead._thread is not None
    assert not ahead._thread.is_alive()


def test_an_interruption_does_not_wait_for_a_thread_in_a_long_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(start: Callable[..., None]) -> None:
        start(PARTS, SCORED)
        raise KeyboardInterrupt

    ends = threading.Event()
    monkeypatch.setattr(shortcuts_ahead, "score_shortcuts", lambda *_: ends.wait(20))
    monkeypatch.setattr(shortcuts_ahead, "count_cores", lambda: 2)
    monkeypatch.setattr(shortcuts_ahead, "MAX_STOP_S", 0.05)
    try:
        with pytest.raises(KeyboardInterrupt), ShortcutsAhead(["eg2ex"]) as ahead:
            interrupt(ahead.start)
        assert ahead._thread is not None
        assert ahead._thread.is_alive()
        assert ahead._thread.daemon  # nor does the end of the process
    finally:
        ends.set()


def test_a_fault_in_the_thread_is_left_to_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(shortcuts_ahead, "score_shortcuts", fail)
    monkeypatch.setattr(shortcuts_ahead, "count_cores", lambda: 2)
    with ShortcutsAhead(["ex2eg"]) as ahead:
        ahead.start(PARTS, SCORED)
