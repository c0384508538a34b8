"""What a retrieval figure shows is what was recorded, and nothing of it is clipped."""

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
from egoexobench.figures.layout import (
    Candidate,
    Card,
    ClipPreview,
    RetrievalFigure,
    RetrievalRow,
)
from egoexobench.figures.page import MARGIN, MAX_ROW_PX, WIDTH, draw_page
from egoexobench.figures.previews import compute_waveform_peaks
from egoexobench.figures.query_selection import get_query_key, select_queries
from egoexobench.figures.ranking import describe_rank_mismatch, rank_candidates, summarize_rank
from egoexobench.figures.replay import (
    PathOverrides,
    RecordedRun,
    load_run,
    open_recorded_dataset,
    restore_config,
)
from egoexobench.figures.retrievals import retrieve_candidates
from egoexobench.figures.run import FigureRequest, build_figure, list_missing_glyph_warnings
from egoexobench.progress import NullProgress
from egoexobench.records.schema import Coverage, QueryRank
from egoexobench.registry import Registry
from egoexobench.spec import Spec
from egoexobench.toolbox.captions import CAPTION_PATTERN
from egoexobench.types import RETRIEVAL_TASKS, Embeddings, Gallery, Query

SMALL = {"epochs": "1", "embed_dim": "16"}


def asked(source: str = "q", right: str = "b", among: str = "abcde") -> Query:
    return Query(source, Gallery(tuple(among)), (among.index(right),), source)


def ranked(source: str, right: str, place: int, last: int | None = None) -> QueryRank:
    return QueryRank(
        task="eg2ex", policy="gallery", source=source, positives=(right,), optimistic=place,
        pessimistic=last or place, num_candidates=5, top1_probability=0.0, cluster=source,
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
            RETRIEVAL_TASKS,
            overrides=SMALL,
            out=home / "runs",
        )
        yield run_experiment(request, RunContext(registry, NullProgress())).path
    torch.set_num_threads(threads)


def test_every_right_answer_stands_where_its_record_says(
    record: Path, context: RunContext, folder: Path
) -> None:
    places = (("eg2ex", "gallery"), ("t2v", "gallery"), ("t2v", "both-views"), ("eg2ex", "mcq20"))
    for task, policy in places:
        one = load_run(record, task, policy)
        request = restore_config(one, PathOverrides(dataset=f"folder:path={folder}"))
        dataset = open_recorded_dataset(one, request, context)
        every = build_queries(dataset, "test", task, policy)
        found = retrieve_candidates(one, request, context, queries=every, num_candidates=2)
        assert len(found) == len(one.ranks) > 0
        for told in found:
            rank = one.ranks[get_query_key(told.query)]
            (place,) = (each.rank for each in told.displayed if each.is_positive)
            assert rank.optimistic <= place <= rank.pessimistic
            assert told.warning is None
            assert [each.rank for each in told.first] == [1, 2]
            assert (told.positive is None) == (place <= 2)


def test_a_figure_has_words_captions_pictures_and_sound(
    record: Path, context: RunContext, folder: Path
) -> None:
    wish, whole = (
        FigureRequest("m/ego", num_candidates=2, num_frames=3),
        PathOverrides(dataset=f"folder:path={folder}"),
    )
    found = build_figure([record], wish, whole, context)
    (row,) = found.rows
    assert found.subtitle == "eg2ex, split test, gallery of 4 clips"
    assert found.query.text == "ego sees m"
    assert all(one.card.text == f"exo sees {one.card.id[0]}" for one in row.displayed)
    assert [one.is_positive for one in row.displayed].count(True) == 1
    for card, frames in [(found.query, 6), *((one.card, 3) for one in row.displayed)]:
        assert CAPTION_PATTERN.fullmatch(card.caption or "")
        assert card.preview
        assert card.preview.pixels.shape == (frames, 64, 64, 3)
        assert card.preview.peaks is not None
        assert card.preview.peaks.max() == 1
    assert any("rules" in note for note in found.notes)
    text = build_figure([record], FigureRequest("m/ego", "v2t", num_candidates=2), whole, context)
    assert all(one.card.preview is None for one in text.rows[0].displayed)
    assert {one.card.text for one in text.rows[0].displayed} <= {
        f"a person takes the {name}" for name in "mnop"
    }


def test_a_request_is_made_again_with_all_that_was_recorded(record: Path) -> None:
    one = load_run(record, "eg2ex", "gallery")
    told = one.record
    changed = told.model_copy(
        update={
            "trained_on": told.dataset.model_copy(update={"spec": "folder:path=.../other"}),
            "seed": 3,
            "environment": told.environment.model_copy(
                update={"device": "cuda:0", "precision": "bf16"}
            ),
            "method": told.method.model_copy(
                update={"overrides": {"embed_dim": "16", "audio": "beats:weights=.../b.pt"}}
            ),
        }
    )
    moved = replace(one, record=changed)
    whole = PathOverrides("folder:path=/d", "folder:path=/o", (), {"audio": "beats:weights=/b.pt"})
    request = restore_config(moved, whole)
    assert str(request.dataset) == "folder:path=/d"
    assert str(request.train_on) == "folder:path=/o"
    assert request.overrides == {"embed_dim": "16", "audio": "beats:weights=/b.pt"}
    assert (request.seed, request.device) == (3, DeviceConfig("auto", "bf16"))
    for less, option in (
        (replace(whole, train_on=None), "--train-on"),
        (replace(whole, settings={}), "--set audio="),
        (replace(whole, dataset=None), "--dataset"),
    ):
        with pytest.raises(UsageError, match=f"give the whole path with {option}"):
            restore_config(moved, less)
    covered = Coverage(
        num_clips=9,
        num_used=8,
        num_rejected=0,
        num_excluded={"not in the certificate": 1},
        subset_hash="0",
    )
    part = replace(moved, record=changed.model_copy(update={"coverage": covered}))
    with pytest.raises(UsageError, match="with --subset"):
        restore_config(part, whole)
    listed = restore_config(part, replace(whole, subset=Path("ids.json")))
    assert (listed.allow_missing, listed.subset) == (True, Path("ids.json"))


def test_candidates_stand_by_falling_score_and_ties_as_listed() -> None:
    vectors = torch.tensor([[1.0, 0], [0, 1], [2, 2], [-1, 0], [0, 5]])
    target = Embeddings(tuple("abcde"), vectors)
    source = Embeddings(("q",), torch.tensor([[0.0, 3]]))
    found = rank_candidates(asked(), source, target, policy="gallery", similarity="cosine")
    assert [one.id for one in found] == ["b", "e", "c", "a", "d"]
    assert [one.rank for one in found] == [1, 2, 3, 4, 5]
    assert [one.id for one in found if one.is_positive] == ["b"]
    assert found[2].score == pytest.approx(0.5**0.5)
    by_product = rank_candidates(asked(), source, target, policy="gallery", similarity="dot")
    assert [(one.id, one.score) for one in by_product[:2]] == [("e", 15), ("c", 6)]


def test_a_candidate_without_an_embedding_leaves_the_gallery_and_breaks_a_list() -> None:
    target = Embeddings(tuple("abcd"), torch.eye(4))
    source = Embeddings(("q",), torch.eye(4)[:1])
    assert len(rank_candidates(asked(), source, target, policy="gallery", similarity="cosine")) == 4
    assert rank_candidates(asked(), source, target, policy="mcq20", similarity="cosine") == ()


def test_an_answer_that_stands_elsewhere_than_recorded_is_said() -> None:
    target = Embeddings(tuple("abcde"), torch.eye(5))
    source = Embeddings(("q",), torch.tensor([[0.9, 0.5, 0, 0, 0]]))
    found = rank_candidates(asked(), source, target, policy="gallery", similarity="cosine")
    assert describe_rank_mismatch(found, ranked("q", "b", 2)) is None
    assert describe_rank_mismatch(found, ranked("q", "b", 1, 3)) is None
    said = describe_rank_mismatch(found, ranked("q", "b", 4))
    assert said
    assert "at 2 of 5" in said
    assert "recorded: right answer at 4 of 5" in said
    assert "tied at 1 to 3 of 5" in summarize_rank(ranked("q", "b", 1, 3))


def test_a_query_is_found_by_id_or_by_what_the_ranks_say() -> None:
    every = [asked("p", "a"), asked("q", "b"), asked("r", "c")]

    def recorded(*places: int) -> RecordedRun:
        ranks = {
            get_query_key(query): ranked(*get_query_key(query), place)
            for query, place in zip(every, places, strict=True)
        }
        return make_run("run.json", ranks)

    ours, theirs, others = recorded(1, 1, 5), recorded(2, 4, 1), recorded(5, 1, 1)
    assert select_queries("q", every, [ours]) == [every[1]]
    assert select_queries("hardest", every, [ours, theirs]) == [every[2]]
    assert select_queries("contrast", every, [ours, theirs]) == [every[1]]
    assert select_queries("contrast", every, [ours, theirs, others]) == [every[0]]
    assert select_queries("contrast", every, [theirs, ours]) == [every[2]]
    with pytest.raises(UsageError, match="two runs or more"):
        select_queries("contrast", every, [ours])
    with pytest.raises(UsageError, match=r"'qq'; did you mean 'q'\? There are 3, such as p, q, r"):
        select_queries("qq", every, [ours])
    less = make_run("less.json", {get_query_key(every[0]): ranked("p", "a", 1)})
    with pytest.raises(DataError, match=r"less.json has no rank of query q"):
        select_queries("q", every, [ours, less])
    assert select_queries("hardest", every, [ours, less]) == [every[0]]


def test_a_sound_is_drawn_where_it_is_heard() -> None:
    samples = np.zeros(1000, np.float32)
    samples[700] = -0.5
    samples[100] = 0.25
    found = compute_waveform_peaks(samples, 10)
    assert found.tolist() == [0, 0.5, 0, 0, 0, 0, 0, 1, 0, 0]
    assert len(compute_waveform_peaks(np.ones(3, np.float32), 10)) == 3


TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=60, deadline=None)
@given(text=TEXT, width=st.integers(60, 400))
def test_no_line_is_wider_than_its_place_and_no_letter_is_lost(text: str, width: int) -> None:
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


def test_right_and_wrong_differ_in_shape_and_not_only_in_colour() -> None:
    def strokes(*, right: bool) -> np.ndarray:
        picture = Image.new("RGB", (40, 40), PAPER)
        Canvas(picture, Typeface()).draw_badge(0, 0, 40, is_positive=right)
        return np.asarray(picture.convert("L"))[8:32, 8:32] > 200

    tick, cross = strokes(right=True), strokes(right=False)
    assert tick.any()
    assert cross.any()
    assert (tick ^ cross).mean() > 0.1
    assert (cross == cross[::-1]).mean() > 0.9  # a cross is its own mirror image, a tick is not
    assert (tick == tick[::-1]).mean() < 0.9


def drawn(
    words: str, caption: str | None = None, *, look: bool = True, state: str = "audible"
) -> RetrievalFigure:
    rng = np.random.default_rng(0)

    def card(name: str, frames: int) -> Card:
        pixels = rng.integers(0, 256, (frames, 36, 64, 3), dtype=np.uint8)
        heard = rng.random(160).astype(np.float32) if state == "audible" else None
        return Card(name, words, caption, ClipPreview(pixels, heard, state) if look else None)  # type: ignore[arg-type]

    first = tuple(Candidate(n, 1 - n / 9, n == 2, card(f"clip-{n}" * 9, 3)) for n in (1, 2, 3))
    far = Candidate(128, -0.25, True, card("z", 3))
    rows = (
        RetrievalRow("ours, seed 0", "right answer at 2 of 128", first, None),
        RetrievalRow("theirs " * 40, "right answer at 128 of 128", first[::2], far),
    )
    return RetrievalFigure("set: which?", "eg2ex", card("q", 6), rows, ("note",), ("warning",))


@pytest.mark.parametrize(
    ("words", "look", "state"),
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
def test_whatever_a_narration_is_nothing_reaches_the_margin(
    words: str, look: bool, state: str
) -> None:
    picture = draw_page(
        drawn(words, f"[{words[:3000]}] (click)", look=look, state=state), Typeface()
    )
    assert picture.width == WIDTH
    pixels = np.asarray(picture)
    edge = MARGIN - 1
    for side in (pixels[:edge], pixels[:, :edge], pixels[:, -edge:], pixels[-edge // 2 :]):
        assert (side == 255).all()


def test_one_tall_picture_of_one_candidate_leaves_room_for_the_rest() -> None:
    look = ClipPreview(np.zeros((1, 90, 30, 3), np.uint8), None, "silent")
    card = Card("c", "word " * 999, "[a] (b), " * 99, look)
    rows = (
        RetrievalRow("ours", "right answer at 1 of 9", (Candidate(1, 0.5, True, card),), None),
    ) * 2
    picture = draw_page(RetrievalFigure("set: which?", "eg2ex", card, rows, (), ()), Typeface())
    assert picture.height < MAX_ROW_PX * len(rows)
    assert (np.asarray(picture)[-MARGIN // 2 :] == 255).all()


def test_the_same_figure_gives_the_same_pixels() -> None:
    one, two = (draw_page(drawn("a person takes the cup"), Typeface()) for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_letters_that_the_typeface_does_not_have_are_named() -> None:
    assert list_missing_glyph_warnings(drawn("a person takes the cup"), Typeface()) == []
    (said,) = list_missing_glyph_warnings(drawn("切大蒜"), Typeface())
    assert "no shape for 3 characters" in said
    assert "U+5207" in said
    assert "--font" in said
