"""The process that verifies: what reaches it, and what the command says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forged_bundle import ForgedBundle, copy_bundle, find_score

import egoexobench as ee
from egoexobench.errors import DataError
from egoexobench.records.store import (
    find_records,
    make_record_id,
    read_record,
    read_unchecked_record,
)
from egoexobench.verification.process import verify_bundles

CHEAT = Path(__file__).with_name("rank_cheat.py")
ROOT = Path(ee.__file__).parents[1]


def run_command(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "egoexobench", *map(str, arguments)],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def cheat_path(tmp_path: Path) -> str:
    """A PYTHONPATH on which the plug-in that replaces the ranks is installed."""
    home = tmp_path / "plug-in"
    info = home / "cheat-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cheat\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[egoexobench]\ncheat = rank_cheat\n")
    shutil.copy(CHEAT, home)
    return os.pathsep.join([str(home), str(ROOT), os.environ.get("PYTHONPATH", "")])


def test_no_path_needs_no_process() -> None:
    assert verify_bundles([]) == ()


@pytest.mark.slow
def test_a_file_that_is_no_record_is_one_difference(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text("{}")
    (result,) = verify_bundles([tmp_path / "record.json"])
    assert not result.is_verified
    assert "record.json" in result.differences[0]


@pytest.mark.slow
def test_a_plugin_that_replaces_the_rank_function_scores_100_in_run_and_is_refuted_by_verify(
    tmp_path: Path, folder: Path, cheat_path: str
) -> None:
    variables = {"PYTHONPATH": cheat_path, "EGOEXOBENCH_CACHE": str(tmp_path / "cache")}
    options = ("--dataset", f"folder:path={folder}", "--task", "eg2ex", "--set", "epochs=2")
    done = run_command(
        "run", "--method", "soundbridge", *options, "--out", tmp_path / "runs", **variables
    )
    assert done.returncode == 0, done.stderr
    (path,) = find_records(tmp_path / "runs")
    scores = read_record(path).scores
    assert {score.metrics["hit_rate_at_1"].value for score in scores} == {100.0}
    verified = run_command("verify", tmp_path / "runs", **variables)
    assert verified.returncode == 1
    assert "ranks are not those of the embeddings" in verified.stdout


@pytest.mark.slow
def test_the_process_imports_neither_the_registry_nor_what_the_environment_names(
    bundle: ForgedBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that stops Python lies on PYTHONPATH, and in the working folder."""
    trap = "import os; os._exit(9)"
    for name in ("sitecustomize.py", "numpy.py", "torch.py", "egoexobench.py"):
        (tmp_path / name).write_text(trap)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "numpy.py"))
    (result,) = verify_bundles([bundle.record])
    assert result.differences == ()


@pytest.mark.slow
def test_the_child_never_imports_the_registry() -> None:
    code = (
        "import sys, egoexobench.verification.child\n"
        "names = ('egoexobench.registry', 'egoexobench.entry_points', 'pluggy')\n"
        "sys.exit(' '.join(name for name in names if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_command_prints_verified_or_a_line_for_each_difference(bundle: ForgedBundle) -> None:
    honest = run_command("verify", bundle.record.parent)
    assert (honest.returncode, honest.stderr) == (0, "")
    assert honest.stdout == f"{bundle.record}: verified\n"
    (result,) = ee.verify(bundle.record)
    assert str(result) == honest.stdout.rstrip()

    bundle.drop_file("embeddings.safetensors")
    partial = run_command("verify", bundle.record)
    assert partial.returncode == 0
    assert partial.stdout.endswith("verified; ranks were not recomputed: no embeddings\n")

    bundle.edit_record(lambda fields: find_score(fields).update(num_queries=10**9))
    forged = run_command("verify", bundle.record, "--json")
    assert forged.returncode == 1
    (answer,) = json.loads(forged.stdout)
    assert answer["verified"] is False
    assert any("num_queries: 1000000000" in line for line in answer["differences"])


def test_options_of_a_new_run_need_the_option_that_makes_it(tmp_path: Path) -> None:
    result = run_command("verify", tmp_path, "--dataset", "folder:path=x")
    assert result.returncode == 2
    assert "--dataset and --set are for --rerun" in result.stderr


@pytest.mark.slow
def test_only_a_new_run_refutes_the_embeddings_of_another_method(tmp_path: Path) -> None:
    """A bundle of one method under the name of another one: all of it follows from itself."""
    variables = {"EGOEXOBENCH_CACHE": str(tmp_path / "cache")}
    data = ("--dataset", "synthetic:train=8,val=4,test=16", "--task", "eg2ex", "--set", "epochs=1")
    paths = []
    for method in ("audio-only", "video-only"):
        out = tmp_path / method
        done = run_command("run", "--method", method, *data, "--out", out, **variables)
        assert done.returncode == 0, done.stderr
        paths += find_records(out)
    forged = copy_bundle(paths[0], tmp_path)
    method = json.loads(paths[1].read_text())["method"]
    forged.edit_record(lambda fields: fields.update(method=method))
    record = read_unchecked_record(forged.record)
    fingerprints = record.method.fingerprint, record.dataset.fingerprint
    name = make_record_id(record.created, record.seed, *fingerprints)
    forged.record.write_text(forged.record.read_text().replace(record.id, name))
    for file in tmp_path.glob(f"{record.id}.*"):
        file.rename(file.with_name(file.name.replace(record.id, name)))
    path = tmp_path / f"{name}.json"
    (result,) = verify_bundles([path])
    assert result.differences == ()

    done = run_command("verify", path, "--rerun", **variables)
    assert done.returncode == 1
    assert "the new run: eg2ex" in done.stdout
    honest = run_command("verify", paths[1], "--rerun", **variables)
    assert honest.stdout == f"{paths[1]}: verified\n"


def test_a_verification_that_takes_too_long_is_ended(bundle: ForgedBundle) -> None:
    with pytest.raises(DataError, match=r"did not end within 0\.01 s"):
        verify_bundles([bundle.record], timeout_s=0.01)
