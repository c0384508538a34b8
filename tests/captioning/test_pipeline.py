import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from file_damage import DAMAGES, damage_file

from egoexobench.captioning.cache import open_cache
from egoexobench.captioning.pipeline import MAX_NARRATION_CHARS, generate_captions
from egoexobench.captioning.stats import format_stats, require_all
from egoexobench.errors import DataError, ModelUnavailableError, NoticeWarning, PartError
from egoexobench.protocols import Captioner, CaptionRequest, CaptionResponse, ModelCaptioner
from egoexobench_plugins.captions.rule_captioner import RuleCaptioner


class ListCaptioner:
    """A captioner with the only method that is required."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.received: list[str] = []

    def caption(self, narrations: Sequence[str]) -> list[str]:
        self.received += narrations
        return [self.answers.get(text, f"[{text[:9]}] (pop)") for text in narrations]


class FakeModelCaptioner:
    """A captioner whose model stops after some answers."""

    def __init__(self, num_answers: int = 1_000, frequent: float | None = None) -> None:
        self.key = {"captioner": "test"}
        self.num_left, self.frequent = num_answers, frequent
        self.requests: list[CaptionRequest] = []

    def caption(self, narrations: Sequence[str]) -> list[str]:
        raise AssertionError("not called: the captioner answers requests")

    def answer(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
        for request in requests:
            if not self.num_left:
                raise ModelUnavailableError("the model is gone")
            self.num_left -= 1
            self.requests.append(request)
            yield CaptionResponse(
                request, "[jar] (pop)" if request.concepts else f"[{request.text}] (pop)"
            )


class CountingProgress:
    """Progress that counts all stages together."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def stage(self, name: str, total: int):
        from contextlib import contextmanager

        @contextmanager
        def inside():
            self.total += total
            yield lambda n: setattr(self, "done", self.done + n)

        return inside()


def test_a_third_party_captioner_needs_one_method() -> None:
    assert isinstance(ListCaptioner(), Captioner)
    assert not isinstance(ListCaptioner(), ModelCaptioner)
    assert generate_captions(ListCaptioner(), {"a": "jar"}).captions == {"a": "[jar] (pop)"}


def test_bad_output_is_requested_twice_counted_and_not_used() -> None:
    captioner = ListCaptioner(bad="Prose.", worse="")
    caption_set = generate_captions(captioner, {"a": "jar", "b": "bad", "c": "worse", "d": "bad"})
    assert caption_set.captions == {"a": "[jar] (pop)"}
    assert caption_set.stats.refusals == {"empty": 1, "not a closed caption": 1}
    assert (caption_set.stats.num_retried, caption_set.stats.num_missing) == (2, 3)
    assert captioner.received == ["bad", "jar", "worse", "bad", "worse"]


def test_an_empty_narration_has_no_caption_and_no_request() -> None:
    captioner = ListCaptioner()
    caption_set = generate_captions(captioner, {"a": "jar", "b": "", "c": " \n"})
    assert set(caption_set.captions) == {"a"}
    assert caption_set.stats.num_empty == 2
    assert captioner.received == ["jar"]


def test_a_very_long_narration_is_cut_at_a_space_and_counted() -> None:
    captioner = ListCaptioner()
    long, unbroken = "word " * 1000, "蒜" * 5000
    caption_set = generate_captions(captioner, {"a": long, "b": unbroken, "c": "short"})
    assert caption_set.stats.num_truncated == 2
    assert set(caption_set.captions) == {"a", "b", "c"}
    assert sorted(map(len, captioner.received)) == [5, MAX_NARRATION_CHARS - 1, MAX_NARRATION_CHARS]
    assert all(long.startswith(text) for text in captioner.received if text[0] == "w")


def test_half_a_character_in_a_narration_reaches_no_captioner(tmp_path: Path) -> None:
    captioner = ListCaptioner()
    assert set(
        generate_captions(captioner, {"a": "jar \ud800"}, cache=open_cache(tmp_path)).captions
    ) == {"a"}
    assert captioner.received == ["jar ?"]


def test_long_captions_are_counted_and_not_cut() -> None:
    long = ", ".join(f"[sound {i}] (pop)" for i in range(30))
    caption_set = generate_captions(ListCaptioner(jar=long), {"a": "jar", "b": "tin"})
    assert caption_set.captions["a"] == long
    assert caption_set.stats.num_over_context == 1


def test_captions_survive_a_model_that_stops_and_are_not_requested_again(tmp_path: Path) -> None:
    texts = {str(i): f"jar {i}" for i in range(10)}
    first = generate_captions(FakeModelCaptioner(num_answers=4), texts, cache=open_cache(tmp_path))
    assert first.stats.abort_reason == "the model is gone"
    assert first.stats.refusals == {"no answer": 6}
    model = FakeModelCaptioner()
    last = generate_captions(model, texts, cache=open_cache(tmp_path))
    assert len(model.requests) == 6
    assert (last.stats.num_cached, last.stats.num_written) == (4, 6)
    assert last.captions == generate_captions(FakeModelCaptioner(), texts).captions


def test_refinement_learns_from_training_narrations_alone() -> None:
    texts = {"train1": "jar", "train2": "tin", "test1": "cup", "test2": "cup", "test3": "cup"}
    model = FakeModelCaptioner(frequent=0.6)
    caption_set = generate_captions(model, texts, training=["train1", "train2"])
    assert caption_set.stats.concepts == ("pop",), "cup is frequent in the test narrations only"
    assert {request.concepts for request in model.requests} == {(), ("pop",)}
    assert set(caption_set.captions.values()) == {"[jar] (pop)"}
    assert generate_captions(FakeModelCaptioner(frequent=0.6), texts).stats.concepts == ()
    assert generate_captions(FakeModelCaptioner(), texts, training=["train1"]).stats.concepts == ()


def test_rules_refine_without_a_model_and_never_to_nothing() -> None:
    texts = {"a": "C takes the jar, then opens the tin", "b": "C takes the jar", "c": "C takes it"}
    caption_set = generate_captions(RuleCaptioner(0.6), texts, training=["a", "b", "c"])
    assert caption_set.stats.concepts == ("soft rustling", "jar")
    assert caption_set.captions["a"] == "[tin] (pop)"
    assert caption_set.captions["b"] == "[jar] (soft rustling)"
    assert caption_set.captions["c"] == "[person] (soft rustling)"


def test_captions_are_not_changed_where_refining_stops() -> None:
    texts = {"a": "jar", "b": "tin"}
    caption_set = generate_captions(
        FakeModelCaptioner(num_answers=3, frequent=0.9), texts, training=["a", "b"]
    )
    assert caption_set.captions == {"a": "[jar] (pop)", "b": "[tin] (pop)"}
    assert caption_set.stats.num_unrefined == 1
    early = generate_captions(
        FakeModelCaptioner(num_answers=1, frequent=0.9), texts, training=["a", "b"]
    )
    assert early.stats.num_unrefined == len(early.captions) == 1


def test_a_captioner_with_missing_or_repeated_answers_is_an_error() -> None:
    class IncompleteCaptioner(FakeModelCaptioner):
        def answer(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
            yield from list(super().answer(requests))[1:]

    class RepeatingCaptioner(FakeModelCaptioner):
        def answer(self, requests: Iterable[CaptionRequest]) -> Iterator[CaptionResponse]:
            yield from list(super().answer(requests)) * 2

    with pytest.raises(PartError, match="1 captions for 2"):
        generate_captions(IncompleteCaptioner(), {"a": "jar", "b": "tin"})
    with pytest.raises(PartError, match="without a request, or twice"):
        generate_captions(RepeatingCaptioner(), {"a": "jar"})


def test_progress_counts_requests_up_to_the_total(tmp_path: Path) -> None:
    texts = {"a": "jar", "b": "bad", "c": "tin"}
    progress = CountingProgress()
    generate_captions(ListCaptioner(bad="prose"), texts, progress=progress)
    assert progress.done == progress.total == 3
    generate_captions(FakeModelCaptioner(), texts, cache=open_cache(tmp_path))
    cached_progress = CountingProgress()
    generate_captions(
        FakeModelCaptioner(), texts, cache=open_cache(tmp_path), progress=cached_progress
    )
    assert cached_progress.total == 0


def test_complete_says_how_many_captions_are_missing_and_why() -> None:
    assert require_all(generate_captions(ListCaptioner(), {"a": "jar"})) == {"a": "[jar] (pop)"}
    with pytest.raises(DataError, match=r"2 of 3 texts.*empty narration: 1; .*closed caption: 1"):
        require_all(generate_captions(ListCaptioner(bad="x"), {"a": "jar", "b": "bad", "c": ""}))


def test_the_report_is_a_list_of_lines() -> None:
    lines = format_stats(
        generate_captions(ListCaptioner(bad="x"), {"a": "jar", "b": "bad", "c": ""}).stats
    )
    assert lines[0].startswith("1 of 2 distinct narrations have a caption")
    assert "1 not a closed caption" in lines[1]
    assert lines[2] == "1 narrations are empty and have no caption"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "empty"])
def test_no_damaged_caption_is_used_and_one_line_names_the_file(
    tmp_path: Path, damage: str, seed: int
) -> None:
    texts = {f"{i}": f"jar {i} falls on the table" for i in range(30)}
    first = generate_captions(FakeModelCaptioner(), texts, cache=open_cache(tmp_path))
    (path,) = tmp_path.glob("*.jsonl")
    damage_file(path, damage, seed)
    model = FakeModelCaptioner()
    intact = open_cache(tmp_path).open(model.key).responses
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        again = generate_captions(model, texts, cache=open_cache(tmp_path))
    assert again.captions == first.captions
    requested = {request.text for request in model.requests}
    assert requested == set(texts.values()) - intact.keys()
    lines = [str(item.message) for item in caught]
    assert [line.startswith(f"{path} is damaged or was edited") for line in lines] == (
        [True] if requested else []
    )


def test_an_edited_caption_of_the_store_is_requested_again(tmp_path: Path) -> None:
    generate_captions(FakeModelCaptioner(), {"a": "jar"}, cache=open_cache(tmp_path))
    (path,) = tmp_path.glob("*.jsonl")
    path.write_text(path.read_text().replace("(pop)", "(bang)"))
    with pytest.warns(NoticeWarning, match="captioner=imported:file=FILE reads edited captions"):
        result = generate_captions(FakeModelCaptioner(), {"a": "jar"}, cache=open_cache(tmp_path))
    assert result.captions == {"a": "[jar] (pop)"}
