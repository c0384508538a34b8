"""`egoexobench audit`, `sanity` and `compare` as a person meets them."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine

from egoexobench.records.audit import Audit

pytestmark = pytest.mark.slow

FAST = ("--set", "epochs=2", "--set", "embed_dim=16")
CHEATS = Path(__file__).parents[1] / "audit" / "leaky_parts.py"


def install_cheats(folder: Path) -> None:
    """Write a distribution whose plug-in cheats."""
    info = folder / "cheats-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cheats\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[egoexobench]\ncheats = cheating\n")
    shutil.copy(CHEATS, folder / "cheats.py")
    (folder / "cheating.py").write_text(
        "from egoexobench import hookimpl\n"
        "from cheats import PARTS\n\n\n"
        "@hookimpl\ndef register_encoders(register):\n"
        "    for factory in PARTS['encoder']:\n"
        "        register(factory.__name__, factory)\n"
    )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line with a stranger's cheating plug-in."""
    home = tmp_path_factory.mktemp("bench")
    install_cheats(home)
    yield CommandLine(home, columns=120, plugin_folder=home)
    for name in ("cheats", "cheating"):
        sys.modules.pop(name, None)


def test_an_audit_prints_what_moves_and_passes(bench: CommandLine, folder: Path) -> None:
    done = bench("audit", "soundbridge", "--dataset", f"folder:path={folder}", *FAST)
    assert done.returncode == 0, done.stderr
    assert "declared, used" in done.stdout
    assert "undeclared, unused" in done.stdout
    assert "query side" in done.stdout
    assert "Passed: the embeddings use the declared inputs" in done.stdout


def test_an_audit_loads_what_a_run_trained(bench: CommandLine, folder: Path) -> None:
    dataset = ("--dataset", f"folder:path={folder}")
    assert bench("run", "--method", "egoexo", "--task", "eg2ex", *dataset, *FAST).returncode == 0
    before = {p: p.stat().st_mtime_ns for p in (bench.home / "cache" / "weights").iterdir()}
    assert bench("audit", "egoexo", *dataset, *FAST).returncode == 0
    assert {p: p.stat().st_mtime_ns for p in (bench.home / "cache" / "weights").iterdir()} == before


def test_an_audit_stands_beside_records_and_is_no_row(
    bench: CommandLine, folder: Path, tmp_path: Path
) -> None:
    out = ("--dataset", f"folder:path={folder}", "--out", str(tmp_path / "out"), *FAST)
    assert bench("run", "--method", "egoexo", "--task", "eg2ex", *out).returncode == 0
    told = bench("audit", "egoexo", *out).stdout.splitlines()[-1]
    path = Path(told.removeprefix("Audit: "))
    assert path.parent == tmp_path / "out"
    assert Audit.model_validate_json(path.read_bytes()).passed
    root = tmp_path / "board"
    shutil.copytree(Path(__file__).parents[2] / "leaderboards" / "reported", root / "reported")
    done = bench("leaderboard", str(tmp_path / "out"), "--root", str(root))
    assert done.returncode == 0, done.stderr
    assert len(list((root / "reproduced").iterdir())) == 1


def test_an_audit_that_cannot_be_written_is_one_line(
    bench: CommandLine, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("")
    told = ("--dataset", f"folder:path={folder}", "--out", str(tmp_path / "out"), *FAST)
    done = bench("audit", "egoexo", *told)
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_cheat_is_named_after_the_table_and_exits_with_1(
    bench: CommandLine, folder: Path
) -> None:
    arguments = ("audit", "egoexo", "--dataset", f"folder:path={folder}", *FAST)
    done = bench(*arguments, "--set", "video=stack:reads=narration")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    (fails,) = [at for at, line in enumerate(lines) if line.startswith("FAILS")]
    assert "the same clips with other narrations and labels: 8 of 8 video" in lines[fails]
    assert any("annotation" in line and "dependent" in line for line in lines[:fails])
    assert "Traceback" not in done.stderr


def test_an_audit_as_json_is_nothing_but_json(bench: CommandLine, folder: Path) -> None:
    done = bench(
        "audit", "soundbridge", "--dataset", f"folder:path={folder}", *FAST,
        "--set", "text_fusion=soundbridge-released-text:variant=association", "--json",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["passed"] is False
    dead = [swap for swap in told["swaps"] if swap["verdict"] == "ignored"]
    assert [(swap["embedding"], swap["modality"]) for swap in dead] == [("text", "sound_caption")]
    assert str(folder.parent) not in done.stdout


def test_sanity_prints_a_line_a_track(bench: CommandLine, folder: Path) -> None:
    done = bench("sanity", "--dataset", f"folder:path={folder}")
    assert done.returncode == 0, done.stderr
    head = next(line for line in done.stdout.splitlines() if "chance" in line)
    for name in ("oracle", "duration", "loudness", "scene", "narration", "synchrony"):
        assert name in head
    for track in ("eg2ex mcq20", "eg2ex gallery", "t2v gallery"):
        assert any(line.strip().startswith(track) for line in done.stdout.splitlines())


def test_compare_says_what_differs_and_how_sure_it_is(bench: CommandLine, folder: Path) -> None:
    dataset, records = ("--dataset", f"folder:path={folder}"), []
    for seed in ("0", "1"):
        done = bench("run", "--method", "egoexo", *dataset, "--seed", seed, *FAST)
        assert done.returncode == 0, done.stderr
        records.append(done.stdout.splitlines()[-1].removeprefix("Record: "))
    done = bench("compare", *records)
    assert done.returncode == 0, done.stderr
    assert any(line.split() == ["seed", "0", "1"] for line in done.stdout.splitlines())
    assert "method.parts" not in done.stdout
    assert "eg2ex gallery R@1" in done.stdout
    told = json.loads(bench("compare", *records, "--json", "--task", "t2v").stdout)
    assert {one["task"] for one in told["comparisons"]} == {"t2v"}
    assert bench("compare", records[0]).returncode == 2


def test_compare_refuses_other_data(bench: CommandLine, folder: Path) -> None:
    own = bench.home / "fewer"
    shutil.copytree(folder, own)
    lines = (own / "clips.jsonl").read_text().splitlines()
    (own / "clips.jsonl").write_text("\n".join(line for line in lines if '"p"' not in line) + "\n")
    records = []
    for path in (folder, own):
        done = bench("run", "--method", "egoexo", "--dataset", f"folder:path={path}", *FAST)
        assert done.returncode == 0, done.stderr
        records.append(done.stdout.splitlines()[-1].removeprefix("Record: "))
    done = bench("compare", *records)
    assert done.returncode == 1
    assert "different tracks" in done.stderr
    assert "content, data" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
