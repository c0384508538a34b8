"""A signal ends a command with its own exit code, after every cleanup."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from plugin_factory import install_plugin

from egoexobench.cli.interruption import SignalInterrupt, get_exit_code, raise_ending_signals
from egoexobench.files import atomic_path


def write_half_a_record(path: Path, number: int) -> None:
    with raise_ending_signals(), atomic_path(path) as draft:
        draft.write_text("half")
        os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def default_signals() -> Iterator[None]:
    """Signals end the process: a background job ignores SIGINT, and one of nohup SIGHUP."""
    defaults = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_draft_and_names_itself(number: int, tmp_path: Path) -> None:
    with pytest.raises(SignalInterrupt) as caught:
        write_half_a_record(tmp_path / "record.json", number)
    assert get_exit_code(caught.value.number) == 128 + number
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_second_signal_does_not_stop_the_cleanup() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    cleaned: list[int] = []

    def interrupt_cleanup() -> None:
        with raise_ending_signals():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(os.getpid(), number)
                    cleaned.append(number)

    try:
        with pytest.raises(SignalInterrupt) as caught:
            interrupt_cleanup()
        assert get_exit_code(caught.value.number) == 130
        assert len(cleaned) == 3
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_ending_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_command_ends_with_one_line_and_the_code_of_the_signal(
    number: int, code: int, tmp_path: Path
) -> None:
    install_plugin(tmp_path, "slow", f"import os\nos.kill(os.getpid(), {int(number)})\n")
    result = CommandLine(tmp_path, plugin_folder=tmp_path)("list")
    assert result.returncode == code
    assert result.stdout == ""
    assert result.stderr.startswith("egoexobench: interrupted: what was finished is stored")


def test_a_library_that_answers_a_signal_with_an_error_of_its_own_hides_no_interruption(
    tmp_path: Path,
) -> None:
    """As torch does, whose C code asks an object for its length."""
    source = """
import os
from egoexobench import hookimpl

@hookimpl
def register_datasets(register):
    register("slow", slow)

def slow():
    try:
        os.kill(os.getpid(), 15)
    except KeyboardInterrupt:
        pass
    raise ValueError("could not determine the shape of object type")
"""
    install_plugin(tmp_path, "slow", source)
    result = CommandLine(tmp_path, plugin_folder=tmp_path)("data", "doctor", "slow")
    assert result.returncode == 143
    assert result.stderr.startswith("egoexobench: interrupted: what was finished is stored")
