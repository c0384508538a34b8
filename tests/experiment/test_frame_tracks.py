"""Tasks on frames in a whole run: what is scored, recorded, shown, verified and skipped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import CommandLine
from forged_bundle import ForgedBundle, copy_bundle, find_score, hash_tracks
from frame_runs import (
    TINY,
    PhasedDataset,
    count_film_frames,
    make_labels,
    make_registry,
    write_phased_films,
)

import egoexobench as ee
from egoexobench.cli.common_options import select_tasks
from egoexobench.data.decode import read_frame_times
from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.tasks import TASKS_INFO
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.frame_scoring import choose_tasks, embed_labeled_frames
from egoexobench.experiment.prepare import embed_split, train_method
from egoexobench.experiment.run import run_experiment
from egoexobench.progress import NullProgress
from egoexobench.records.frames_file import read_frames_file
from egoexobench.records.store import read_record
from egoexobench.registry import Registry
from egoexobench.results.run_result import RunResult
from egoexobench.results.run_table import render_run_text
from egoexobench.spec import Spec
from egoexobench.types import FRAME_DIRECTIONS, FRAME_TASKS, TASKS, FrameLabels
from egoexobench.verification.bundle import NO_EMBEDDINGS, verify_bundle
from egoexobench_plugins.synthetic import synthetic

UNTRAINED = {"objective": "none", "anchor": "none", "project": "false", "num_layers": "0"}
TRACKS = [(task, direction) for task in FRAME_TASKS for direction in FRAME_DIRECTIONS]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return ee.run(
        "egoexo",
        dataset=TINY,
        tasks=[*FRAME_TASKS, "eg2ex"],
        set={"epochs": 1},
        out=tmp_path_factory.mktemp("runs"),
        progress=False,
    )


@pytest.fixture
def bundle(result: RunResult, tmp_path: Path) -> ForgedBundle:
    return copy_bundle(result.path, tmp_path)


def test_a_record_counts_the_queries_of_the_track_that_has_most_of_them(result: RunResult) -> None:
    record = read_record(result.path)
    for task in FRAME_TASKS:
        sizes = {score.policy: score.num_queries for score in record.scores if score.task == task}
        assert record.counts.num_queries[task] == sizes["regular"] > sizes["exo2ego"]


def test_every_task_has_a_score_in_each_direction(result: RunResult) -> None:
    scores = {(score.task, score.policy): score for score in result.record.scores}
    assert not result.skipped_tasks
    assert set(scores) >= set(TRACKS)
    assert len({scores[key].track_fingerprint for key in TRACKS}) == len(TRACKS)
    for task, direction in TRACKS:
        score = scores[task, direction]
        primary = score.metrics[TASKS_INFO[task].primary]
        assert primary.chance is not None
        assert score.num_queries > 0
        assert 1 <= score.num_clusters <= 8  # pairs: both videos of one are not independent
        assert score.track["similarity"] == "euclidean"
        assert score.track["frames"] == 8
    assert scores["alignment", "ego2exo"].num_queries <= 8
    assert scores["alignment", "regular"].num_queries <= 16
    assert scores["alignment", "regular"].tie_rule == "first"
    assert result.record.counts.num_queries.keys() == {*FRAME_TASKS, "eg2ex"}


def test_chance_the_oracle_and_the_position_stand_on_every_track(result: RunResult) -> None:
    by_name = {item.name: item.scores for item in result.record.references}
    for name in ("chance", "oracle", "position"):
        keys = {(score.task, score.policy) for score in by_name[name]}
        assert keys >= set(TRACKS), name
    assert all(score.task in FRAME_TASKS for score in by_name["position"])
    oracle = {(score.task, score.policy): score for score in by_name["oracle"]}
    assert oracle["frame-retrieval", "regular"].metrics["map_at_10"].value == pytest.approx(100)


def test_the_record_is_read_again_and_verified_completely(result: RunResult) -> None:
    assert read_record(result.path) == result.record
    verification = verify_bundle(result.path)
    assert not verification.differences
    assert not verification.skipped


def test_the_table_names_direction_metric_and_what_the_position_reaches(result: RunResult) -> None:
    text = render_run_text(result.record)
    assert "frame-retrieval  ego2exo" in text
    assert "alignment Kendall's tau" in text
    assert "The position of a frame in its clip alone, regular: phase" in " ".join(text.split())
    tau = find_score(result.record.model_dump(), "alignment", "regular")["metrics"]["kendall_tau"]
    assert f"{tau['value']:.3f}" in text


@pytest.mark.parametrize("task", FRAME_TASKS)
def test_a_changed_score_is_found(bundle: ForgedBundle, task: str) -> None:
    metric = TASKS_INFO[task].primary  # type: ignore[index]

    def edit(fields: dict) -> None:  # type: ignore[type-arg]
        metrics = find_score(fields, task, "ego2exo")["metrics"]
        metrics[metric]["value"] = (metrics[metric]["low"] + metrics[metric]["value"]) / 2

    bundle.edit_record(edit)
    differences = verify_bundle(bundle.record).differences
    assert any(f"scores.{task} ego2exo.{metric}.value" in line for line in differences)


def test_changed_frames_are_found_by_their_hash_or_their_scores(bundle: ForgedBundle) -> None:
    def change_label(tensors: dict, header: dict) -> None:  # type: ignore[type-arg]
        tensors["test.labels"][0] = (tensors["test.labels"][0] + 1) % 10

    bundle.edit_tensors("frames.safetensors", change_label)
    differences = verify_bundle(bundle.record).differences
    assert any("track.content: it is not the hash of the frames" in line for line in differences)

    def change_vectors(tensors: dict, header: dict) -> None:  # type: ignore[type-arg]
        tensors["test.labels"][0] = (tensors["test.labels"][0] - 1) % 10
        tensors["test.vectors"] = tensors["test.vectors"].flip(0).contiguous()

    bundle.edit_tensors("frames.safetensors", change_vectors)
    differences = verify_bundle(bundle.record).differences
    assert any("frame-retrieval regular.map_at_10.value" in line for line in differences)


def test_what_the_tracks_of_frames_fix_cannot_be_changed(bundle: ForgedBundle) -> None:
    def edit(fields: dict) -> None:  # type: ignore[type-arg]
        find_score(fields, "phase", "regular")["track"]["similarity"] = "cosine"
        score = find_score(fields, "phase", "ego2exo")
        score["policy"] = score["track"]["policy"] = "gallery"
        hash_tracks(fields)

    bundle.edit_record(edit)
    differences = verify_bundle(bundle.record).differences
    assert any("similarity: 'cosine', where tracks of frames say" in line for line in differences)
    assert any("tasks on frames, and no others, have a direction" in line for line in differences)


def test_a_bundle_without_its_frames_is_not_verified(bundle: ForgedBundle) -> None:
    bundle.drop_file("frames.safetensors")
    differences = verify_bundle(bundle.record).differences
    assert any("its frames are not beside the record" in line for line in differences)


def test_without_embeddings_hashes_and_oracles_are_verified(tmp_path: Path) -> None:
    out = ee.run(
        "egoexo",
        dataset=TINY,
        tasks="alignment",
        set={"epochs": 1},
        out=tmp_path / "runs",
        embeddings=False,
        progress=False,
    )
    verification = verify_bundle(out.path)
    assert not verification.differences
    assert verification.skipped == (NO_EMBEDDINGS,)
    assert not read_frames_file(out.path.with_suffix(".frames.safetensors")).has_vectors
    bundle = copy_bundle(out.path, tmp_path)

    def edit(fields: dict) -> None:  # type: ignore[type-arg]
        oracle = next(item for item in fields["references"] if item["name"] == "oracle")
        oracle["scores"][0]["metrics"]["kendall_tau"]["value"] -= 0.01

    bundle.edit_record(edit)
    assert any("references.oracle" in line for line in verify_bundle(bundle.record).differences)


def test_the_vector_of_a_clip_is_the_mean_of_its_frames_without_a_fusion() -> None:
    config = RunConfig(Spec("egoexo"), Spec.parse(TINY), overrides={"epochs": "1"})
    trained = train_method(config, RunContext(Registry(), NullProgress()))
    frames = embed_labeled_frames(trained).frames
    assert frames is not None
    videos = embed_split(trained, ("test",)).videos
    starts = np.cumsum(frames.test.lengths) - frames.test.lengths
    means = np.add.reduceat(frames.test.vectors, starts) / frames.test.lengths[:, None]
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    expected = videos.vectors[[videos.index[name] for name in frames.test.clip_ids]]
    np.testing.assert_allclose(means, expected.numpy(), atol=1e-5)
    assert np.abs(np.linalg.norm(frames.test.vectors, axis=1) - 1).min() > 1e-3  # not normalized


def test_a_frame_has_the_phase_of_its_time(result: RunResult) -> None:
    frames = read_frames_file(result.path.with_suffix(".frames.safetensors"))
    dataset = synthetic(train=8, val=4, test=8, seconds=2, pixels=32)
    labels = {item.clip_id: item for item in dataset.list_frame_labels("test")}  # type: ignore[attr-defined]
    clips = {clip.id: clip for clip in dataset.clips("test")}
    ends = np.cumsum(frames.test.lengths)
    for index, name in enumerate(frames.test.clip_ids):
        rows = slice(ends[index] - frames.test.lengths[index], ends[index])
        times = read_frame_times(clips[name], 8)
        np.testing.assert_allclose(frames.test.times[rows], times, atol=1e-9)
        on_show = [np.flatnonzero(labels[name].times <= time + 1e-6)[-1] for time in times]
        np.testing.assert_array_equal(frames.test.labels[rows], labels[name].phases[on_show])
        assert frames.test.activities[index] == labels[name].activity


@pytest.mark.parametrize(
    ("method", "changes", "reason"),
    [
        ("logmel-neighbor", {}, "the method has no video encoder"),
        (
            "egoexo",
            {"video": "timesformer:image=32,width=32,depth=1,heads=2,frames=8,output=cls"},
            "output=cls gives no token for each frame; output=frames",
        ),
    ],
)
def test_a_method_without_tokens_of_frames_is_skipped_with_a_reason(
    tmp_path: Path, method: str, changes: dict[str, str], reason: str
) -> None:
    out = ee.run(
        method,
        dataset=TINY,
        tasks=["eg2ex", "phase"],
        set={"epochs": 1, **changes} if changes else None,
        out=tmp_path,
        progress=False,
    )
    assert [item.task for item in out.skipped_tasks] == ["phase"]
    assert reason in out.skipped_tasks[0].reason


def test_a_data_set_without_phases_is_skipped_with_a_reason(tmp_path: Path, folder: Path) -> None:
    out = ee.run(
        "egoexo",
        dataset=f"folder:path={folder}",
        tasks=["eg2ex", "alignment"],
        set={"epochs": 1, "batch_size": 2},
        out=tmp_path,
        progress=False,
    )
    assert out.skipped_tasks[0].reason == "folder does not say the phases of frames"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phased_films(tmp_path_factory.mktemp("films"))


def run_phased(dataset: PhasedDataset, out: Path, **overrides: str) -> RunResult:
    config = RunConfig(Spec("egoexo"), Spec("phased"), overrides=UNTRAINED | overrides, out=out)
    return run_experiment(config, RunContext(make_registry(dataset), NullProgress()))


def test_a_data_set_with_nothing_to_retrieve_scores_frames_and_every_frame_if_asked(
    films: Path, tmp_path: Path
) -> None:
    dataset = PhasedDataset(films)
    result = run_phased(dataset, tmp_path, frame_sampling="every", text="none")
    assert {score.task for score in result.record.scores} == set(FRAME_TASKS)
    assert result.record.settings is not None
    assert result.record.settings.tasks == FRAME_TASKS
    frames = read_frames_file(result.path.with_suffix(".frames.safetensors"))
    lengths = [count_film_frames(clip) for clip in dataset.clips("test")]
    assert frames.test.lengths.tolist() == lengths
    assert len(set(lengths)) > 1
    assert (frames.stride, frames.has_time_column) == (2, True)
    for score in result.record.scores:
        assert (score.track["sampling"], score.track["frames"]) == ("every", 0)
    phase = find_score(result.record.model_dump(), "phase", "regular")
    assert phase["num_queries"] == sum(lengths) - len(lengths)  # the last frame has no phase
    assert phase["num_special"]["test frames without a phase"] == len(lengths)
    assert not verify_bundle(result.path).differences


def test_the_default_tasks_of_other_data_sets_stay(films: Path) -> None:
    assert choose_tasks(TASKS, PhasedDataset(films)) == FRAME_TASKS
    assert choose_tasks(TASKS, PhasedDataset(films, has_pairs=True)) == TASKS
    assert choose_tasks(("phase", "eg2ex"), PhasedDataset(films)) == ("phase", "eg2ex")
    assert choose_tasks(TASKS, synthetic(train=4, val=4, test=4)) == TASKS
    assert RunConfig(Spec("egoexo")).tasks == TASKS


def test_a_direction_without_a_view_is_left_out(films: Path, tmp_path: Path) -> None:
    dataset = PhasedDataset(films, views=("exo",))
    result = run_phased(dataset, tmp_path, frame_sampling="every", text="none")
    keys = {(score.task, score.policy) for score in result.record.scores}
    assert ("phase", "ego2exo") in keys
    assert ("phase", "exo2ego") not in keys
    assert ("alignment", "ego2exo") not in keys


def test_labels_that_do_not_fit_stop_the_run_with_their_clip(films: Path, tmp_path: Path) -> None:
    clip = PhasedDataset(films).clips("test")[0]
    labels = make_labels(clip)
    short = replace(labels, phases=labels.phases[:-1])
    dataset = PhasedDataset(films, changes={clip.id: short})
    with pytest.raises(DataError, match=f"clip {clip.id} of phased has 11 phases for 12 times"):
        run_phased(dataset, tmp_path, frame_sampling="every", text="none")


def test_no_labels_in_the_test_split_is_a_reason(films: Path) -> None:
    dataset = PhasedDataset(films)
    dataset.list_frame_labels = lambda split: []  # type: ignore[method-assign]
    config = RunConfig(Spec("egoexo"), Spec("phased"), overrides={**UNTRAINED, "text": "none"})
    trained = train_method(config, RunContext(make_registry(dataset), NullProgress()))
    frame_set = embed_labeled_frames(trained)
    assert frame_set.frames is None
    assert frame_set.reason == "no clip of split 'test' of phased has phases"


def test_labels_of_one_frame_are_those_of_the_whole_clip(films: Path, tmp_path: Path) -> None:
    clips = [clip for split in ("train", "test") for clip in PhasedDataset(films).clips(split)]  # type: ignore[arg-type]
    changes = {
        clip.id: FrameLabels(clip.id, np.zeros(1), np.array([i % 2]))
        for i, clip in enumerate(clips)
    }
    result = run_phased(
        PhasedDataset(films, changes=changes), tmp_path, num_frames="1", text="none"
    )
    skipped = {item.task: item.reason for item in result.skipped_tasks}
    assert "Kendall's tau" in skipped["alignment"]  # one frame has no order
    assert {score.task for score in result.record.scores} >= {"phase", "frame-retrieval"}


def test_boards_and_sites_show_tasks_on_frames_by_direction(
    result: RunResult, tmp_path: Path
) -> None:
    command = CommandLine(tmp_path)
    root = tmp_path / "board"
    root.mkdir()
    assert not command("leaderboard", str(result.path), "--root", str(root)).returncode
    page = next(root.glob("synthetic*.md")).read_text()
    assert "### Frames of both views (`regular`)" in page
    header = next(line for line in page.splitlines() if "phase F1 %" in line)
    assert [name in header for name in ("mAP@10 %", "progression R2", "alignment tau")] == [
        True
    ] * 3
    assert "| *position*" in page
    assert not command("leaderboard", "--root", str(root), "--check").returncode
    site = tmp_path / "site"
    built = command("site", "build", str(result.path), "--root", str(root), "--out", str(site))
    assert not built.returncode, built.stderr
    assert "frame → frames" in (site / "index.html").read_text()
    pages = [file.name for file in (site / "queries").iterdir()]
    assert any("eg2ex" in name for name in pages)
    assert not any(task in name for task in FRAME_TASKS for name in pages)  # no ranks to show


def test_the_command_runs_all_tasks_on_frames_by_one_word(tmp_path: Path) -> None:
    assert select_tasks(()) == TASKS
    assert select_tasks(("all",)) == TASKS
    assert select_tasks(("frames",)) == FRAME_TASKS
    assert select_tasks(("frames", "t2v")) == ("t2v", *FRAME_TASKS)
    assert select_tasks(("alignment", "phase")) == ("phase", "alignment")


def test_a_plot_has_no_score_that_is_not_in_percent(result: RunResult) -> None:
    labels = [text.get_text() for text in result.plot().get_yticklabels()]
    assert "phase, ego2exo" in labels
    assert not any(name.startswith(("alignment", "progression")) for name in labels)
    with pytest.raises(UsageError, match="no score in % to draw on the tasks alignment"):
        result.plot(tasks=["alignment"])


def test_a_run_of_frames_is_made_again_from_its_record(result: RunResult, tmp_path: Path) -> None:
    again = ee.rerun(result.path, out=tmp_path, progress=False)
    scores = {score.key: score for score in again.result.record.scores}
    for score in result.record.scores:
        assert scores[score.key].metrics == score.metrics
