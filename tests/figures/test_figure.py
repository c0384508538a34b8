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

from egoexobench.compute import Compute
from egoexobench.errors import DataError, UsageError
from egoexobench.evaluation.tracks import questions
from egoexobench.experiment.config import RunConfig
from egoexobench.experiment.context import RunContext
from egoexobench.experiment.run import run_experiment
from egoexobench.figures.drawing import PAPER, Pen, Type, clean, wrap
from egoexobench.figures.layout import Candidate, Card, Look, Row
from egoexobench.figures.page import MARGIN, ROOM, WIDTH, page
from egoexobench.figures.previews import peaks
from egoexobench.figures.query_selection import choose, key
from egoexobench.figures.ranking import disagreement, order, verdict
from egoexobench.figures.replay import Given, Recorded, again, load, opened
from egoexobench.figures.retrievals import answers
from egoexobench.figures.run import Figure, Wish, figure, unreadable
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
    record: Path, registry: Registry, folder: Path
) -> None:
    places = (("eg2ex", "gallery"), ("t2v", "gallery"), ("t2v", "both-views"), ("eg2ex", "mcq20"))
    for task, policy in places:
        one = load(record, task, policy)
        request = again(one, Given(dataset=f"folder:path={folder}"))
        dataset = opened(one, request, registry, NullProgress())
        every = questions(dataset, "test", task, policy)
        found = answers(one, request, every, task, policy, 2, registry, NullProgress())
        assert len(found) == len(one.ranks) > 0
        for told in found:
            rank = one.ranks[key(told.query)]
            (place,) = (each.place for each in told.shown if each.right)
            assert rank.optimistic <= place <= rank.pessimistic
            assert told.warning is None
            assert [each.place for each in told.first] == [1, 2]
            assert (told.answer is None) == (place <= 2)


def test_a_figure_has_words_captions_pictures_and_sound(
    record: Path, registry: Registry, folder: Path
) -> None:
    wish, whole = Wish("m/ego", top=2, frames=3), Given(dataset=f"folder:path={folder}")
    found = figure([record], wish, whole, registry, NullProgress())
    (row,) = found.rows
    assert found.about == "eg2ex, split test, gallery of 4 clips"
    assert found.query.words == "ego sees m"
    assert all(one.card.words == f"exo sees {one.card.id[0]}" for one in row.shown)
    assert [one.right for one in row.shown].count(True) == 1
    for card, frames in [(found.query, 6), *((one.card, 3) for one in row.shown)]:
        assert CAPTION_PATTERN.fullmatch(card.caption or "")
        assert card.look
        assert card.look.pixels.shape == (frames, 64, 64, 3)
        assert card.look.peaks is not None
        assert card.look.peaks.max() == 1
    assert any("rules" in note for note in found.notes)
    text = figure([record], Wish("m/ego", "v2t", top=2), whole, registry, NullProgress())
    assert all(one.card.look is None for one in text.rows[0].shown)
    assert {one.card.words for one in text.rows[0].shown} <= {
        f"a person takes the {name}" for name in "mnop"
    }


def test_a_request_is_made_again_with_all_that_was_recorded(record: Path) -> None:
    one = load(record, "eg2ex", "gallery")
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
    whole = Given("folder:path=/d", "folder:path=/o", (), {"audio": "beats:weights=/b.pt"})
    request = again(moved, whole)
    assert str(request.dataset) == "folder:path=/d"
    assert str(request.train_on) == "folder:path=/o"
    assert request.overrides == {"embed_dim": "16", "audio": "beats:weights=/b.pt"}
    assert (request.seed, request.device) == (3, Compute("auto", "bf16"))
    for less, option in (
        (replace(whole, train_on=None), "--train-on"),
        (replace(whole, settings={}), "--set audio="),
        (replace(whole, dataset=None), "--dataset"),
    ):
        with pytest.raises(UsageError, match=f"give it whole with {option}"):
            again(moved, less)
    covered = Coverage(
        num_clips=9,
        num_used=8,
        num_rejected=0,
        num_excluded={"not in the certificate": 1},
        subset_hash="0",
    )
    part = replace(moved, record=changed.model_copy(update={"coverage": covered}))
    with pytest.raises(UsageError, match="with --subset"):
        again(part, whole)
    listed = again(part, replace(whole, ids=Path("ids.json")))
    assert (listed.allow_missing, listed.subset) == (True, Path("ids.json"))


def test_candidates_stand_by_falling_score_and_ties_as_listed() -> None:
    vectors = torch.tensor([[1.0, 0], [0, 1], [2, 2], [-1, 0], [0, 5]])
    target = Embeddings(tuple("abcde"), vectors)
    source = Embeddings(("q",), torch.tensor([[0.0, 3]]))
    found = order(asked(), source, target, "gallery", "cosine")
    assert [one.id for one in found] == ["b", "e", "c", "a", "d"]
    assert [one.place for one in found] == [1, 2, 3, 4, 5]
    assert [one.id for one in found if one.right] == ["b"]
    assert found[2].score == pytest.approx(0.5**0.5)
    by_product = order(asked(), source, target, "gallery", "dot")
    assert [(one.id, one.score) for one in by_product[:2]] == [("e", 15), ("c", 6)]


def test_a_candidate_without_an_embedding_leaves_the_gallery_and_breaks_a_list() -> None:
    target = Embeddings(tuple("abcd"), torch.eye(4))
    source = Embeddings(("q",), torch.eye(4)[:1])
    assert len(order(asked(), source, target, "gallery", "cosine")) == 4
    assert order(asked(), source, target, "mcq20", "cosine") == ()


def test_an_answer_that_stands_elsewhere_than_recorded_is_said() -> None:
    target = Embeddings(tuple("abcde"), torch.eye(5))
    source = Embeddings(("q",), torch.tensor([[0.9, 0.5, 0, 0, 0]]))
    found = order(asked(), source, target, "gallery", "cosine")
    assert disagreement(found, ranked("q", "b", 2)) is None
    assert disagreement(found, ranked("q", "b", 1, 3)) is None
    said = disagreement(found, ranked("q", "b", 4))
    assert said
    assert "at 2 of 5" in said
    assert "recorded: right answer at 4 of 5" in said
    assert "tied at 1 to 3 of 5" in verdict(ranked("q", "b", 1, 3))


def test_a_query_is_found_by_id_or_by_what_the_ranks_say() -> None:
    every = [asked("p", "a"), asked("q", "b"), asked("r", "c")]

    def recorded(*places: int) -> Recorded:
        ranks = {
            key(query): ranked(*key(query), place)
            for query, place in zip(every, places, strict=True)
        }
        return Recorded(Path("run.json"), None, ranks, "cosine")  # type: ignore[arg-type]

    ours, theirs, others = recorded(1, 1, 5), recorded(2, 4, 1), recorded(5, 1, 1)
    assert choose("q", every, [ours]) == [every[1]]
    assert choose("hardest", every, [ours, theirs]) == [every[2]]
    assert choose("contrast", every, [ours, theirs]) == [every[1]]
    assert choose("contrast", every, [ours, theirs, others]) == [every[0]]
    assert choose("contrast", every, [theirs, ours]) == [every[2]]
    with pytest.raises(UsageError, match="two runs or more"):
        choose("contrast", every, [ours])
    with pytest.raises(UsageError, match=r"'qq'; did you mean 'q'\? There are 3, such as p, q, r"):
        choose("qq", every, [ours])
    less = Recorded(Path("less.json"), None, {key(every[0]): ranked("p", "a", 1)}, "cosine")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"less.json has no rank of query q"):
        choose("q", every, [ours, less])
    assert choose("hardest", every, [ours, less]) == [every[0]]


def test_a_sound_is_drawn_where_it_is_heard() -> None:
    samples = np.zeros(1000, np.float32)
    samples[700] = -0.5
    samples[100] = 0.25
    found = peaks(samples, 10)
    assert found.tolist() == [0, 0.5, 0, 0, 0, 0, 0, 1, 0, 0]
    assert len(peaks(np.ones(3, np.float32), 10)) == 3


TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=60, deadline=None)
@given(text=TEXT, width=st.integers(60, 400))
def test_no_line_is_wider_than_its_place_and_no_letter_is_lost(text: str, width: int) -> None:
    font = Type().size(19)
    lines = wrap(text, font, width, 1000)
    assert all(font.getlength(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(clean(text).split())


def test_a_text_that_is_too_long_ends_in_an_ellipsis() -> None:
    font = Type().size(19)
    lines = wrap("word " * 2000, font, 200, 4)
    assert len(lines) == 4
    assert lines[-1].endswith("…")
    assert font.getlength(lines[-1]) <= 200
    assert wrap("one word", font, 200, 4) == ["one word"]


def test_right_and_wrong_differ_in_shape_and_not_only_in_colour() -> None:
    def strokes(*, right: bool) -> np.ndarray:
        picture = Image.new("RGB", (40, 40), PAPER)
        Pen(picture, Type()).badge(0, 0, 40, right=right)
        return np.asarray(picture.convert("L"))[8:32, 8:32] > 200

    tick, cross = strokes(right=True), strokes(right=False)
    assert tick.any()
    assert cross.any()
    assert (tick ^ cross).mean() > 0.1
    assert (cross == cross[::-1]).mean() > 0.9  # a cross is its own mirror image, a tick is not
    assert (tick == tick[::-1]).mean() < 0.9


def drawn(
    words: str, caption: str | None = None, *, look: bool = True, state: str = "audible"
) -> Figure:
    rng = np.random.default_rng(0)

    def card(name: str, frames: int) -> Card:
        pixels = rng.integers(0, 256, (frames, 36, 64, 3), dtype=np.uint8)
        heard = rng.random(160).astype(np.float32) if state == "audible" else None
        return Card(name, words, caption, Look(pixels, heard, state) if look else None)  # type: ignore[arg-type]

    first = tuple(Candidate(n, 1 - n / 9, n == 2, card(f"clip-{n}" * 9, 3)) for n in (1, 2, 3))
    far = Candidate(128, -0.25, True, card("z", 3))
    rows = (Row("ours, seed 0", "right answer at 2 of 128", first, None),
            Row("theirs " * 40, "right answer at 128 of 128", first[::2], far))  # fmt: skip
    return Figure("set: which?", "eg2ex", card("q", 6), rows, ("note",), ("warning",))


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
    picture = page(drawn(words, f"[{words[:3000]}] (click)", look=look, state=state), Type())
    assert picture.width == WIDTH
    pixels = np.asarray(picture)
    edge = MARGIN - 1
    for side in (pixels[:edge], pixels[:, :edge], pixels[:, -edge:], pixels[-edge // 2 :]):
        assert (side == 255).all()


def test_one_tall_picture_of_one_candidate_leaves_room_for_the_rest() -> None:
    look = Look(np.zeros((1, 90, 30, 3), np.uint8), None, "silent")
    card = Card("c", "word " * 999, "[a] (b), " * 99, look)
    rows = (Row("ours", "right answer at 1 of 9", (Candidate(1, 0.5, True, card),), None),) * 2
    picture = page(Figure("set: which?", "eg2ex", card, rows, (), ()), Type())
    assert picture.height < ROOM * len(rows)
    assert (np.asarray(picture)[-MARGIN // 2 :] == 255).all()


def test_the_same_figure_gives_the_same_pixels() -> None:
    one, two = (page(drawn("a person takes the cup"), Type()) for _ in range(2))
    assert one.tobytes() == two.tobytes()


def test_letters_that_the_typeface_does_not_have_are_named() -> None:
    assert unreadable(drawn("a person takes the cup"), Type()) == []
    (said,) = unreadable(drawn("切大蒜"), Type())
    assert "no shape for 3 characters" in said
    assert "U+5207" in said
    assert "--font" in said
