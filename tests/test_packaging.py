"""A third-party distribution works, and import names are those of the toolkit alone."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "setup.py").is_file(), reason="not a checkout"),
]


def run_process(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment
    )


def test_plugins_and_baselines_are_no_import_names() -> None:
    for name in ("plugins", "baselines"):
        result = subprocess.run(
            [sys.executable, "-c", f"import {name}"],
            cwd="/",
            env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            capture_output=True,
            check=False,
        )
        assert result.returncode != 0, f"{name} can be imported outside the checkout"


@pytest.fixture(scope="module")
def third_party_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with this environment's packages and the third-party plug-in."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    (site,) = (environment / "lib").glob("python*/site-packages")
    packages = [path for path in sys.path if path.endswith("site-packages")]
    # .pth files of the outer environment contain the editable install of the toolkit
    (site / "outer.pth").write_text(
        "".join(f"import site; site.addsitedir({path!r})\n" for path in packages)
    )
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "example_plugin.py"):
        (source / name).write_bytes((ROOT / "tests" / "third_party" / name).read_bytes())
    result = run_process(
        str(python), "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
        "--target", str(site), str(source),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return python


def run_cli(python: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return run_process(str(python), "-m", "egoexobench", *arguments, **variables)


def test_third_party_parts_are_listed_with_their_distribution(third_party_python: Path) -> None:
    for kind, name in (
        ("dataset", "swapped-folder"),
        ("encoder", "brightness"),
        ("method", "brightness-narration"),
    ):
        result = run_cli(third_party_python, "list", kind)
        (line,) = [line for line in result.stdout.splitlines() if f"  {name}  " in line]
        assert "example-plugin 0.3.0" in line


def test_third_party_options_are_shown(third_party_python: Path) -> None:
    result = run_cli(third_party_python, "show", "dataset", "swapped-folder")
    assert "path=a path (required)" in result.stdout
    assert "swap=true or false (default false)" in result.stdout


def test_a_third_party_plugin_is_blocked_before_it_is_imported(third_party_python: Path) -> None:
    result = run_cli(third_party_python, "-p", "no:example", "list")
    assert result.returncode == 0
    assert "swapped-folder" not in result.stdout


def test_a_third_party_method_runs_on_its_data_set(
    third_party_python: Path, folder: Path, tmp_path: Path
) -> None:
    result = run_cli(
        third_party_python, "run", "--method", "brightness-narration:dim=4",
        "--dataset", f"swapped-folder:path={folder},swap=true", "--task", "eg2ex",
        "--json", "--out", str(tmp_path / "runs"),
        EGOEXOBENCH_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    record = json.loads(result.stdout)
    (encoder,) = [part for part in record["method"]["parts"] if part["role"] == "video"]
    assert encoder["name"] == "brightness"
    assert encoder["options"] == {"dim": 4}
    assert encoder["distribution"] == {"name": "example-plugin", "version": "0.3.0"}


def install_plugin(folder: Path, name: str, code: str) -> None:
    """Install a distribution of one module by hand."""
    (folder / f"{name}.py").write_text(code)
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[egoexobench]\n{name} = {name}\n")


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
def test_a_broken_plugin_is_reported_by_name_and_the_other_plugins_work(
    tmp_path: Path, code: str, reason: str
) -> None:
    install_plugin(tmp_path, "shaky", code)
    result = run_cli(Path(sys.executable), "list", "method", PYTHONPATH=str(tmp_path))
    assert result.returncode == 0
    assert "soundbridge" in result.stdout
    assert "plug-in 'shaky' (shaky 1.0) was not loaded" in result.stderr
    assert reason in result.stderr


def test_a_duplicate_is_one_line_that_names_both_owners_and_ours_is_used(tmp_path: Path) -> None:
    code = HOOK + "    register('rules', lambda: None)"
    install_plugin(tmp_path, "double", code)
    duplicate = run_cli(
        Path(sys.executable), "show", "captioner", "rules", PYTHONPATH=str(tmp_path)
    )
    assert duplicate.returncode == 0
    (line,) = duplicate.stderr.splitlines()
    assert "plug-in 'double' (double" in line
    assert "has a captioner of that name" in line
    assert "no:captions" in line
    blocked = run_cli(
        Path(sys.executable), "-p", "no:double", "show", "captioner", "rules",
        PYTHONPATH=str(tmp_path),
    )  # fmt: skip
    assert blocked.returncode == 0
