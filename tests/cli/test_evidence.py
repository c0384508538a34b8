"""`egoexobench audit`, `sanity` and `compare` as a user runs them."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

from egoexobench.records.audit import Audit, list_failures
from egoexobench.records.store import read_record

pytestmark = pytest.mark.slow

FAST_OPTIONS = ("--set", "epochs=2", "--set", "embed_dim=16")
LEAKY_PARTS = Path(__file__).parents[1] / "audit" / "leaky_parts.py"


def install_leaky_plugin(folder: Path) -> None:
    """Install a distribution whose encoders leak annotations."""
    info = folder / "leaky-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[egoexobench]\nleaky = leaky_parts\n")
    shutil.copy(LEAKY_PARTS, folder)


@pytest.fixture(scope="module")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line with a third-party plug-in whose encoders leak annotations."""
    home = tmp_path_factory.mktemp("home")
    install_leaky_plugin(home)
    yield CommandLine(home, columns=120, plugin_folder=home)
    sys.modules.pop("leaky_parts", None)


def test_an_audit_prints_its_measurements_and_passes(
    command_line: CommandLine, folder: Path
) -> None:
    result = command_line(
        "audit", "soundbridge", "--dataset", f"folder:path={folder}", *FAST_OPTIONS
    )
    assert result.returncode == 0, result.stderr
    assert "declared, used" in result.stdout
    assert "undeclared, unused" in result.stdout
    assert "query side" in result.stdout
    assert "Passed: the embeddings use the declared inputs" in result.stdout


def test_an_audit_loads_the_weights_that_a_run_trained(
    command_line: CommandLine, folder: Path
) -> None:
    dataset = ("--dataset", f"folder:path={folder}")
    assert (
        command_line(
            "run", "--method", "egoexo", "--task", "eg2ex", *dataset, *FAST_OPTIONS
        ).returncode
        == 0
    )
    before = {p: p.stat().st_mtime_ns for p in (command_line.home / "cache" / "weights").iterdir()}
    assert command_line("audit", "egoexo", *dataset, *FAST_OPTIONS).returncode == 0
    assert {
        p: p.stat().st_mtime_ns for p in (command_line.home / "cache" / "weights").iterdir()
    } == before


def test_an_audit_is_written_beside_records_and_adds_no_leaderboard_row(
    command_line: CommandLine, folder: Path, tmp_path: Path
) -> None:
    options = ("--dataset", f"folder:path={folder}", "--out", str(tmp_path / "out"), *FAST_OPTIONS)
    assert command_line("run", "--method", "egoexo", "--task", "eg2ex", *options).returncode == 0
    line = command_line("audit", "egoexo", *options).stdout.splitlines()[-1]
    path = Path(line.removeprefix("Audit: "))
    assert path.parent == tmp_path / "out"
    assert Audit.model_validate_json(path.read_bytes()).passed
    root = tmp_path / "board"
    shutil.copytree(Path(__file__).parents[2] / "leaderboards" / "reported", root / "reported")
    result = command_line("leaderboard", str(tmp_path / "out"), "--root", str(root))
    assert result.returncode == 0, result.stderr
    assert len(list((root / "reproduced").iterdir())) == 1


def test_an_audit_that_cannot_be_written_is_one_line(
    command_line: CommandLine, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("")
    options = ("--dataset", f"folder:path={folder}", "--out", str(tmp_path / "out"), *FAST_OPTIONS)
    result = command_line("audit", "egoexo", *options)
    assert result.returncode == 1
    assert "cannot write" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_failed_audit_names_the_leak_and_exits_with_1(
    command_line: CommandLine, folder: Path
) -> None:
    arguments = ("audit", "egoexo", "--dataset", f"folder:path={folder}", *FAST_OPTIONS)
    result = command_line(*arguments, "--set", "video=stack-reader:reads=narration")
    assert result.returncode == 1, result.stderr
    lines = result.stdout.splitlines()
    # another line may say that the part fails when it is called from another place
    fails = next(i for i, line in enumerate(lines) if line.startswith("FAILS"))
    assert "the same clips with other narrations and labels: 8 of 8 video" in lines[fails]
    assert any("annotation" in line and "dependent" in line for line in lines[:fails])
    assert "Traceback" not in result.stderr


def test_an_audit_as_json_is_nothing_but_json(command_line: CommandLine, folder: Path) -> None:
    result = command_line(
        "audit", "soundbridge", "--dataset", f"folder:path={folder}", *FAST_OPTIONS,
        "--set", "text_fusion=soundbridge-released-text:variant=association", "--json",
    )  # fmt: skip
    report = json.loads(result.stdout)
    assert result.returncode == 1
    assert report["passed"] is False
    ignored = [swap for swap in report["swaps"] if swap["verdict"] == "ignored"]
    assert [(swap["embedding"], swap["modality"]) for swap in ignored] == [
        ("text", "sound_caption")
    ]
    assert str(folder.parent) not in result.stdout


def test_sanity_prints_a_line_for_each_track(command_line: CommandLine, folder: Path) -> None:
    result = command_line("sanity", "--dataset", f"folder:path={folder}")
    assert result.returncode == 0, result.stderr
    head = next(line for line in result.stdout.splitlines() if "chance" in line)
    for name in ("oracle", "duration", "loudness", "scene", "narration", "synchrony"):
        assert name in head
    for track in ("eg2ex mcq20", "eg2ex gallery", "t2v gallery"):
        assert any(line.strip().startswith(track) for line in result.stdout.splitlines())


def test_controls_print_a_column_for_each_condition_and_take_a_record(
    command_line: CommandLine, folder: Path
) -> None:
    dataset = ("--dataset", f"folder:path={folder}")
    result = command_line("controls", "logmel-neighbor", *dataset, "--task", "eg2ex")
    assert result.returncode == 0, result.stderr
    (row,) = [line for line in result.stdout.splitlines() if line.strip().startswith("eg2ex gall")]
    # equal tones of both views; without a sound all four candidates tie
    assert row.split() == ("eg2ex gallery 4 25.0 100.0* 25.0 25.0 25.0 0.0 100.0* 100.0*".split())
    assert "Not read by the method, or in no clip: what pictures swapped changes." in result.stdout
    run = command_line("run", "--method", "logmel-neighbor", "--task", "eg2ex", *dataset)
    record = run.stdout.splitlines()[-1].removeprefix("Record: ")
    again = command_line("controls", "--from", record, *dataset, "--json")
    assert again.returncode == 0, again.stderr
    report = json.loads(again.stdout)
    scores = {item["name"]: item["scores"] for item in report["controls"]}
    assert scores["scored"] == json.loads(command_line.home.joinpath(record).read_text())["scores"]
    assert command_line("controls").returncode == 2


def test_compare_lists_differences_and_tests_them_for_significance(
    command_line: CommandLine, folder: Path
) -> None:
    dataset, records = ("--dataset", f"folder:path={folder}"), []
    for seed in ("0", "1"):
        result = command_line("run", "--method", "egoexo", *dataset, "--seed", seed, *FAST_OPTIONS)
        assert result.returncode == 0, result.stderr
        records.append(result.stdout.splitlines()[-1].removeprefix("Record: "))
    result = command_line("compare", *records)
    assert result.returncode == 0, result.stderr
    assert any(line.split() == ["seed", "0", "1"] for line in result.stdout.splitlines())
    assert "method.parts" not in result.stdout
    assert "eg2ex gallery R@1" in result.stdout
    report = json.loads(command_line("compare", *records, "--json", "--task", "t2v").stdout)
    assert {comparison["task"] for comparison in report["comparisons"]} == {"t2v"}
    assert command_line("compare", records[0]).returncode == 2


def test_compare_refuses_other_data(command_line: CommandLine, folder: Path) -> None:
    smaller = command_line.home / "fewer"
    shutil.copytree(folder, smaller)
    lines = (smaller / "clips.jsonl").read_text().splitlines()
    (smaller / "clips.jsonl").write_text(
        "\n".join(line for line in lines if '"p"' not in line) + "\n"
    )
    records = []
    for path in (folder, smaller):
        result = command_line(
            "run", "--method", "egoexo", "--dataset", f"folder:path={path}", *FAST_OPTIONS
        )
        assert result.returncode == 0, result.stderr
        records.append(result.stdout.splitlines()[-1].removeprefix("Record: "))
    result = command_line("compare", *records)
    assert result.returncode == 1
    assert "different tracks" in result.stderr
    assert "content, data" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_audit_of_a_record_compares_its_embeddings(
    command_line: CommandLine, folder: Path
) -> None:
    dataset = ("--dataset", f"folder:path={folder}")
    options = ("--method", "egoexo", *dataset, *FAST_OPTIONS, "--task", "eg2ex", "--json")
    run = command_line("run", *options, "--out", "audited")
    assert run.returncode == 0, run.stderr
    (record,) = (command_line.home / "audited").rglob("*.json")
    result = command_line("audit", "--from", str(record), *dataset, "--json")
    audit = Audit.model_validate_json(result.stdout)
    assert audit.passed, list_failures(audit)
    assert audit.method == read_record(record).method
    assert {(item.record, item.verdict) for item in audit.recorded} == {
        (record.stem, "same_embeddings")
    }
    assert "--from RECORD" in command_line("audit").stderr
