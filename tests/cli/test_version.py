"""The version stands in one place, and `--version` prints those on which a result may depend."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from command_line import CommandLine

import egoexobench

ROOT = Path(__file__).parents[2]


def test_libraries_and_plugins_are_listed_with_their_versions(tmp_path: Path) -> None:
    metadata_folder = tmp_path / "nordlab-0.1.0.dist-info"
    metadata_folder.mkdir()
    (metadata_folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: nordlab\nVersion: 0.1.0"
    )
    (metadata_folder / "entry_points.txt").write_text("[egoexobench]\nnordlab = nordlab_parts\n")
    result = CommandLine(tmp_path, plugin_folder=tmp_path)("--version")
    lines = result.stdout.splitlines()
    assert lines[0] == f"egoexobench {metadata.version('egoexobench')}"
    assert lines[1].startswith(f"python {sys.version.split()[0]} (")
    assert f"torch {metadata.version('torch')}" in lines
    assert re.search(rf"^av {metadata.version('av')} \(FFmpeg: libavcodec \d+", result.stdout, re.M)
    assert lines[-1] == "plug-in nordlab 0.1.0"


def test_versions_and_completion_are_shown_without_torch() -> None:
    code = (
        "import os, sys\nfrom egoexobench.cli import main\n"
        "os.environ |= {'_WORD_COMPLETE': 'bash_complete', 'COMP_CWORD': '3'}\n"
        "os.environ['COMP_WORDS'] = 'eeb run --method soundbr'\n"
        "for arguments in ({'args': ['--version']}, {'complete_var': '_WORD_COMPLETE'}):\n"
        "    try: main(prog_name='eeb', **arguments)\n"
        "    except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "egoexobench" in result.stdout
    assert "plain,soundbridge\n" in result.stdout


@pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="not a checkout")
def test_the_version_is_that_of_pyproject_everywhere() -> None:
    version = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.M)[1]
    assert egoexobench.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[(.*?)\]", changes, re.M)[1] == version
