import getpass
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from egoexobench.records.environment import collect_environment, read_git_state
from egoexobench.records.schema import DistributionRecord


def run_git(root: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    result = subprocess.run(
        ["git", *identity, "-C", str(root), *arguments], check=True, capture_output=True, text=True
    )
    return result.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    run_git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("one = 1\n")
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_checkout_has_its_commit_and_is_not_dirty(repository: Path) -> None:
    result = read_git_state(repository)
    assert result is not None
    assert (result.commit, result.dirty) == (run_git(repository, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_a_changed_or_a_new_file_makes_it_dirty(repository: Path, name: str) -> None:
    (repository / name).write_text("one = 2\n")
    result = read_git_state(repository)
    assert result is not None
    assert result.dirty


def test_a_folder_inside_another_checkout_is_no_checkout(repository: Path) -> None:
    (repository / "venv").mkdir()
    assert read_git_state(repository / "venv") is None


def test_a_checkout_without_a_commit_is_none(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q")
    assert read_git_state(tmp_path) is None


def test_an_absent_git_is_tolerated(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert read_git_state(repository) is None


def test_a_surrounding_git_command_does_not_mislead(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    run_git(other, "init", "-q")
    head = run_git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    result = read_git_state(repository)
    assert result is not None
    assert result.commit == head


def test_versions_are_those_that_are_installed() -> None:
    result = collect_environment([])
    assert result.torch == result.packages["torch"] == version("torch")
    assert result.packages["pydantic"] == version("pydantic")
    assert list(result.packages) == sorted(result.packages)


def test_a_plugin_distribution_is_named_once() -> None:
    ours = DistributionRecord(name="egoexobench", version="0.1.0")
    other = DistributionRecord(name="a-stranger", version="2")
    assert collect_environment([ours, other, ours]).plugins == (other, ours)


def test_the_machine_and_its_user_are_not_named() -> None:
    text = collect_environment([]).model_dump_json()
    for word in (socket.gethostname(), str(Path.home()), sys.prefix):
        assert len(word) < 3 or word not in text
    assert f'"{getpass.getuser()}"' not in text


def test_collecting_the_environment_does_not_import_torch() -> None:
    code = (
        "import sys\n"
        "from egoexobench.records.environment import collect_environment, read_own_git_state\n"
        "found = collect_environment([]); read_own_git_state()\n"
        "assert found.torch and found.num_threads is None\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_settings_of_torch_are_recorded_if_it_is_loaded() -> None:
    torch = pytest.importorskip("torch")
    result = collect_environment([], device="cpu", precision="bf16")
    assert result.num_threads == torch.get_num_threads()
    assert result.deterministic == torch.are_deterministic_algorithms_enabled()
    assert (result.device, result.precision, result.accelerator) == ("cpu", "bf16", None)
