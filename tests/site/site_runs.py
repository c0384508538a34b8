"""Runs with ranks and first candidates, and a data set, for tests of pages."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fake_data import make_clip, make_pair
from invented_records import make_record, make_score

from egoexobench.data.audio_levels import AudioLevel
from egoexobench.data.doctor.check_dataset import ClipStatus, DatasetReport
from egoexobench.data.doctor.inspect_media import FileReport, MediaIssue, SpanReport
from egoexobench.data.media_info import AudioStream, MediaInfo, VideoStream
from egoexobench.data.split_overlap import SplitOverlap
from egoexobench.data.subset import make_subset
from egoexobench.figures.previews import SplitIndex
from egoexobench.records.artifacts import RANKS_SUFFIX, TOP_SUFFIX
from egoexobench.records.check_ranks import group_by_track
from egoexobench.records.schema import Artifact, QueryRank, Record
from egoexobench.records.store import write_record
from egoexobench.records.top_file import TopCandidates, format_top_candidates
from egoexobench.site.inputs import SiteRun
from egoexobench.site.media import SiteMedia
from egoexobench.site.opened_dataset import OpenedDataset

HOSTILE = "</script><img src=x onerror=alert(1)>"


def make_rank(source: str, low: int, high: int | None = None) -> QueryRank:
    return QueryRank(
        task="eg2ex",
        policy="gallery",
        source=f"{source}/ego",
        positives=(f"{source}/exo",),
        optimistic=low,
        pessimistic=high or low,
        num_candidates=4,
        top1_probability=float(low == 1),
        cluster=source,
    )


def write_site_run(
    folder: Path,
    method: str,
    ranks: list[QueryRank],
    *,
    top: list[tuple[str, float]] | None = None,
    seed: int = 0,
    value: float = 50.0,
) -> SiteRun:
    """A run; ``top`` are the first candidates of its first query."""
    record = make_record(method, seed, (make_score(top1=value),))
    if top is not None:
        line = TopCandidates(
            task="eg2ex",
            policy="gallery",
            source=ranks[0].source,
            positives=ranks[0].positives,
            candidates=tuple(top),
        )
        text = format_top_candidates([line])
        digest = hashlib.sha256(text.encode()).hexdigest()
        artifact = Artifact(file=f"{record.id}{TOP_SUFFIX}", sha256=digest)
        record = record.model_copy(update={"artifacts": (artifact,)})
    path = write_record(record, ranks, folder)
    if top is not None:
        path.with_name(f"{record.id}{TOP_SUFFIX}").write_text(text)
    complete = Record.model_validate_json(path.read_text())
    assert complete.artifacts[-1].file.endswith(RANKS_SUFFIX)
    return SiteRun(path, complete, ranks=group_by_track(ranks))


def make_report() -> DatasetReport:
    """A report of two clips of one file: one can be heard, and one cannot be used."""
    file = FileReport(
        path="/secret/films/a.mp4",
        info=MediaInfo(
            container="mov",
            seconds=4.0,
            video=VideoStream(codec="h264", width=64, height=48, fps=8, seconds=4.0),
            audio=AudioStream(codec="aac", sample_rate=16_000, channels=1, seconds=4.0),
        ),
        spans=(
            SpanReport(
                start=0, end=1.5, level=AudioLevel(num_samples=9, peak=1, rms=0.1, clipped=0)
            ),
            SpanReport(start=2, end=None),
        ),
    )
    problem = MediaIssue(kind="missing", reason="media file /secret/films/b.mp4 is missing")
    clips = (
        ClipStatus(split="test", id="a/ego", location=None, media="a", problem=None, audio="good"),
        ClipStatus(split="test", id="b/ego", location=None, media="b", problem=problem, audio=None),
        ClipStatus(
            split="test", id="c/ego", location=None, media="a", problem=None, audio="silent"
        ),
    )
    return DatasetReport(
        dataset="toy",
        license=HOSTILE,
        blocked_reason="media file /secret/films/b.mp4 is missing",
        missing_annotations={},
        rows=(),
        overlaps=(
            SplitOverlap(
                "train",
                "split train",
                num_clips=3,
                num_content=1,
                num_takes=2,
                num_narrations=3,
                blocking=(),
            ),
        ),
        pairs={"train": (0, 0), "val": (0, 0), "test": (1, 2)},
        clips=clips,
        files=(file,),
        subset=make_subset("toy", "0123", {"train": {}, "val": {}, "test": {}}, []),
    )


def make_dataset(fingerprint: str, media: SiteMedia) -> OpenedDataset:
    """The data set of the runs, opened."""
    pairs = [make_pair(name) for name in "ab"]
    clips = [clip for pair in pairs for clip in (pair.ego, pair.exo)]
    clips.append(make_clip("c/ego", narration=HOSTILE))
    by_clip = {clip.id: pair for pair in pairs for clip in (pair.ego, pair.exo)}
    index = SplitIndex({clip.id: clip for clip in clips}, {p.id: p for p in pairs}, by_clip)
    report = make_report()
    captions = {"someone a": "a bell rings"}
    return OpenedDataset(
        "toy", fingerprint, test=index, report=report, captions=captions, media=media
    )
