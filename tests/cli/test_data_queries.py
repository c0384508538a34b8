"""`egoexobench data lists` as a person meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from charades_ego_root import both, many, table, write_root
from command_line import CommandLine, CommandResult
from egoexolearn_root import write_root as write_egoexolearn

from egoexobench_plugins.charades_ego import charades_ego

OUT = ("--out", "out.jsonl")


def publish(home: Path, spec: str, *more: str) -> CommandResult:
    return CommandLine(home)("data", "lists", spec, *OUT, *more)


def publish_with_hash_seed(seed: str, home: Path, *arguments: str) -> None:
    """Publish in a process of its own, whose sets have another order."""
    subprocess.run(
        [sys.executable, "-m", "egoexobench", "data", "lists", *arguments, *OUT],
        capture_output=True,
        check=True,
        cwd=home,
        env={**os.environ, "PYTHONHASHSEED": seed, "EGOEXOBENCH_CACHE": str(home / "cache")},
    )


def written(home: Path) -> tuple[dict, list[str]]:
    first, *rest = (home / "out.jsonl").read_text().splitlines()
    return json.loads(first), rest


def test_a_published_list_is_the_one_that_is_asked_and_says_by_which_rule(tmp_path: Path) -> None:
    root = write_root(tmp_path / "charades")
    done = publish(tmp_path, f"charades-ego:root={root},negatives=scene,seed=5")
    assert done.returncode == 0, done.stderr
    assert "24 queries of eg2ex in test" in done.stdout
    header, lines = written(tmp_path)
    dataset = charades_ego(root=root, negatives="scene", seed=5)
    assert header["dataset"] == "charades-ego"
    assert header["fingerprint"] == dataset.fingerprint
    assert header["lists_version"] == "lists of 20 version 1, negatives scene, seed 5"
    assert 'SHA-256 of "SEED/p/q"' in header["rule"]
    assert (header["num_queries"], header["num_dropped_rows"]) == (24, 0)
    asked = {query.source: query for query in dataset.queries("test", "eg2ex")}
    assert len(lines) == len(asked)
    for line in lines:
        told = json.loads(line)
        query = asked[told.pop("source")]
        assert told == {
            "candidates": list(query.gallery.ids),
            "answer": query.positives[0],
            "cluster": query.cluster,
        }


@pytest.mark.slow
@pytest.mark.parametrize("task", ["eg2ex", "t2v"])
def test_lists_are_the_same_in_any_order_of_rows_on_any_machine(tmp_path: Path, task: str) -> None:
    spec = f"charades-ego:root={tmp_path / 'charades'},seed=3"
    write_root(tmp_path / "charades")
    publish_with_hash_seed("1", tmp_path, spec, "--task", task)
    header, lines = written(tmp_path)
    turned = many("TE", 24)[::-1]
    table(tmp_path / "charades/CharadesEgo_v1_test.csv", turned[7:] + turned[:7])
    publish_with_hash_seed("2", tmp_path, spec, "--task", task)
    again, others = written(tmp_path)
    assert others == lines
    assert again["sha256"] == header["sha256"]
    assert again["fingerprint"] != header["fingerprint"]  # of the files as they lie there


def test_the_first_lists_of_all_are_pinned(tmp_path: Path) -> None:
    """By hand from the published rule; another result is another version of the rule."""
    table(
        tmp_path / "CharadesEgo_v1_test.csv",
        [row for i in range(20) for row in both(f"P{i:02}", f"script {i}")],
    )
    assert publish(tmp_path, f"charades-ego:root={tmp_path}").returncode == 0
    _, lines = written(tmp_path)
    first = json.loads(lines[0])
    assert first["source"] == "P00EGO"
    assert sorted(first["candidates"]) == [f"P{i:02}" for i in range(20)]
    # the last 8 digits of SHA-256("0/pair/P00") modulo 20
    import hashlib

    place = int(hashlib.sha256(b"0/pair/P00").hexdigest()[-8:], 16) % 20
    assert first["answer"] == place
    assert first["candidates"][place] == "P00"


def test_published_questions_are_written_with_their_version_and_what_was_left_out(
    tmp_path: Path,
) -> None:
    root = write_egoexolearn(tmp_path / "official")
    path = root / "association_benchmark/annotations/association_val_hard.json"
    entries = json.loads(path.read_text())
    entries["0"]["answer"] = 20
    path.write_text(json.dumps(entries))
    spec = f"egoexolearn:root={root}"
    done = publish(tmp_path, spec, "--task", "ex2eg", "--split", "val")
    assert done.returncode == 0, done.stderr
    assert "1 rows of the annotations were skipped" in done.stdout
    header, lines = written(tmp_path)
    assert header["num_dropped_rows"] == 1
    assert "unknown version" in header["lists_version"]
    assert len(lines) == 3
    assert all(len(json.loads(line)["candidates"]) == 20 for line in lines)


def test_where_there_are_no_lists_nothing_is_written(tmp_path: Path) -> None:
    table(tmp_path / "CharadesEgo_v1_test.csv", both("A", "x"))
    done = publish(tmp_path, f"charades-ego:root={tmp_path}")
    assert done.returncode == 1
    assert "charades-ego has no listed queries of task 'eg2ex' in split 'test'" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()
    assert "Traceback" not in done.stderr
