"""Whole runs on tiny copies of the published layouts, by the protocols of the data sets."""

import json
from pathlib import Path

import charades_ego_root
import egoexolearn_root
import pytest
from click.testing import CliRunner
from studio import film, tone

from egoexobench.cli import main

pytestmark = pytest.mark.slow

FAST = ("--set", "epochs=1", "--set", "width=16", "--set", "frames=2")


@pytest.fixture(scope="module")
def learn(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = egoexolearn_root.write_root(tmp_path_factory.mktemp("learn"))
    for place, name in enumerate(egoexolearn_root.VIDEOS):
        path = root / "videos" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        film(path, seconds=40, fps=4, sound=tone(40, 200 + 90 * place), seed=place)
    return f"egoexolearn:root={root}"


@pytest.fixture(scope="module")
def charades(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = charades_ego_root.write_root(tmp_path_factory.mktemp("charades"), train=24)
    rows = charades_ego_root.many("TE", 24)
    for one in rows[:4]:
        one["script"] = "The same act twice."
    charades_ego_root.table(root / "CharadesEgo_v1_test.csv", rows)
    made = film(root / "one.mp4", seconds=10.5, fps=4, sound=tone(10.5))
    for one in [*rows, *charades_ego_root.many("TR", 24)]:
        path = root / "videos" / f"{one['id']}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(made.read_bytes())
    return f"charades-ego:root={root},videos={root / 'videos'}"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))

    def ran(method: str, dataset: str, *more: str) -> dict:
        told = ("run", "--method", method, "--dataset", dataset, *FAST, *more, "--json")
        done = CliRunner().invoke(main, told)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.stderr
        record = json.loads(done.stdout)
        return {(one["task"], one["policy"]): one for one in record["scores"]}

    return ran


def value(score: dict, name: str) -> float:
    return next(one["value"] for one in score["metrics"] if one["name"] == name)


def test_egoexolearn_is_scored_on_its_lists_in_both_directions(run, learn: str) -> None:
    scores = run("soundbridge", learn)
    lists = scores["eg2ex", "mcq20"]["track"]["lists"]
    assert "official fields" in lists
    both = [value(scores[task, "mcq20"], "top1") for task in ("eg2ex", "ex2eg")]
    assert value(scores["association", "mcq20"], "top1") == pytest.approx(sum(both) / 2)
    for task in ("t2v", "v2t"):  # a clip of the lists is asked for by its own text
        asked = scores[task, "mcq20"]
        assert (asked["n"], asked["dropped"]) == (6, 0)
        assert {part["name"] for part in asked["parts"]} == {"ego", "exo"}
        assert asked["track"]["lists"] == lists


def test_egoexolearn_recognises_its_valid_verbs_alone(run, learn: str) -> None:
    (score,) = run("soundbridge", learn, "--task", "action").values()
    assert score["candidates"] == [2, 2]  # of four verbs, two are valid
    assert score["n"] == 3  # the clip without a valid verb is left out
    assert {part["name"]: part["n"] for part in score["parts"]} == {"single": 2}
    assert {one["name"] for one in score["metrics"]} == {"top1", "recall5", "map"}


def test_charades_ego_takes_both_views_and_every_equal_script_for_right(run, charades: str) -> None:
    scores = run("soundbridge", charades)
    either = scores["t2v", "either"]
    assert (either["n"], either["candidates"]) == (24, [48, 48])
    gallery = scores["t2v", "gallery"]
    assert {part["name"]: part["n"] for part in gallery["parts"]} == {"ego": 24, "exo": 24}
    chance = {one["name"]: one["chance"] for one in gallery["metrics"]}
    assert chance["top1"] == pytest.approx(100 * (22 * 1 / 24 + 2 * 2 / 24) / 24)
    assert "seed 0" in scores["eg2ex", "mcq20"]["track"]["lists"]
    action = scores["action", None]
    assert action["n"] == 24  # ego clips, as the official evaluation has it
    assert scores["scene", None]["n"] == 24


def test_a_method_that_samples_otherwise_is_on_another_track(run, learn: str) -> None:
    usual = run("video-only", learn, "--task", "eg2ex")["eg2ex", "mcq20"]
    same = run("video-only", learn, "--task", "eg2ex", "--set", "sampling=soundbridge")
    assert same["eg2ex", "mcq20"]["track_fingerprint"] == usual["track_fingerprint"]  # one rule
    other = run("video-only", learn, "--task", "eg2ex", "--set", "sampling=egovlp-start-end")
    assert other["eg2ex", "mcq20"]["track"]["sampling"] == "egovlp-start-end"
    assert other["eg2ex", "mcq20"]["track_fingerprint"] != usual["track_fingerprint"]
