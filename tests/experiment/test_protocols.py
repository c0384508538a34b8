"""Whole runs on tiny copies of the published layouts, by the protocols of the data sets."""

import json
from pathlib import Path

import charades_ego_root
import egoexolearn_root
import pytest
from click.testing import CliRunner
from media_factory import make_tone, write_video

from egoexobench.cli import main

pytestmark = pytest.mark.slow

FAST = ("--set", "epochs=1", "--set", "embed_dim=16", "--set", "num_frames=2")


@pytest.fixture(scope="module")
def learn(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = egoexolearn_root.write_egoexolearn_root(tmp_path_factory.mktemp("learn"))
    for place, name in enumerate(egoexolearn_root.VIDEOS):
        path = root / "videos" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        write_video(path, seconds=40, fps=4, waveform=make_tone(40, 200 + 90 * place), seed=place)
    return f"egoexolearn:root={root}"


@pytest.fixture(scope="module")
def charades(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = charades_ego_root.write_charades_root(tmp_path_factory.mktemp("charades"), train=24)
    rows = charades_ego_root.make_rows("TE", 24)
    for one in rows[:4]:
        one["script"] = "The same act twice."
    charades_ego_root.write_table(root / "CharadesEgo_v1_test.csv", rows)
    made = write_video(root / "one.mp4", seconds=10.5, fps=4, waveform=make_tone(10.5))
    for one in [*rows, *charades_ego_root.make_rows("TR", 24)]:
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
    metric: float = score["metrics"][name]["value"]
    return metric


def test_egoexolearn_is_scored_on_its_lists_in_both_directions(run, learn: str) -> None:
    scores = run("soundbridge", learn)
    lists = scores["eg2ex", "mcq20"]["track"]["lists"]
    assert "official fields" in lists
    both = [value(scores[task, "mcq20"], "hit_rate_at_1") for task in ("eg2ex", "ex2eg")]
    assert value(scores["association", "mcq20"], "hit_rate_at_1") == pytest.approx(sum(both) / 2)
    for task in ("t2v", "v2t"):  # a clip of the lists is asked for by its own text
        asked = scores[task, "mcq20"]
        assert (asked["num_queries"], asked["num_dropped"]) == (6, 0)
        assert set(asked["by_subset"]) == {"ego", "exo"}
        assert asked["track"]["lists"] == lists


def test_egoexolearn_recognises_its_valid_verbs_alone(run, learn: str) -> None:
    (score,) = run("soundbridge", learn, "--task", "action").values()
    assert score["candidate_range"] == [2, 2]  # of four verbs, two are valid
    assert score["num_queries"] == 3  # the clip without a valid verb is left out
    assert {name: part["num_queries"] for name, part in score["by_subset"].items()} == {"single": 2}
    assert set(score["metrics"]) == {"hit_rate_at_1", "recall_at_5", "map"}


def test_charades_ego_takes_both_views_and_every_equal_script_for_right(run, charades: str) -> None:
    scores = run("soundbridge", charades)
    either = scores["t2v", "both-views"]
    assert (either["num_queries"], either["candidate_range"]) == (24, [48, 48])
    gallery = scores["t2v", "gallery"]
    assert {name: part["num_queries"] for name, part in gallery["by_subset"].items()} == {
        "ego": 24,
        "exo": 24,
    }
    chance = {name: metric["chance"] for name, metric in gallery["metrics"].items()}
    assert chance["hit_rate_at_1"] == pytest.approx(100 * (22 * 1 / 24 + 2 * 2 / 24) / 24)
    assert "seed 0" in scores["eg2ex", "mcq20"]["track"]["lists"]
    action = scores["action", None]
    assert action["num_queries"] == 24  # ego clips, as the official evaluation has it
    assert scores["scene", None]["num_queries"] == 24


def test_a_method_that_samples_otherwise_is_on_another_track(run, learn: str) -> None:
    usual = run("video-only", learn, "--task", "eg2ex")["eg2ex", "mcq20"]
    same = run("video-only", learn, "--task", "eg2ex", "--set", "frame_sampling=soundbridge")
    assert same["eg2ex", "mcq20"]["track_fingerprint"] == usual["track_fingerprint"]  # one rule
    other = run("video-only", learn, "--task", "eg2ex", "--set", "frame_sampling=egovlp-start-end")
    assert other["eg2ex", "mcq20"]["track"]["sampling"] == "egovlp-start-end"
    assert other["eg2ex", "mcq20"]["track_fingerprint"] != usual["track_fingerprint"]
