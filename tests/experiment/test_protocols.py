"""Runs on tiny copies of the published data sets, by the protocols of their authors."""

import json
from pathlib import Path

import charades_ego_root
import egoexolearn_root
import pytest
from click.testing import CliRunner
from media_factory import make_tone, write_video

from egoexobench.cli import main
from egoexobench.verification.bundle import verify_bundle

pytestmark = pytest.mark.slow

FAST_OPTIONS = ("--set", "epochs=1", "--set", "embed_dim=16", "--set", "num_frames=2")


@pytest.fixture(scope="module")
def egoexolearn_spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = egoexolearn_root.write_egoexolearn_root(tmp_path_factory.mktemp("learn"))
    for i, name in enumerate(egoexolearn_root.VIDEOS):
        path = root / "videos" / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        write_video(path, seconds=40, fps=4, waveform=make_tone(40, 200 + 90 * i), seed=i)
    return f"egoexolearn:root={root}"


@pytest.fixture(scope="module")
def charades_spec(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = charades_ego_root.write_charades_root(tmp_path_factory.mktemp("charades"), train=24)
    rows = charades_ego_root.make_rows("TE", 24)
    for row in rows[:4]:
        row["script"] = "The same act twice."
    charades_ego_root.write_table(root / "CharadesEgo_v1_test.csv", rows)
    video = write_video(root / "one.mp4", seconds=10.5, fps=4, waveform=make_tone(10.5))
    for row in [*rows, *charades_ego_root.make_rows("TR", 24)]:
        path = root / "videos" / f"{row['id']}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(video.read_bytes())
    return f"charades-ego:root={root},videos={root / 'videos'}"


@pytest.fixture
def run_and_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGOEXOBENCH_CACHE", str(tmp_path / "cache"))

    def run_command_line(method: str, dataset: str, *options: str) -> dict:
        arguments = (
            "run",
            "--method",
            method,
            "--dataset",
            dataset,
            *FAST_OPTIONS,
            *options,
            "--allow-overlap",  # films of a few kinds stand for all
            "--json",
        )
        result = CliRunner().invoke(main, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.stderr
        record = json.loads(result.stdout)
        (path,) = tmp_path.glob(f"runs/*/*/{record['id']}.json")
        assert verify_bundle(path).differences == ()
        return {(score["task"], score["policy"]): score for score in record["scores"]}

    return run_command_line


def get_value(score: dict, name: str) -> float:
    metric: float = score["metrics"][name]["value"]
    return metric


def test_egoexolearn_is_scored_on_its_lists_in_both_directions(
    run_and_score, egoexolearn_spec: str
) -> None:
    scores = run_and_score("soundbridge", egoexolearn_spec)
    lists = scores["eg2ex", "mcq20"]["track"]["lists"]
    assert "official fields" in lists
    directions = [get_value(scores[task, "mcq20"], "hit_rate_at_1") for task in ("eg2ex", "ex2eg")]
    assert get_value(scores["association", "mcq20"], "hit_rate_at_1") == pytest.approx(
        sum(directions) / 2
    )
    for task in ("t2v", "v2t"):  # the query of a clip in the lists is its text
        text_score = scores[task, "mcq20"]
        assert (text_score["num_queries"], text_score["num_dropped"]) == (6, 0)
        assert set(text_score["by_subset"]) == {"ego", "exo"}
        assert text_score["track"]["lists"] == lists


def test_egoexolearn_recognizes_its_valid_verbs_alone(run_and_score, egoexolearn_spec: str) -> None:
    (score,) = run_and_score("soundbridge", egoexolearn_spec, "--task", "action").values()
    assert score["candidate_range"] == [2, 2]  # of four verbs, two are valid
    assert score["num_queries"] == 3  # the clip without a valid verb is excluded
    assert {name: part["num_queries"] for name, part in score["by_subset"].items()} == {"single": 2}
    assert set(score["metrics"]) == {"hit_rate_at_1", "recall_at_5", "map"}


def test_both_views_and_equal_scripts_are_positives_in_charades_ego(
    run_and_score, charades_spec: str
) -> None:
    scores = run_and_score("soundbridge", charades_spec)
    both_views = scores["t2v", "both-views"]
    assert (both_views["num_queries"], both_views["candidate_range"]) == (24, [48, 48])
    gallery = scores["t2v", "gallery"]
    assert {name: part["num_queries"] for name, part in gallery["by_subset"].items()} == {
        "ego": 24,
        "exo": 24,
    }
    chance = {name: metric["chance"] for name, metric in gallery["metrics"].items()}
    assert chance["hit_rate_at_1"] == pytest.approx(100 * (22 * 1 / 24 + 2 * 2 / 24) / 24)
    assert "seed 0" in scores["eg2ex", "mcq20"]["track"]["lists"]
    action = scores["action", None]
    assert action["num_queries"] == 24  # ego clips, as in the official evaluation
    assert scores["scene", None]["num_queries"] == 24


def test_a_method_with_another_frame_sampling_is_on_another_track(
    run_and_score, egoexolearn_spec: str
) -> None:
    usual = run_and_score("video-only", egoexolearn_spec, "--task", "eg2ex")["eg2ex", "mcq20"]
    same = run_and_score(
        "video-only", egoexolearn_spec, "--task", "eg2ex", "--set", "frame_sampling=soundbridge"
    )
    assert (
        same["eg2ex", "mcq20"]["track_fingerprint"] == usual["track_fingerprint"]
    )  # the same rule
    other = run_and_score(
        "video-only",
        egoexolearn_spec,
        "--task",
        "eg2ex",
        "--set",
        "frame_sampling=egovlp-start-end",
    )
    assert other["eg2ex", "mcq20"]["track"]["sampling"] == "egovlp-start-end"
    assert other["eg2ex", "mcq20"]["track_fingerprint"] != usual["track_fingerprint"]
