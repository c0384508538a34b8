"""A retrieval figure shows the ranks of its records, and nothing in it is clipped."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from egoexobench.device import DeviceConfig
from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.queries import build_queries
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.figures.drawing import PAPER, Canvas, Typeface, replace_control_chars, wrap_text
from egoexobench.figures.elements import MARGIN, WIDTH
from egoexobench.figures.layout import (
    Candidate,
    Card,
    ClipPreview,
    RetrievalFigure,
    RetrievalRow,
)
from egoexobench.figures.page import MAX_ROW_PX, draw_page
from egoexobench.figures.previews import compute_waveform_peaks
from egoexobench.figures.query_selection import (
    build_class_queries,
    get_query_key,
    select_queries,
)
from egoexobench.figures.ranking import describe_rank_mismatch, rank_candidates, summarize_rank
from egoexobench.figures.replay import (
    PathOverrides,
    RecordedRun,
    load_run,
    open_recorded_dataset,
    restore_run_config,
)
from egoexobench.figures.retrievals import predict_clip_classes, retrieve_candidates
from egoexobench.figures.run import FigureRequest, build_figure, list_missing_glyph_warnings
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Coverage, QueryRank
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.toolbox.captions import CAPTION_PATTERN
from egoexobench.types import TASKS, Embeddings, Gallery, Query

SMALL_SETTINGS = {"epochs": "1", "embed_dim": "16"}


def make_query(source: str = "q", positive: str = "b", candidates: str = "abcde") -> Query:
    return Query(source, Gallery(tuple(candidates)), (candidates.index(positive),), source)


def make_rank(source: str, positive: str, rank: int, last: int | None = None) -> QueryRank:
    return QueryRank(
        task="eg2ex", policy="gallery", source=source, positives=(positive,), optimistic=rank,
        pessimistic=last or rank, num_candidates=5, top1_probability=0.0, cluster=source,
    )  # fmt: skip


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry()


@pytest.fixture
def context(registry: Registry) -> RunContext:
    return RunContext(registry, NullProgress())


def make_run(name: str, ranks: dict) -> RecordedRun:
    return RecordedRun(
        path=Path(name),
        record=None,  # type: ignore[arg-type]
        task="eg2ex",
        policy="gallery",
        ranks=ranks,
        similarity="cosine",
    )


@pytest.fixture(scope="module")
def record(
    registry: Registry, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    threads = torch.get_num_threads()
    home = tmp_path_factory.mktemp("figure")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EGOEXOBENCH_CACHE", str(home / "cache"))
        request = RunConfig(
            Spec("soundbridge"),
            Spec("folder", {"path": str(folder)}),
            TASKS,
            overrides=SMALL_SETTINGS,
            out=home / "runs",
        )
        yield run_experiment(request, RunContext(registry, NullProgress())).path
    torch.set_num_threads(threads)


def test_every_positive_has_the_rank_of_its_record(
    record: Path, context: RunContext, folder: Path
) -> None:
    tracks = (("eg2ex", "gallery"), ("t2v", "gallery"), ("t2v", "both-views"), ("eg2ex", "mcq20"))
    for task, policy in tracks:
        run = load_run(record, task, policy)
        request = restore_run_config(run, PathOverrides(dataset=f"folder:path={folder}"))
        dataset = open_recorded_dataset(run, request, context)
        queries = build_queries(dataset, "test", task, policy)
        retrievals = retrieve_candidates(run, request, context, queries=queries, num_candidates=2)
        assert len(retrievals) == len(run.ranks) > 0
        for retrieval in retrievals:
            rank = run.ranks[get_query_key(retrieval.query)]
            (position,) = (
                candidate.rank for candidate in retrieval.displayed if candidate.is_positive
            )
            assert rank.optimistic <= position <= rank.pessimistic
            assert retrieval.warning is None
            assert [candidate.rank for candidate in retrieval.first] == [1, 2]
            assert (retrieval.positive is None) == (position <= 2)


def test_a_figure_has_texts_captions_frames_and_waveforms(
    record: Path, context: RunContext, folder: Path
) -> None:
    figure_request, overrides = (
        FigureRequest("m/ego", num_candidates=2, num_frames=3),
        PathOverrides(dataset=f"folder:path={folder}"),
    )
    figure = build_figure([record], figure_request, overrides, context)
    (row,) = figure.rows
    assert figure.subtitle == "eg2ex, split test, gallery of 4 clips"
    assert figure.query.text == "ego sees m"
    assert all(
        candidate.card.text == f"exo sees {candidate.card.id[0]}" for candidate in row.displayed
    )
    assert [candidate.is_positive for candidate in row.displayed].count(True) == 1
    for card, frames in [(figure.query, 6), *((candidate.card, 3) for candidate in row.displayed)]:
        assert CAPTION_PATTERN.fullmatch(card.caption or "")
        assert card.preview
        assert card.preview.pixels.shape == (frames, 64, 64, 3)
        assert card.preview.peaks is not None
        assert card.preview.peaks.max() == 1
    assert any("rules" in note for note in figure.notes)
    text_figure = build_figure(
        [record], FigureRequest("m/ego", "v2t", num_candidates=2), overrides, context
    )
    assert all(candidate.card.preview is None for candidate in text_figure.rows[0].displayed)
    assert {candidate.card.text for candidate in text_figure.rows[0].displayed} <= {
        f"a person takes the {name}" for name in "mnop"
    }


def test_every_right_class_has_the_rank_of_its_record(
    record: Path, context: RunContext, folder: Path
) -> None:
    for task in ("scene", "action"):
        run = load_run(record, task, None)
        config = restore_run_config(run, PathOverrides(dataset=f"folder:path={folder}"))
        queries = build_class_queries(open_recorded_dataset(run, config, context), task)
        retrievals = predict_clip_classes(run, config, context, queries=queries, num_candidates=9)
        assert len(retrievals) == len(run.ranks) == 4
        for retrieval in retrievals:
            assert retrieval.warning is None
            assert sum(candidate.score for candidate in retrieval.first) == pytest.approx(1)
            right = {candidate.id for candidate in retrieval.first if candidate.is_positive}
            assert right == set(retrieval.query.positive_ids)


def test_a_recognition_figure_has_the_clip_its_labels_and_the_classes(
    record: Path, context: RunContext, folder: Path
) -> None:
    request = FigureRequest("m/ego", "scene", None, num_candidates=1, num_frames=4)
    figure = build_figure(
        [record, record], request, PathOverrides(dataset=f"folder:path={folder}"), context
    )
    assert figure.subtitle.startswith("scene, split test, ")
    assert figure.subtitle.endswith(" classes")
    assert figure.query.text == "ego sees m"
    assert figure.query.preview
    assert len(figure.query.preview.pixels) == 4
    assert figure.labels == ("garage",)
    assert len(figure.rows) == 2
    for row in figure.rows:
        assert len(row.first) == 1
        assert [item.card.text for item in row.displayed if item.is_positive] == ["garage"]
    assert "probability" in figure.notes[0]


def test_a_run_without_the_task_lists_the_tasks_of_its_kind(record: Path) -> None:
    with pytest.raises(DataError, match=r"no ranks of eg2ex; it has: scene, action$"):
        load_run(record, "eg2ex", None)


def test_a_configuration_is_restored_with_every_recorded_option(record: Path) -> None:
    run = load_run(record, "eg2ex", "gallery")
    recorded = run.record
    changed = recorded.model_copy(
        update={
            "trained_on": recorded.dataset.model_copy(update={"spec": "folder:path=.../other"}),
            "seed": 3,
            "environment": recorded.environment.model_copy(
                update={"device": "cuda:0", "precision": "bf16"}
            ),
            "method": recorded.method.model_copy(
                update={"overrides": {"embed_dim": "16", "audio": "beats:weights=.../b.pt"}}
            ),
        }
    )
    moved_run = replace(run, record=changed)
    overrides = PathOverrides(
        "folder:path=/d", "folder:path=/o", (), {"audio": "beats:weights=/b.pt"}
    )
    config = restore_run_config(moved_run, overrides)
    assert str(config.dataset) == "folder:path=/d"
    assert str(config.train_on) == "folder:path=/o"
    assert config.overrides == {"embed_dim": "16", "audio": "beats:weights=/b.pt"}
    assert (config.seed, config.device) == (3, DeviceConfig("auto", "bf16"))
    for incomplete, option in (
        (replace(overrides, train_on=None), "--train-on"),
        (replace(overrides, settings={}), "--set audio="),
        (replace(overrides, dataset=None), "--dataset"),
    ):
        with pytest.raises(UsageError, match=f"give the whole path with {option}"):
            restore_run_config(moved_run, incomplete)
    coverage = Coverage(
        num_clips=9,
        num_used=8,
        num_rejected=0,
        num_excluded={"not in the subset": 1},
        subset_hash="0",
    )
    # a record of an older version: only its coverage says what was left out
    old_record = changed.model_copy(update={"coverage": coverage, "settings": None})
    partial_run = replace(moved_run, record=old_record)
    with pytest.raises(UsageError, match="with --subset"):
        restore_run_config(partial_run, overrides)
    subset_config = restore_run_config(partial_run, replace(overrides, subset=Path("ids.json")))
    assert (subset_config.allow_missing, subset_config.subset) == (True, Path("ids.json"))


def test_candidates_are_sorted_by_score_and_ties_as_listed() -> None:
    vectors = torch.tensor([[1.0, 0], [0, 1], [2, 2], [-1, 0], [0, 5]])
    target = Embeddings(tuple("abcde"), vectors)
    source = Embeddings(("q",), torch.tensor([[0.0, 3]]))
    candidates = rank_candidates(
        make_query(), source, target, policy="gallery", similarity="cosine"
    )
    assert [candidate.id for candidate in candidates] == ["b", "e", "c", "a", "d"]
    assert [candidate.rank for candidate in candidates] == [1, 2, 3, 4, 5]
    assert [candidate.id for candidate in candidates if candidate.is_positive] == ["b"]
    assert candidates[2].score == pytest.approx(0.5**0.5)
    by_product = rank_candidates(make_query(), source, target, policy="gallery", similarity="dot")
    assert [(candidate.id, candidate.score) for candidate in by_product[:2]] == [
        ("e", 15),
        ("c", 6),
    ]


def test_a_candidate_without_an_embedding_is_removed_from_a_gallery_but_excludes_a_list() -> None:
    target = Embeddings(tuple("abcd"), torch.eye(4))
    source = Embeddings(("q",), torch.eye(4)[:1])
    assert (
        len(rank_candidates(make_query(), source, target, policy="gallery", similarity="cosine"))
        == 4
    )
    assert rank_candidates(make_query(), source, target, policy="mcq20", similarity="cosine") == ()


def test_a_positive_with_another_rank_than_recorded_is_a_warning() -> None:
    target = Embeddings(tuple("abcde"), torch.eye(5))
    source = Embeddings(("q",), torch.tensor([[0.9, 0.5, 0, 0, 0]]))
    candidates = rank_candidates(
        make_query(), source, target, policy="gallery", similarity="cosine"
    )
    assert describe_rank_mismatch(candidates, make_rank("q", "b", 2)) is None
    assert describe_rank_mismatch(candidates, make_rank("q", "b", 1, 3)) is None
    message = describe_rank_mismatch(candidates, make_rank("q", "b", 4))
    assert message
    assert "at 2 of 5" in message
    assert "recorded: right answer at 4 of 5" in message
    assert "tied at 1 to 3 of 5" in summarize_rank(make_rank("q", "b", 1, 3))


def test_a_query_is_selected_by_its_id_or_by_the_ranks() -> None:
    queries = [make_query("p", "a"), make_query("q", "b"), make_query("r", "c")]

    def make_run_with_ranks(*positions: int) -> RecordedRun:
        ranks = {
            get_query_key(query): make_rank(*get_query_key(query), position)
            for query, position in zip(queries, positions, strict=True)
        }
        return make_run("run.json", ranks)

    ours, theirs, others = (
        make_run_with_ranks(1, 1, 5),
        make_run_with_ranks(2, 4, 1),
        make_run_with_ranks(5, 1, 1),
    )
    assert select_queries("q", queries, [ours]) == [queries[1]]
    assert select_queries("hardest", queries, [ours, theirs]) == [queries[2]]
    assert select_queries("contrast", queries, [ours, theirs]) == [queries[1]]
    assert select_queries("contrast", queries, [ours, theirs, others]) == [queries[0]]
    assert select_queries("contrast", queries, [theirs, ours]) == [queries[2]]
    with pytest.raises(UsageError, match="two runs or more"):
        select_queries("contrast", queries, [ours])
    with pytest.raises(UsageError, match=r"'qq'. Did you mean 'q'\? .* 3 queries, such as p, q, r"):
        select_queries("qq", queries, [ours])
    partial_run = make_run("less.json", {get_query_key(queries[0]): make_rank("p", "a", 1)})
    with pytest.raises(DataError, match=r"less.json has no rank of query q"):
        select_queries("q", queries, [ours, partial_run])
    assert select_queries("hardest", queries, [ours, partial_run]) == [queries[0]]


def test_a_peak_of_a_waveform_is_drawn_at_its_time() -> None:
    waveform = np.zeros(1000, np.float32)
    waveform[700] = -0.5
    waveform[100] = 0.25
    peaks = compute_waveform_peaks(waveform, 10)
    assert peaks.tolist() == [0, 0.5, 0, 0, 0, 0, 0, 1, 0, 0]
    assert len(compute_waveform_peaks(np.ones(3, np.float32), 10)) == 3


TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=60, deadline=None)
@given(text=TEXT, width=st.integers(60, 400))
def test_no_line_is_wider_than_its_column_and_no_letter_is_lost(text: str, width: int) -> None:
    font = Typeface().load_font(19)
    lines = wrap_text(text, font, width, 1000)
    assert all(font.getlength(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(replace_control_chars(text).split())


def test_a_text_that_is_too_long_ends_in_an_ellipsis() -> None:
    font = Typeface().load_font(19)
    lines = wrap_text("word " * 2000, font, 200, 4)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert font.getlength(lines[-1]) <= 200
    assert wrap_text("one word", font, 200, 4) == ["one word"]


def test_right_and_wrong_differ_in_shape_and_not_only_in_color() -> None:
    def draw_badge_strokes(*, is_positive: bool) -> np.ndarray:
        picture = Image.new("RGB", (40, 40), PAPER)
        Canvas(picture, Typeface()).draw_badge(0, 0, 40, is_positive=is_positive)
        return np.asarray(picture.convert("L"))[8:32, 8:32] > 200

    tick, cross = draw_badge_strokes(is_positive=True), draw_badge_strokes(is_positive=False)
    assert tick.any()
    assert cross.any()
    assert (tick ^ cross).mean() > 0.1
    assert (cross == cross[::-1]).mean() > 0.9  # a cross is its own mirror image, a tick is not
    assert (tick == tick[::-1]).mean() < 0.9


def make_figure(
    text: str, caption: str | None = None, *, has_preview: bool = True, state: str = "audible"
) -> RetrievalFigure:
    rng = np.random.default_rng(0)

    def make_card(name: str, frames: int) -> Card:
        pixels = rng.integers(0, 256, (frames, 36, 64, 3), dtype=np.uint8)
        peaks = rng.random(160).astype(np.float32) if state == "audible" else None
        return Card(name, text, caption, ClipPreview(pixels, peaks, state) if has_preview else None)  # type: ignore[arg-type]

    first = tuple(Candidate(n, 1 - n / 9, n == 2, make_card(f"clip-{n}" * 9, 3)) for n in (1, 2, 3))
    far = Candidate(128, -0.25, True, make_card("z", 3))
    rows = (
        RetrievalRow("ours, seed 0", "right answer at 2 of 128", first, None),
        RetrievalRow("theirs " * 40, "right answer at 128 of 128", first[::2], far),
    )
    return RetrievalFigure(
        title="set: which?",
        subtitle="eg2ex",
        query=make_card("q", 6),
        rows=rows,
        notes=("note",),
        warnings=("warning",),
    )


@pytest.mark.parametrize(
    ("text", "has_preview", "state"),
    [
        ("a person takes the cup", True, "audible"),
        ("a person takes the cup", False, "audible"),
        ("", True, "silent"),
        ("word " * 2000, True, "no_track"),
        ("w" * 10_000, False, "audible"),
        ("一个人在厨房里切大蒜。" * 50, True, "audible"),
        ("שלום عربي हिन्दी \x00\x1b[31m \u202e😀", True, "audible"),
    ],
)
def test_no_narration_reaches_the_margin(text: str, has_preview: bool, state: str) -> None:
    picture = draw_page(
        make_figure(text, f"[{text[:3000]}] (click)", has_preview=has_preview, state=state),
        Typeface(),
    )
    assert picture.width == WIDTH
    pixels = np.asarray(picture)
    edge = MARGIN - 1
    for side in (pixels[:edge], pixels[:, :edge], pixels[:, -edge:], pixels[-edge // 2 :]):
        assert (side == 255).all()


def test_a_tall_image_of_a_candidate_leaves_room_for_the_rest() -> None:
    preview = ClipPreview(np.zeros((1, 90, 30, 3), np.uint8), None, "silent")
    card = Card("c", "word " * 999, "[a] (b), " * 99, preview)
    rows = (
        RetrievalRow("ours", "right answer at 1 of 9", (Candidate(1, 0.5, True, card),), None),
    ) * 2
    picture = draw_page(
        RetrievalFigure("set: which?", "eg2ex", card, rows=rows, notes=(), warnings=()), Typeface()
    )
    assert picture.height < MAX_ROW_PX * len(rows)
    assert (np.asarray(picture)[-MARGIN // 2 :] == 255).all()


def make_class_figure(label: str, *, is_positive: bool = True) -> RetrievalFigure:
    figure = make_figure("a person takes the cup")
    card = Card(label, label, None, None)
    first = (
        Candidate(1, 1.0, is_positive, card),
        Candidate(2, 0.0, False, replace(card, text="other")),
    )
    row = RetrievalRow("ours", "right answer at 1 of 19", first, Candidate(19, 0.5, True, card))
    return replace(figure, rows=(row,), labels=(label,))


@pytest.mark.parametrize("label", ["kitchen", "word " * 99, "w" * 999, "", "厨房" * 99])
def test_no_class_reaches_the_margin(label: str) -> None:
    pixels = np.asarray(draw_page(make_class_figure(label), Typeface()))
    edge = MARGIN - 1
    for side in (pixels[:edge], pixels[:, :edge], pixels[:, -edge:], pixels[-edge // 2 :]):
        assert (side == 255).all()


def test_right_and_wrong_classes_differ_without_color() -> None:
    right, wrong = (
        np.asarray(draw_page(make_class_figure("a", is_positive=value), Typeface()).convert("L"))
        for value in (True, False)
    )
    differs = (right > 200) != (wrong > 200)
    assert differs[:, WIDTH // 2 :].any()  # the bar is filled or hollow
    assert differs[:, : MARGIN + 40].any()  # the badge is a tick or a cross


def test_the_same_figure_gives_the_same_pixels() -> None:
    first, second = (draw_page(make_figure("a person takes the cup"), Typeface()) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_letters_without_a_glyph_are_named() -> None:
    assert list_missing_glyph_warnings(make_figure("a person takes the cup"), Typeface()) == []
    (warning,) = list_missing_glyph_warnings(make_figure("切大蒜"), Typeface())
    assert "no shape for 3 characters" in warning
    assert "U+5207" in warning
    assert "--font" in warning


def test_what_acts_in_a_text_is_drawn_as_an_escape() -> None:
    assert replace_control_chars("a\x1b[2J\u202eb\nc") == r"a\u001b[2J\u202eb c"
