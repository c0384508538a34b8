"""What is built is what lies in the folders, and a stranger's distribution works."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "egoexobench": "egoexobench",
    "egoexobench_plugins": "plugins",
    "egoexobench_baselines": "baselines",
}
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="not a checkout"),
]


def _run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )


def test_the_wheel_holds_every_module_and_data_file(tmp_path: Path) -> None:
    # from a copy: a build folder of an earlier day would put deleted modules into the wheel
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(ROOT / name, source)
    for name in FOLDERS.values():
        shutil.copytree(ROOT / name, source / name)
    done = _run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path), str(source)
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        f"{name}/{path.relative_to(ROOT / folder).as_posix()}"
        for name, folder in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == wanted


def test_plugins_and_baselines_are_no_import_names() -> None:
    for name in ("plugins", "baselines"):
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            cwd="/",
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            capture_output=True,
            check=False,
        )
        assert done.returncode != 0, f"{name} can be imported outside the checkout"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own that sees this environment's packages and the stranger's."""
    home = tmp_path_factory.mktemp("stranger")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    (site,) = (home / "lib").glob("python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    # .pth files of the outer environment hold the editable install of the toolkit
    (site / "outer.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in here)
    )
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "stranger.py"):
        (source / name).write_bytes((ROOT / "tests" / "third_party" / name).read_bytes())
    done = _run(
        str(python), "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
        "--target", str(site), str(source),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return python


def _cli(python: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return _run(str(python), "-m", "egoexobench", *arguments, **more)


def test_a_strangers_parts_are_listed_with_their_distribution(stranger: Path) -> None:
    for kind, name in (("dataset", "halves"), ("encoder", "bright"), ("method", "glimmer")):
        done = _cli(stranger, "list", kind)
        (line,) = [line for line in done.stdout.splitlines() if f"  {name}  " in line]
        assert "stranger 0.3.0" in line


def test_a_strangers_options_are_shown(stranger: Path) -> None:
    done = _cli(stranger, "show", "dataset", "halves")
    assert "path=a path (required)" in done.stdout
    assert "swap=true or false (default false)" in done.stdout


def test_a_stranger_is_blocked_before_it_is_imported(stranger: Path) -> None:
    done = _cli(stranger, "-p", "no:stranger", "list")
    assert done.returncode == 0
    assert "halves" not in done.stdout


def test_a_strangers_method_runs_on_its_data_set(
    stranger: Path, folder: Path, tmp_path: Path
) -> None:
    done = _cli(
        stranger, "run", "--method", "glimmer:dim=4",
        "--dataset", f"halves:path={folder},swap=true", "--task", "eg2ex",
        "--json", "--out", str(tmp_path / "runs"),
        EGOEXOBENCH_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    (encoder,) = [part for part in record["method"]["parts"] if part["role"] == "video"]
    assert encoder["name"] == "bright"
    assert encoder["options"] == {"dim": 4}
    assert encoder["distribution"] == {"name": "stranger", "version": "0.3.0"}


def _plugin(folder: Path, name: str, code: str) -> None:
    """A distribution of one module, installed by hand."""
    (folder / f"{name}.py").write_text(code)
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[egoexobench]\n{name} = {name}\n")


HOOK = "from egoexobench import hookimpl\n\n@hookimpl\ndef register_captioners(register):\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no GPU here')", "RuntimeError: no GPU here"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        (HOOK + "    raise ValueError('half done')", "ValueError: half done"),
        (HOOK.replace("captioners", "captions") + "    pass", "unknown hook"),
    ],
)
def test_a_broken_plugin_is_reported_by_name_and_the_rest_goes_on(
    tmp_path: Path, code: str, reason: str
) -> None:
    _plugin(tmp_path, "shaky", code)
    done = _cli(Path(sys.executable), "list", "method", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert "soundbridge" in done.stdout
    assert "plug-in 'shaky' (shaky 1.0) was not loaded" in done.stderr
    assert reason in done.stderr


def test_a_duplicate_names_both_owners(tmp_path: Path) -> None:
    code = HOOK + "    register('rules', lambda: None)"
    _plugin(tmp_path, "double", code)
    shown = _cli(Path(sys.executable), "show", "captioner", "rules", PYTHONPATH=str(tmp_path))
    assert shown.returncode == 2
    assert "'double' of double" in shown.stderr
    assert "'captions' of egoexobench" in shown.stderr
    blocked = _cli(
        Path(sys.executable), "-p", "no:double", "show", "captioner", "rules",
        PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert blocked.returncode == 0
