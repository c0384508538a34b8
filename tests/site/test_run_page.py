"""The page of a run: what it holds, what it says of what is missing, and damaged files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from invented_records import make_ego_ranks, make_record, write_audit

from egoexobench.evaluation.queries import LabeledClip
from egoexobench.records.artifacts import CLASS_SCORES_SUFFIX, hash_artifact
from egoexobench.records.queries_file import ScoredQueries, format_queries
from egoexobench.records.schema import Artifact, EpochRecord, QueryRank
from egoexobench.records.store import make_slug
from egoexobench.site.build import render_site
from egoexobench.site.class_summary import summarize_classes
from egoexobench.site.inputs import load_site_inputs
from egoexobench.site.label_breakdown import break_down_by_label
from egoexobench.site.rank_summary import build_rank_histograms
from egoexobench.tensor_file import write_arrays
from egoexobench.types import TrackKey

WriteRun = Callable[..., Path]
EGO_TRACK = TrackKey("eg2ex", "gallery")


def render_run(path: Path) -> str:
    return render_site(load_site_inputs([path]))[f"runs/{path.stem}.html"].decode()


def test_a_run_is_shown_beside_chance_and_oracle_with_the_command_that_repeats_it(
    write_run: WriteRun,
) -> None:
    command = ("run", "--method", "soundbridge", "--dataset", "folder:path=my clips")
    page = render_run(write_run(command=command))
    assert '<td class="number"><strong>50.0</strong></td>' in page
    assert "45.0 to 55.0" in page
    assert ">100.0</td>" in page
    assert "egoexobench run --method soundbridge --dataset &#39;folder:path=my clips&#39;" in page
    assert "@inproceedings{huang2025soundbridge," in page


def test_a_page_says_what_the_run_does_not_hold(write_run: WriteRun) -> None:
    page = render_run(write_run())
    assert "The record does not hold the epochs of its training." in page
    assert "There is no audit beside the record" in page
    assert "<code>egoexobench verify</code> does that" in page
    assert '<h2 id="classes"' not in page


def test_an_audit_is_shown_with_what_each_input_changes(write_run: WriteRun) -> None:
    path = write_run()
    write_audit(path, passed=False)
    page = render_run(path)
    assert "<strong>An audit failed</strong>: a part opens a.mp4" in page
    assert "<td>video</td><td>yes</td><td>used</td>" in page
    assert '<td class="number">0.500</td><td class="number">4 of 4</td>' in page
    assert "· audit failed · not verified" in page


def test_the_curves_of_a_training_are_drawn_with_the_epoch_that_was_scored(
    write_run: WriteRun,
) -> None:
    epochs = tuple(EpochRecord(loss=3.0 - i, validation_value=float(i % 3)) for i in range(5))
    page = render_run(write_run(epochs=epochs))
    assert 'aria-label="Loss: from 3 in epoch 1 to -1 in epoch 5, epoch 3 was scored"' in page
    assert (
        '<polyline class="curve" points="0.0,0.0 55.0,22.5 110.0,45.0 165.0,67.5 220.0,90.0"/>'
        in page
    )
    assert '<path class="mark-line" d="M110.0 0V90"/>' in page


def test_a_histogram_counts_every_query_and_a_curve_ends_at_all() -> None:
    (histogram,) = build_rank_histograms({EGO_TRACK: make_ego_ranks(12)})
    assert histogram.bins == (
        ("1", (60.0,)),
        ("2 to 5", (40.0,)),
        ("6 to 10", (0.0,)),
        ("11 to 20", (0.0,)),
    )
    (curve,) = histogram.curves
    assert curve.points.startswith("0.0,36.0 ")
    assert curve.points.endswith(" 220.0,0.0")
    assert "60.0 % among the first 1, 100.0 % among the first 5" in curve.summary


def make_scene_rank(clip: str, scene: str, is_right: bool) -> QueryRank:
    return QueryRank(
        task="scene",
        source=clip,
        positives=(scene,),
        optimistic=1 if is_right else 2,
        pessimistic=1 if is_right else 2,
        num_candidates=3,
        top1_probability=float(is_right),
        cluster=clip,
    )


def test_confusions_come_from_the_class_scores_and_classes_from_the_ranks(tmp_path: Path) -> None:
    ranks = [
        make_scene_rank("a", "kitchen", True),
        make_scene_rank("b", "kitchen", False),
        make_scene_rank("c", "garage", False),
    ]
    record = make_record()
    path = tmp_path / f"{record.id}.json"
    file = tmp_path / f"{record.id}.class-scores.safetensors"
    values = np.log(np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.3, 0.6]]))
    metadata = {"scene_ids": '["a", "b", "c"]', "scene_classes": '["kitchen", "garage", "other"]'}
    write_arrays(file, {"scene": values}, metadata)
    artifact = Artifact(file=file.name, sha256=hash_artifact(file))
    complete = record.model_copy(update={"artifacts": (artifact,)})
    (summary,) = summarize_classes(path, complete, {TrackKey("scene", None): ranks})
    assert [(line.name, line.num_clips, line.percent) for line in summary.lines] == [
        ("kitchen", 2, 50.0),
        ("garage", 1, 0.0),
    ]
    assert summary.confusions == (("garage", "other", 1), ("kitchen", "garage", 1))
    assert [(cell.row, cell.column, cell.opacity) for cell in summary.cells] == [
        (1, 2, 1.0),
        (0, 1, 0.5),
        (0, 0, 0.5),
    ]
    (bare,) = summarize_classes(path, record, {TrackKey("scene", None): ranks})
    assert not bare.has_scores
    assert bare.lines == summary.lines


def test_damaged_class_scores_are_a_line_and_the_rest_of_the_page_is_shown(
    write_run: WriteRun, tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    record = make_record()
    file = (
        folder
        / "soundbridge"
        / make_slug(record.dataset.spec)
        / f"{record.id}{CLASS_SCORES_SUFFIX}"
    )
    file.parent.mkdir(parents=True)
    metadata = {"scene_ids": '["a", "b"]', "scene_classes": '["kitchen"]'}
    write_arrays(file, {"scene": np.zeros((1, 1))}, metadata)
    artifact = Artifact(file=file.name, sha256=hash_artifact(file))
    page = render_run(write_run(artifacts=(artifact,)))
    assert "has no valid class scores: scene has other numbers of clips and classes" in page
    assert '<h2 id="scores">' in page


def test_scores_are_broken_down_by_the_labels_of_clips(tmp_path: Path) -> None:
    record = make_record()
    file = tmp_path / f"{record.id}.queries.jsonl"
    scenes = {f"q{index}/ego": "kitchen" if index < 10 else "garage" for index in range(18)}
    clips = [LabeledClip(name, (scene,), name) for name, scene in scenes.items()]
    file.write_text(format_queries(ScoredQueries(labeled_clips={"scene": {"test": clips}})))
    artifact = Artifact(file=file.name, sha256=hash_artifact(file))
    complete = record.model_copy(update={"artifacts": (artifact,)})
    path = tmp_path / f"{record.id}.json"
    (breakdown,) = break_down_by_label(path, complete, {EGO_TRACK: make_ego_ranks(12)})
    assert [(line.label, line.cells) for line in breakdown.lines] == [
        ("kitchen", ((10, 100.0),)),
        ("garage", ((8, 25.0),)),
    ]
    assert breakdown.num_unlabeled == 2
    assert break_down_by_label(path, record, {EGO_TRACK: make_ego_ranks(12)}) == []


def test_a_run_without_its_ranks_has_a_page_that_says_so_and_no_row(write_run: WriteRun) -> None:
    path = write_run("egoexo")
    other = write_run("soundbridge")
    path.with_name(f"{path.stem}.ranks.jsonl").unlink()
    files = render_site(load_site_inputs([path, other]))
    page = files[f"runs/{path.stem}.html"].decode()
    assert "could not be checked" in page
    assert "ranks.jsonl: No such file" in page
    assert '<span class="label">egoexo' not in files["index.html"].decode()
    assert "1 file could not be shown" in files["index.html"].decode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace('"schema_version": 2', '"schema_version": 9'), "schema_version"),
        (lambda text: text.replace('"complete"', '"failed"'), "the run failed, so it has no page"),
        (lambda text: text, "another record has the id"),
    ],
)
def test_a_file_that_is_no_run_of_its_own_is_a_line(
    write_run: WriteRun, tmp_path: Path, change: Callable[[str], str], reason: str
) -> None:
    path = write_run()
    text = change(re.sub(r',\s*"checksum": "\w+"', "", path.read_text()))
    folder = tmp_path / "second"  # after `runs`: the first path is the run
    folder.mkdir()
    copy = folder / path.name
    copy.write_text(text)
    ranks = path.with_name(f"{path.stem}.ranks.jsonl")
    (folder / ranks.name).write_bytes(ranks.read_bytes())
    inputs = load_site_inputs([path, folder])
    assert [run.path for run in inputs.runs] == [path]
    (problem,) = inputs.problems
    assert reason in problem
    assert str(tmp_path) not in problem
