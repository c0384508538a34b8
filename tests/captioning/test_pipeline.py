from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from egoexobench.captioning.cache import Store
from egoexobench.captioning.pipeline import LIMIT, write
from egoexobench.captioning.stats import complete, tell
from egoexobench.errors import CaptionerUnavailableError, DataError
from egoexobench.protocols import Captioner, CaptionRequest, CaptionResponse, ModelCaptioner
from egoexobench_plugins.captions.rule_captioner import Rules


class Plain:
    """One method, no more: what a third party writes."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def caption(self, narrations: Sequence[str]) -> list[str]:
        self.asked += narrations
        return [self.answers.get(text, f"[{text[:9]}] (pop)") for text in narrations]


class Model:
    """Asks a model that stops after some answers."""

    def __init__(self, stops: int = 1_000, frequent: float | None = None) -> None:
        self.key = {"captioner": "test"}
        self.left, self.frequent = stops, frequent
        self.asks: list[CaptionRequest] = []

    def caption(self, narrations: Sequence[str]) -> list[str]:
        raise AssertionError("not called: the captioner answers asks")

    def answer(self, asks: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        for ask in asks:
            if not self.left:
                raise CaptionerUnavailableError("the model is gone")
            self.left -= 1
            self.asks.append(ask)
            yield CaptionResponse(ask, "[jar] (pop)" if ask.concepts else f"[{ask.text}] (pop)")


class Counted:
    """Progress that adds up."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def stage(self, name: str, total: int):
        from contextlib import contextmanager

        @contextmanager
        def inside():
            self.total += total
            yield lambda n: setattr(self, "done", self.done + n)

        return inside()


def test_a_third_partys_captioner_needs_one_method() -> None:
    assert isinstance(Plain(), Captioner)
    assert not isinstance(Plain(), ModelCaptioner)
    assert write(Plain(), {"a": "jar"}).captions == {"a": "[jar] (pop)"}


def test_bad_output_is_tried_twice_counted_and_left_out() -> None:
    captioner = Plain(bad="Prose.", worse="")
    written = write(captioner, {"a": "jar", "b": "bad", "c": "worse", "d": "bad"})
    assert written.captions == {"a": "[jar] (pop)"}
    assert written.report.refused == {"empty": 1, "not a closed caption": 1}
    assert (written.report.retried, written.report.missing) == (2, 3)
    assert captioner.asked == ["bad", "jar", "worse", "bad", "worse"]


def test_an_empty_narration_has_no_caption_and_is_not_asked() -> None:
    captioner = Plain()
    written = write(captioner, {"a": "jar", "b": "", "c": " \n"})
    assert set(written.captions) == {"a"}
    assert written.report.empty == 2
    assert captioner.asked == ["jar"]


def test_a_very_long_narration_is_cut_at_a_space_and_counted() -> None:
    captioner = Plain()
    long, unbroken = "word " * 1000, "蒜" * 5000
    written = write(captioner, {"a": long, "b": unbroken, "c": "short"})
    assert written.report.cut == 2
    assert set(written.captions) == {"a", "b", "c"}
    assert sorted(map(len, captioner.asked)) == [5, LIMIT - 1, LIMIT]
    assert all(long.startswith(text) for text in captioner.asked if text[0] == "w")


def test_half_a_character_in_a_narration_reaches_no_captioner(tmp_path: Path) -> None:
    captioner = Plain()
    assert set(write(captioner, {"a": "jar \ud800"}, store=Store(tmp_path)).captions) == {"a"}
    assert captioner.asked == ["jar ?"]


def test_long_captions_are_counted_and_passed_on_whole() -> None:
    long = ", ".join(f"[sound {i}] (pop)" for i in range(30))
    written = write(Plain(jar=long), {"a": "jar", "b": "tin"})
    assert written.captions["a"] == long
    assert written.report.long == 1


def test_captions_survive_a_model_that_stops_and_are_not_asked_for_again(tmp_path: Path) -> None:
    texts = {str(i): f"jar {i}" for i in range(10)}
    first = write(Model(stops=4), texts, store=Store(tmp_path))
    assert first.report.stopped == "the model is gone"
    assert first.report.refused == {"no answer": 6}
    model = Model()
    last = write(model, texts, store=Store(tmp_path))
    assert len(model.asks) == 6
    assert (last.report.stored, last.report.written) == (4, 6)
    assert last.captions == write(Model(), texts).captions


def test_refinement_learns_from_training_narrations_alone() -> None:
    texts = {"train1": "jar", "train2": "tin", "test1": "cup", "test2": "cup", "test3": "cup"}
    model = Model(frequent=0.6)
    written = write(model, texts, training=["train1", "train2"])
    assert written.report.concepts == ("pop",), "cup is frequent in the test narrations only"
    assert {ask.concepts for ask in model.asks} == {(), ("pop",)}
    assert set(written.captions.values()) == {"[jar] (pop)"}
    assert write(Model(frequent=0.6), texts).report.concepts == ()
    assert write(Model(), texts, training=["train1"]).report.concepts == ()


def test_rules_refine_without_a_model_and_never_to_nothing() -> None:
    texts = {"a": "C takes the jar, then opens the tin", "b": "C takes the jar", "c": "C takes it"}
    written = write(Rules(0.6), texts, training=["a", "b", "c"])
    assert written.report.concepts == ("soft rustling", "jar")
    assert written.captions["a"] == "[tin] (pop)"
    assert written.captions["b"] == "[jar] (soft rustling)"
    assert written.captions["c"] == "[person] (soft rustling)"


def test_captions_stay_as_they_were_where_refining_stops() -> None:
    texts = {"a": "jar", "b": "tin"}
    written = write(Model(stops=3, frequent=0.9), texts, training=["a", "b"])
    assert written.captions == {"a": "[jar] (pop)", "b": "[tin] (pop)"}
    assert written.report.unrefined == 1
    early = write(Model(stops=1, frequent=0.9), texts, training=["a", "b"])
    assert early.report.unrefined == len(early.captions) == 1


def test_a_captioner_that_answers_too_little_or_unasked_is_an_error() -> None:
    class Lazy(Model):
        def answer(self, asks: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
            yield from list(super().answer(asks))[1:]

    class Twice(Model):
        def answer(self, asks: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
            yield from list(super().answer(asks)) * 2

    with pytest.raises(DataError, match="1 captions for 2"):
        write(Lazy(), {"a": "jar", "b": "tin"})
    with pytest.raises(DataError, match="unasked, or twice"):
        write(Twice(), {"a": "jar"})


def test_progress_counts_what_is_asked_and_ends_where_it_should(tmp_path: Path) -> None:
    texts = {"a": "jar", "b": "bad", "c": "tin"}
    seen = Counted()
    write(Plain(bad="prose"), texts, progress=seen)
    assert seen.done == seen.total == 3
    write(Model(), texts, store=Store(tmp_path))
    again = Counted()
    write(Model(), texts, store=Store(tmp_path), progress=again)
    assert again.total == 0


def test_complete_says_how_many_captions_are_missing_and_why() -> None:
    assert complete(write(Plain(), {"a": "jar"})) == {"a": "[jar] (pop)"}
    with pytest.raises(DataError, match=r"2 of 3 texts.*empty narration: 1; .*closed caption: 1"):
        complete(write(Plain(bad="x"), {"a": "jar", "b": "bad", "c": ""}))


def test_the_report_is_told_in_lines() -> None:
    lines = tell(write(Plain(bad="x"), {"a": "jar", "b": "bad", "c": ""}).report)
    assert lines[0].startswith("1 of 2 different narrations have a caption")
    assert "1 not a closed caption" in lines[1]
    assert lines[2] == "1 narrations are empty and have no caption"
